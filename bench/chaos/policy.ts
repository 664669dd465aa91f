// The policy that replicas are tried with: a list, a quota, and one rule that is another in every variant.

/** The most live accounts that an owner may have. */
export const quota = 3;

/** The list whose owners may create nothing. */
export const bannedList = "banned_owners";

/** The name that no owner uses but who asks which variant is in force. */
export const probeName = "which policy is in force?";

/** The codes of denials. What a fallback denies has the code 1. */
export const codes = { banned: 120_002, quota: 120_003 };

/** The code with which a variant denies `probeName`. */
export function codeOfVariant(variant: number): number {
  return 121_000 + (variant % 9_000);
}

/** The text of a variant; no two variants have the same. */
export function policyText(variant: number): string {
  return `name: replicas
lists:
  ${bannedList}: { kind: exact }
default: { create_account: allow, add_subscribers: allow }
rules:
  - id: variant-${variant}
    on: [create_account]
    when: name == "${probeName}"
    then: { deny: { code: ${codeOfVariant(variant)}, message: "variant ${variant}" } }
  - id: banned
    on: [create_account]
    when: inList(owner, "${bannedList}")
    then: { deny: { code: ${codes.banned}, message: "banned" } }
  - id: quota
    on: [create_account]
    when: liveAccounts(owner) >= ${quota}
    then: { deny: { code: ${codes.quota}, message: "quota" } }
`;
}
