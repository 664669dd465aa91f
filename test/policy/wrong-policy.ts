// Small wrong policies for the corpus.

/** What is wrong, a policy's text, and every problem as it must be told. */
export type WrongPolicy = readonly [name: string, text: string, problems: readonly string[]];

/** A policy of one rule, whose keys after `on` are these lines. */
export const rule = (text: string) => `name: x\nlists: { banned: { kind: exact } }\nrules:\n  - id: a\n    on: [create_account]\n${text}`;

/** A policy whose only rule has this condition. */
export const condition = (when: string, on = "create_account") =>
  `name: x\nlists: { banned: { kind: exact }, words: { kind: pattern }, nets: { kind: cidr }, ids: { kind: glob } }\nrules:\n  - id: a\n    on: [${on}]\n    when: '${when.replaceAll("'", "''")}'\n    then: { flag: {} }`;

/** A policy whose only rule has this effect. */
export const effect = (then: string, on = "create_account") =>
  `name: x\nrules:\n  - id: a\n    on: [${on}]\n    when: operator == "x"\n    then: ${then}`;
