// Conditions that are wrong, and what is said of them.
import { condition, rule, type WrongPolicy } from "./wrong-policy.ts";

/** Wrong conditions of every kind. */
export const wrongConditions: readonly WrongPolicy[] = [
  [
    "inList() on a pattern list",
    condition('inList(name, "words")'),
    ['p:6:25: rule "a": inList() cannot ask "words", which is of kind pattern; use matchesList().'],
  ],
  [
    "matchesList() on an exact list",
    condition('matchesList(name, "banned")'),
    ['p:6:30: rule "a": matchesList() cannot ask "banned", which is of kind exact; use inList().'],
  ],
  [
    "matchesList() on a cidr list",
    condition('matchesList(client_ip, "nets")'),
    ['p:6:35: rule "a": matchesList() cannot ask "nets", which is of kind cidr; use inList().'],
  ],
  [
    "matchesList() on a glob list",
    condition('matchesList(skeleton(name), "ids")'),
    ['p:6:40: rule "a": matchesList() cannot ask "ids", which is of kind glob; use inList().'],
  ],
  [
    "a regular expression that does not parse",
    condition('regex(name, "(")'),
    ['p:6:24: rule "a": regex() cannot use this pattern: The regular expression is wrong: missing closing ): `(`.'],
  ],
  [
    "a back-reference",
    condition('regex(name, "(a)\\\\1")'),
    [
      'p:6:24: rule "a": regex() cannot use this pattern: Back-references cannot run in linear time and are not supported; match the repeated text some other way (at \\1).',
    ],
  ],
  [
    "a look-ahead",
    condition('regex(name, "a(?=b)")'),
    [
      'p:6:24: rule "a": regex() cannot use this pattern: Look-ahead and look-behind cannot run in linear time and are not supported; write two conditions instead (at (?=).',
    ],
  ],
  [
    "an atomic group",
    condition('regex(name, "(?>a)")'),
    ['p:6:24: rule "a": regex() cannot use this pattern: Atomic groups are not supported, nor needed: nothing here backtracks (at (?>).'],
  ],
  [
    "a nested repetition that is too large",
    condition('regex(name, "((a{1,1000}){1,1000})")'),
    ['p:6:24: rule "a": regex() cannot use this pattern: The regular expression is wrong: expression too large.'],
  ],
  [
    "a regular expression that is computed",
    condition("regex(name, owner)"),
    ['p:6:24: rule "a": regex() takes a pattern in quotes here, such as regex(name, "(?i)free +money").'],
  ],
  [
    "a glob that ends in a backslash",
    condition('glob(name, "a\\\\")'),
    ['p:6:23: rule "a": glob() cannot use this pattern: The glob "a\\" ends in a backslash; write \\\\ for a backslash itself.'],
  ],
  [
    "a glob that is computed",
    condition('glob(name, owner + "*")'),
    ['p:6:23: rule "a": glob() takes a pattern in quotes here, such as glob(name, "Official *").'],
  ],
  [
    "a range with too long a prefix",
    condition('inCidr(client_ip, "10.0.0.0/33")'),
    ['p:6:30: rule "a": inCidr() cannot use this pattern: In "10.0.0.0/33", what follows the slash must be a number from 0 to 32.'],
  ],
  [
    "a range with bits after its prefix",
    condition('inCidr(client_ip, "10.0.0.1/8")'),
    [
      'p:6:30: rule "a": inCidr() cannot use this pattern: "10.0.0.1/8" has bits set after its first 8; write 10.0.0.0/8, or 10.0.0.1 alone.',
    ],
  ],
  [
    "a range that is none",
    condition('inCidr(client_ip, "localhost")'),
    [
      'p:6:30: rule "a": inCidr() cannot use this pattern: "localhost" is not an address range; write one such as 203.0.113.0/24, 2001:db8::/32 or 203.0.113.7.',
    ],
  ],
  [
    "a window that is computed",
    condition('rate("create_account", operator, now - timestamp("2026-01-01T00:00:00Z")) > 1'),
    ['p:6:45: rule "a": rate() takes a time span that is written out here, such as duration("1h").'],
  ],
  [
    "a window in words",
    condition('rate("create_account", operator, duration("1 hour")) > 1'),
    ['p:6:45: rule "a": rate() takes a time span that is written out here, such as duration("1h").'],
  ],
  [
    "a window without a unit",
    condition('rate("create_account", operator, duration("90")) > 1'),
    ['p:6:45: rule "a": rate() takes a time span that is written out here, such as duration("1h").'],
  ],
  [
    "a window that is too long",
    condition('rate("create_account", operator, duration("744h")) > 1'),
    ['p:6:45: rule "a": rate() takes a time span from 1 s to 30 days.'],
  ],
  [
    "a window that is too short",
    condition('rate("create_account", operator, duration("10ms")) > 1'),
    ['p:6:45: rule "a": rate() takes a time span from 1 s to 30 days.'],
  ],
  [
    "a rate of an event",
    condition('rate("account_created", operator, duration("1h")) > 1'),
    ['p:6:17: rule "a": There is no action "account_created". There are: create_account, add_subscribers, send_message.'],
  ],
  [
    "a rate of an unknown action",
    condition('rate("create_acount", operator, duration("1h")) > 1'),
    ['p:6:17: rule "a": There is no action "create_acount". Did you mean "create_account"?'],
  ],
  [
    "a rate of something computed",
    condition('rate(name, operator, duration("1h")) > 1'),
    [
      'p:6:17: rule "a": rate() takes the name of an action in quotes here, such as rate("create_account", operator, duration("1h")) >= 10.',
    ],
  ],
  [
    "a rate that is not compared",
    condition('rate("create_account", operator, duration("1h"))'),
    ['p:6:12: rule "a": A condition must be true or false; this one is an int.'],
  ],
  ["a count compared with text", condition('liveAccounts(owner) >= "5"'), ['p:6:12: rule "a": No such overload: int >= string.']],
  [
    "a skeleton compared with text",
    condition('skeleton(name) == "official news"'),
    [
      'p:6:12: rule "a": No such overload: Skeleton == string. A skeleton is compared with skeletons: skeleton(name) == skeleton("Official News").',
    ],
  ],
  [
    "a method of a skeleton",
    condition('skeleton(name).contains("official")'),
    ["p:6:12: rule \"a\": Found no matching overload for 'Skeleton.contains(string)'."],
  ],
  [
    "a function as a method",
    condition('name.inList("banned")'),
    ["p:6:12: rule \"a\": Found no matching overload for 'string.inList(string)'. It is inList(string, string): bool."],
  ],
  ["one = for two", condition('name = "x"'), ['p:6:17: rule "a": Unexpected character: =. Write == to compare.']],
  [
    "and for &&",
    condition('name == "x" and owner == "y"'),
    ["p:6:24: rule \"a\": Unexpected character: 'd'. Write && for and, || for or, ! for not."],
  ],
  ["a text that is not closed", condition('name == "x'), ['p:6:20: rule "a": Unterminated string.']],
  [
    "a method that is almost one",
    condition('name.startWith("a")'),
    ['p:6:12: rule "a": Found no matching overload for \'string.startWith(string)\'. Did you mean "startsWith"?'],
  ],
  [
    "a function that is almost CEL's",
    condition("sizes(name) > 3"),
    ['p:6:12: rule "a": Found no matching overload for \'sizes(string)\'. Did you mean "size"?'],
  ],
  [
    "cel.bind()",
    condition("cel.bind(a, name + name, size(a) > 3)"),
    ['p:6:12: rule "a": cel.bind() can build texts and lists of any size; write the expression out.'],
  ],
  [
    "loops too deep in one another",
    condition("subscribers.all(a, subscribers.all(b, subscribers.all(c, a == b && b == c)))", "add_subscribers"),
    ['p:6:50: rule "a": all() stands in too many others: all(), exists() and their like go 2 deep.'],
  ],
  [
    "a loop over something called like a field",
    condition("subscribers.exists(subscriber, subscriber == operator)", "add_subscribers"),
    ['p:6:31: rule "a": "subscriber" is a field already; call what exists() goes through something else.'],
  ],
  [
    "a long list",
    condition(
      'name in ["0","1","2","3","4","5","6","7","8","9","0","1","2","3","4","5","6","7","8","9","0","1","2","3","4","5","6","7","8","9","0","1","2","3","4","5","6","7","8","9","0","1","2","3","4","5","6","7","8","9","0","1","2","3","4","5","6","7","8","9","0","1","2","3","4","5","6","7","8","9","0","1","2","3","4","5","6","7","8","9","0","1","2","3","4","5","6","7","8","9","0","1","2","3","4","5","6","7","8","9","0"]',
    ),
    ['p:6:421: rule "a": Exceeded maxListElements (100). Move long enumerations into lists, and ask them with inList().'],
  ],
  ["a condition that never holds", condition("false"), ['p:6:11: rule "a": This condition never holds; remove the rule.']],
  [
    "a field that one of two subjects lacks",
    condition('owner == "x"', "create_account, add_subscribers"),
    [
      'p:6:12: rule "a": There is no field "owner" here. There are: app_id, client_ip, platform, now, account_id, operator, subscribers, subscriber. (On add_subscribers.)',
    ],
  ],
  ["a rule without effect", rule("    when: name == 'a'"), ['p:4:5: rule "a": rules[0].then value is required.']],
  [
    "an unknown field",
    rule("    when: nam == 'a'\n    then: { flag: {} }"),
    ['p:6:11: rule "a": There is no field "nam" here. Did you mean "name"?'],
  ],
  [
    "a field of another action",
    rule("    when: subscriber == 'a'\n    then: { flag: {} }"),
    ['p:6:11: rule "a": There is no field "subscriber" here. There are: app_id, client_ip, platform, now, operator, owner, name.'],
  ],
  ["a type that does not fit", rule("    when: name > 3\n    then: { flag: {} }"), ['p:6:11: rule "a": No such overload: string > int.']],
  [
    "a condition that is no bool",
    rule("    when: name\n    then: { flag: {} }"),
    ['p:6:11: rule "a": A condition must be true or false; this one is a string.'],
  ],
  ["a condition that breaks off", rule("    when: name ==\n    then: { flag: {} }"), ['p:6:18: rule "a": Unexpected token: EOF.']],
  [
    "an unknown function",
    rule("    when: inlist(name, 'banned')\n    then: { flag: {} }"),
    ['p:6:11: rule "a": Found no matching overload for \'inlist(string, string)\'. Did you mean "inList"?'],
  ],
  [
    "a missing argument",
    rule("    when: inList(name)\n    then: { flag: {} }"),
    ["p:6:11: rule \"a\": Found no matching overload for 'inList(string)'. It is inList(string, string): bool."],
  ],
  [
    "an undeclared list",
    rule("    when: inList(name, 'baned')\n    then: { flag: {} }"),
    ['p:6:24: rule "a": List "baned" is not declared under "lists". Did you mean "banned"?'],
  ],
  [
    "a list that is computed",
    rule("    when: inList(name, owner)\n    then: { flag: {} }"),
    ['p:6:24: rule "a": inList() takes the name of a list in quotes here, such as inList(operator, "staff").'],
  ],
  [
    "backtracking",
    rule("    when: name.matches('(a+)+$')\n    then: { flag: {} }"),
    ['p:6:11: rule "a": matches() backtracks and can be stalled by a hostile name; use regex(text, "pattern"), which cannot.'],
  ],
  [
    "a mistake on the second line of a block",
    rule("    when: |\n      name == 'a' ||\n        size(name) > 'b'\n    then: { flag: {} }"),
    ['p:8:9: rule "a": No such overload: int > string.'],
  ],
  [
    "a condition nested too deeply",
    rule(`    when: ${"(".repeat(1000)}true${")".repeat(1000)}\n    then: { flag: {} }`),
    ['p:6:61: rule "a": Exceeded maxDepth (50).'],
  ],
  [
    "a window of sameTextRate() that is computed",
    condition("sameTextRate(account_id, text, duration(text)) > 1", "send_message"),
    ['p:6:43: rule "a": sameTextRate() takes a time span that is written out here, such as duration("1h").'],
  ],
  [
    "a signal whose name is computed",
    condition('signal(name, "x") > 0.5'),
    ['p:6:19: rule "a": signal() takes the name of a signal in quotes here, such as signal("toxicity", text) > 0.8.'],
  ],
  [
    "a signal with a name that none can have",
    condition('signal("to xic", name) > 0.5'),
    ['p:6:19: rule "a": "to xic" cannot be the name of a signal: that is a letter, then up to 63 letters, digits, "_", "." and "-".'],
  ],
  [
    "a signal that is reckoned with as an int",
    condition('signal("toxic", name) + 1 > 1.5'),
    ['p:6:12: rule "a": No such overload: double + int.'],
  ],
  [
    "urlHosts() of a number",
    condition("size(urlHosts(size_bytes)) > 1", "send_message"),
    [`p:6:17: rule "a": Found no matching overload for 'urlHosts(int)'. It is urlHosts(string): list<string>.`],
  ],
  [
    "the text of a creation",
    condition('text == "x"'),
    ['p:6:12: rule "a": There is no field "text" here. There are: app_id, client_ip, platform, now, operator, owner, name.'],
  ],
];
