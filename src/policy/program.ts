// What a policy compiles to for one subject: its rules, ready to be asked.
import type { Severity } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { MessageEdit } from "../elements/rewrite-message.ts";
import type { Condition } from "./condition.ts";
import type { MessageOf } from "./message.ts";

/** What a policy says of one subject. */
export interface Program {
  /** Whether an action that no rule settles is denied. */
  readonly deniedByDefault: boolean;
  /** The rules for this subject, in the policy's order. */
  readonly rules: readonly CompiledRule[];
  /** Whether any of them asks a signal. */
  readonly asksSignals: boolean;
}

/** A rule for one subject. */
export interface CompiledRule {
  readonly id: string;
  /** Its place in the policy, from 0. */
  readonly index: number;
  /** Undefined: always holds. */
  readonly condition: Condition | undefined;
  /** Whether it is asked for each of the subject's users. */
  readonly forEach: boolean;
  readonly effect: CompiledEffect;
  readonly shadow: boolean;
  readonly skipOnError: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a rule does when it holds. On an event, a deny, discard or rewrite is compiled to a flag. */
export type CompiledEffect =
  | { readonly name: "allow" }
  | { readonly name: "deny"; readonly code: number; readonly messageOf: MessageOf }
  | { readonly name: "discard" }
  | { readonly name: "rewrite"; readonly edit: MessageEdit }
  | { readonly name: "refuse"; readonly messageOf: MessageOf }
  | { readonly name: "flag"; readonly severity: Severity; readonly messageOf: MessageOf | undefined };

/** Whether a rule that has this effect ends what it is asked about. */
export function settles({ name }: CompiledEffect): boolean {
  return name !== "flag" && name !== "rewrite";
}
