// The policies of the benches as texts.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "./processes.ts";

/** bench/policy-50.yaml as it stands. */
export function benchPolicy(): string {
  return readFileSync(join(root, "bench/policy-50.yaml"), "utf8");
}

/** A policy, as far as the benches look into it. */
export interface PolicyForm {
  lists: Record<string, { kind: string }>;
  rules: { id: string; on: string[]; when: string; then: Record<string, unknown> }[];
}

/** The same for a Gatehouse without quotas, pattern lists and rules for events: what stands in for those is asked as often. */
export function simplerPolicy(text: string): string {
  const policy = parse(text) as PolicyForm;
  for (const list of Object.values(policy.lists)) list.kind = "exact";
  for (const rule of policy.rules) {
    rule.when = rule.when
      .replace("matchesList(skeleton(name),", "inList(name,")
      .replace("liveAccounts(owner) >= 5", 'owner.startsWith("@TOA#")');
    if (rule.id.startsWith("event-")) Object.assign(rule, { on: ["add_subscribers"], when: 'operator == "nobody"' });
  }
  return JSON.stringify(policy, undefined, 1);
}

/** A policy with so many rules for creations, of which 3 ask lists, and so many rules for subscriptions, which are not asked for creations. */
export function grownPolicy(creationRules: number, otherRules: number): string {
  const rule = (id: string, on: string, when: string) =>
    `  - { id: ${id}, on: [${on}], when: '${when}', then: { deny: { code: 120001 } } }\n`;
  const asking = [
    rule("list-operator", "create_account", 'inList(operator, "banned_users")'),
    rule("list-owner", "create_account", 'inList(owner, "banned_owners")'),
    rule("list-name", "create_account", 'inList(name, "reserved_names")'),
  ];
  const plain = Array.from({ length: Math.max(0, creationRules - asking.length) }, (_, i) =>
    rule(`plain-${i}`, "create_account", `size(name) > ${60 + i} || owner == "nobody-${i}"`),
  );
  const other = Array.from({ length: otherRules }, (_, i) => rule(`other-${i}`, "add_subscribers", `operator == "nobody-${i}"`));
  const lists = ["banned_users", "banned_owners", "reserved_names"].map((list) => `  ${list}: { kind: exact }\n`);
  return `name: bench-grown\nlists:\n${lists.join("")}rules:\n${[...plain, ...asking, ...other].join("")}`;
}
