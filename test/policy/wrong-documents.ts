// Policies that are wrong but for their conditions, and what is said of them.
import { maxPolicyLength } from "../../src/policy/document.ts";
import { effect, rule, type WrongPolicy } from "./wrong-policy.ts";

/** Wrong texts, keys, values, rules and effects of every kind. */
export const wrongDocuments: readonly WrongPolicy[] = [
  ["an empty file", "", ["p:1:1: The policy is empty. It needs at least a name, and usually rules."]],
  ["a list instead of a mapping", "- a", ["p:1:1: A policy must be a mapping with keys like name, description, lists, not a list."]],
  ["an unknown key", "name: x\nrulez: []", ['p:2:1: Unknown key "rulez". Did you mean "rules"?']],
  [
    "an unknown key that resembles none",
    "name: x\nzzz: 1",
    ['p:2:1: Unknown key "zzz". Known keys: name, description, lists, default, rules.'],
  ],
  ["no name", "rules: []", ["p:1:1: name must be at least 1 bytes."]],
  [
    "YAML that does not parse",
    "name: x\nrules: [",
    ["p:2:9: Flow sequence in block collection must be sufficiently indented and end with a ]."],
  ],
  ["a key twice", "name: x\nname: y", ['p:2:1: The key "name" is there already.']],
  ["an alias", "name: &a x\ndescription: *a", ["p:2:14: description is a YAML alias; write the value out."]],
  [
    "an unknown list kind",
    "name: x\nlists: { a: { kind: exat } }",
    ['p:2:21: lists["a"].kind must be one of exact, pattern, glob, cidr, not "exat". Did you mean "exact"?'],
  ],
  [
    "a list name in capitals",
    "name: x\nlists: { Staff: {} }",
    ['p:2:17: lists["Staff"] does not match regex pattern `^[a-z][a-z0-9_]*$`.'],
  ],
  [
    "a default for an unknown action",
    "name: x\ndefault: { create: allow }",
    ['p:2:12: Unknown key "create" in default. Known keys: create_account, add_subscribers, send_message.'],
  ],
  [
    "a default that is no verdict",
    "name: x\ndefault: { create_account: maybe }",
    ['p:2:28: default.create_account must be one of allow, deny, discard, not "maybe".'],
  ],
  [
    "two effects",
    rule("    then: { allow: {}, deny: {} }"),
    ["p:6:30: rules[0].then.deny: only one of allow, deny, refuse, flag, discard, rewrite can be given."],
  ],
  [
    "an effect that the action cannot have",
    rule("    then: { refuse: {} }"),
    ['p:6:11: rule "a": create_account cannot have the effect refuse; it can have allow, deny, flag.'],
  ],
  [
    "a code below the range",
    rule("    then: { deny: { code: 120000 } }"),
    ['p:6:27: rule "a": The code 120000 would not reach the client; use 1 or a code from 120001 to 130000.'],
  ],
  [
    "a code above the range",
    rule("    then: { deny: { code: 130001 } }"),
    ['p:6:27: rule "a": The code 130001 would not reach the client; use 1 or a code from 120001 to 130000.'],
  ],
  ["a code in words", rule("    then: { deny: { code: many } }"), ['p:6:27: rules[0].then.deny.code must be a whole number, not "many".']],
  [
    "a message that is a number",
    rule("    then: { deny: { message: 12 } }"),
    ['p:6:30: rules[0].then.deny.message must be text, not the number "12". Put it in quotes: "12".'],
  ],
  [
    "an unknown action",
    "name: x\nrules:\n  - id: a\n    on: [create_acount]\n    then: { flag: {} }",
    ['p:4:10: rule "a": There is no action or event "create_acount". Did you mean "create_account"?'],
  ],
  [
    "no action",
    "name: x\nrules:\n  - id: a\n    on: []\n    then: { flag: {} }",
    ['p:4:9: rule "a": rules[0].on must contain at least 1 item(s).'],
  ],
  [
    "an id twice",
    `${rule("    then: { flag: {} }")}\n  - id: a\n    on: [create_account]\n    then: { flag: {} }`,
    ['p:7:9: rule "a": Another rule has this id already, on line 4.'],
  ],
  [
    "an id with a space",
    "name: x\nrules:\n  - id: a b\n    on: [create_account]\n    then: { flag: {} }",
    ['p:3:9: rule "a b": rules[0].id does not match regex pattern `^[A-Za-z0-9][A-Za-z0-9._-]*$`.'],
  ],
  [
    "an unknown mode",
    rule("    mode: shadw\n    then: { flag: {} }"),
    ['p:6:11: rules[0].mode must be one of enforce, shadow, not "shadw". Did you mean "shadow"?'],
  ],
  [
    "a NUL in a message",
    rule('    then: { deny: { message: "a\\0" } }'),
    ["p:6:30: rules[0].then.deny.message has a NUL or half of a surrogate pair; neither can be kept."],
  ],
  [
    "a text that is too long",
    `name: ${"x".repeat(maxPolicyLength)}`,
    ["p:1:1: The policy has 1048582 characters; at most 1048576 are allowed. Move long enumerations into lists."],
  ],
  [
    "YAML nested too deeply",
    `name: ${"[".repeat(100_000)}`,
    ["p:1:256: The policy is nested too deeply here: at most 250 levels are allowed."],
  ],
  [
    "an unknown field in a message",
    effect('{ deny: { message: "{nam} is reserved." } }'),
    ['p:6:31: rule "a": There is no field "nam" to put in here. Did you mean "name"? Write {{ for a brace itself.'],
  ],
  [
    "a list in a message",
    effect('{ deny: { message: "{subscribers}" } }', "add_subscribers"),
    [
      'p:6:31: rule "a": There is no field "subscribers" to put in here. There are: app_id, client_ip, platform, account_id, operator. Write {{ for a brace itself.',
    ],
  ],
  [
    "a brace that is not closed",
    effect('{ deny: { message: "a {name" } }'),
    ['p:6:33: rule "a": A brace is not closed; write {{ for a brace itself.'],
  ],
  [
    "a field in a message that one of two subjects lacks",
    effect('{ deny: { message: "no {owner}" } }', "create_account, add_subscribers"),
    [
      'p:6:34: rule "a": There is no field "owner" to put in here. There are: app_id, client_ip, platform, account_id, operator. Write {{ for a brace itself.',
    ],
  ],
  [
    "a bad language tag",
    effect("{ deny: { message: a, translations: { zh_CN: b } } }"),
    ['p:6:56: rule "a": "zh_CN" is not a language tag; write one such as zh, ja or pt-BR.'],
  ],
  [
    "an unknown field in a translation",
    effect('{ deny: { message: a, translations: { zh: "{x}" } } }'),
    [
      'p:6:54: rule "a": There is no field "x" to put in here. There are: app_id, client_ip, platform, operator, owner, name. Write {{ for a brace itself.',
    ],
  ],
  [
    "a refuse of a creation",
    effect("{ refuse: {} }"),
    ['p:6:11: rule "a": create_account cannot have the effect refuse; it can have allow, deny, flag.'],
  ],
  [
    "a refuse of an event",
    effect("{ refuse: {} }", "account_profile_changed"),
    ['p:6:11: rule "a": account_profile_changed cannot have the effect refuse; it can have allow, deny, flag.'],
  ],
  [
    "a refuse where one of two subjects has none",
    effect("{ refuse: {} }", "add_subscribers, create_account"),
    ['p:6:11: rule "a": create_account cannot have the effect refuse; it can have allow, deny, flag.'],
  ],
  [
    "an unknown severity",
    effect("{ flag: { severity: severe } }"),
    ['p:6:31: rules[0].then.flag.severity must be one of low, medium, high, not "severe".'],
  ],
  [
    "a message of a flag",
    effect("{ flag: { message: look } }"),
    ['p:6:21: Unknown key "message" in rules[0].then.flag. Known keys: severity.'],
  ],
  [
    "a code that is no 32-bit number",
    effect("{ deny: { code: 99999999999 } }"),
    ['p:6:27: rules[0].then.deny.code must be a whole number from -2147483648 to 2147483647, not the number "99999999999".'],
  ],
  [
    "a message that is too long",
    effect(
      "{ deny: { message: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx } }",
    ),
    ['p:6:30: rule "a": rules[0].then.deny.message must be at most 1000 bytes.'],
  ],
  [
    "a default for an event",
    "name: x\ndefault: { account_created: deny }",
    ['p:2:12: Unknown key "account_created" in default. Known keys: create_account, add_subscribers, send_message.'],
  ],
  ["discard as a default", "name: x\ndefault: { create_account: discard }", ["p:2:28: default.create_account cannot have this value."]],
  [
    "an unknown on_error",
    "name: x\nlists: { banned: { kind: exact }, words: { kind: pattern }, nets: { kind: cidr }, ids: { kind: glob } }\nrules:\n  - id: a\n    on: [create_account]\n    when: 'name == operator'\n    then: { flag: {} }\n    on_error: ignore",
    ['p:8:15: rules[0].on_error must be one of apply, skip, not "ignore".'],
  ],
  [
    "labels in a list",
    "name: x\nlists: { banned: { kind: exact }, words: { kind: pattern }, nets: { kind: cidr }, ids: { kind: glob } }\nrules:\n  - id: a\n    on: [create_account]\n    when: 'name == operator'\n    then: { flag: {} }\n    labels: [a]",
    ["p:8:13: rules[0].labels must be a mapping, not a list."],
  ],
  [
    "a label that is a number",
    "name: x\nlists: { banned: { kind: exact }, words: { kind: pattern }, nets: { kind: cidr }, ids: { kind: glob } }\nrules:\n  - id: a\n    on: [create_account]\n    when: 'name == operator'\n    then: { flag: {} }\n    labels: { ticket: 17 }",
    ['p:8:23: rules[0].labels["ticket"] must be text, not the number "17". Put it in quotes: "17".'],
  ],
  [
    "a list entry's place in the policy",
    "name: x\nlists: { staff: [boss] }",
    ['p:2:17: lists["staff"] must be a mapping with keys like kind, description, not a list.'],
  ],
  [
    "a rule that is never asked",
    'name: x\nrules:\n  - { id: all, on: [create_account], then: { deny: {} } }\n  - { id: late, on: [create_account], when: name == "x", then: { flag: {} } }',
    ['p:4:11: rule "late": This rule is never asked: "all" on line 3 always holds and ends it before.'],
  ],
  [
    "a rule that is never asked on any of its subjects",
    'name: x\nrules:\n  - { id: all, on: [create_account, add_subscribers], when: "true", then: { allow: {} } }\n  - { id: late, on: [create_account, add_subscribers], then: { deny: {} } }',
    ['p:4:11: rule "late": This rule is never asked: "all" on line 3 always holds and ends it before.'],
  ],
  ["rules that are text", "name: x\nrules: [a]", ['p:2:9: rules[0] must be a mapping with keys like id, description, on, not "a".']],
  [
    "a rule that is nothing",
    "name: x\nrules: [null]",
    [
      "p:2:9: rules[0].id does not match regex pattern `^[A-Za-z0-9][A-Za-z0-9._-]*$`.",
      "p:2:9: rules[0].on must contain at least 1 item(s).",
      "p:2:9: rules[0].then value is required.",
    ],
  ],
  ["rules without a value", "name: x\nrules:", ["p:2:7: rules has no value."]],
  ["a merge key", "name: x\n<<: { rules: [] }", ['p:2:1: Unknown key "<<". Known keys: name, description, lists, default, rules.']],
  ["a tag", "name: !foo x", ["p:1:7: Unresolved tag: !foo."]],
  ["two documents", "name: x\n---\nname: y", ["p:2:1: Another YAML document begins here; there can be only one."]],
  ["a tab", "name: x\nrules:\n\t- id: a", ["p:3:1: Tabs are not allowed as indentation."]],
  ["a key of Object", "name: x\n__proto__: 1", ['p:2:1: Unknown key "__proto__". Known keys: name, description, lists, default, rules.']],
  [
    "a message of a rule that is asked once, naming one of many",
    effect('{ deny: { message: "{subscriber} may not" } }', "add_subscribers"),
    [
      'p:6:31: rule "a": There is no field "subscriber" to put in here. There are: app_id, client_ip, platform, account_id, operator. Write {{ for a brace itself.',
    ],
  ],
  [
    "a rewrite that says nothing",
    effect("{ rewrite: {} }", "send_message"),
    ['p:6:22: rule "a": A rewrite says what to remove, mask or replace.'],
  ],
  [
    "a rewrite of a creation",
    effect("{ rewrite: { remove: { custom_data: true } } }"),
    ['p:6:11: rule "a": create_account cannot have the effect rewrite; it can have allow, deny, flag.'],
  ],
  [
    "a discard of subscribers",
    effect("{ discard: {} }", "add_subscribers"),
    ['p:6:11: rule "a": add_subscribers cannot have the effect discard; it can have allow, deny, refuse, flag.'],
  ],
  [
    "a removal of nothing",
    effect("{ rewrite: { remove: {} } }", "send_message"),
    ['p:6:32: rule "a": Say what to remove: element_types, or custom_data: true.'],
  ],
  [
    "a mask by a list that is not declared",
    effect("{ rewrite: { mask: { list: words } } }", "send_message"),
    ['p:6:38: rule "a": List "words" is not declared under "lists". The policy declares no lists.'],
  ],
  [
    "a mask by a list of another kind",
    `name: x\nlists: { ids: { kind: glob } }\nrules:\n  - { id: a, on: [send_message], then: { rewrite: { mask: { list: ids } } } }`,
    ['p:4:67: rule "a": List "ids" is of kind glob; only a pattern list can find what is in a text.'],
  ],
  [
    "a mask without a list",
    effect("{ rewrite: { mask: {} } }", "send_message"),
    ['p:6:30: rule "a": rules[0].then.rewrite.mask.list must be at least 1 bytes.'],
  ],
  [
    "a mask of two characters",
    `name: x\nlists: { words: { kind: pattern } }\nrules:\n  - { id: a, on: [send_message], then: { rewrite: { mask: { list: words, with: "**" } } } }`,
    ['p:4:80: rule "a": A mask is one character that can be seen; replace puts longer texts.'],
  ],
  [
    "a mask that cannot be seen",
    `name: x\nlists: { words: { kind: pattern } }\nrules:\n  - { id: a, on: [send_message], then: { rewrite: { mask: { list: words, with: "\u200b" } } } }`,
    ['p:4:80: rule "a": A mask is one character that can be seen; replace puts longer texts.'],
  ],
  [
    "a whole message replaced by nothing",
    effect("{ rewrite: { replace: {} } }", "send_message"),
    ['p:6:33: rule "a": Without a list the whole message is replaced: say with what. To send nothing, deny or discard.'],
  ],
  [
    "finds replaced by a long text",
    `name: x\nlists: { words: { kind: pattern } }\nrules:\n  - { id: a, on: [send_message], then: { rewrite: { replace: { list: words, with: ${"x".repeat(101)} } } } }`,
    ['p:4:83: rule "a": In the place of each find goes a text of at most 100 bytes.'],
  ],
  [
    "an unknown key in a rewrite",
    effect("{ rewrite: { hide: {} } }", "send_message"),
    [
      'p:6:22: rule "a": A rewrite says what to remove, mask or replace.',
      'p:6:24: Unknown key "hide" in rules[0].then.rewrite. Known keys: remove, mask, replace.',
    ],
  ],
  [
    "a rule after one that always discards",
    "name: x\nrules:\n  - { id: all, on: [send_message], then: { discard: {} } }\n  - { id: late, on: [send_message], then: { flag: {} } }",
    ['p:4:11: rule "late": This rule is never asked: "all" on line 3 always holds and ends it before.'],
  ],
];
