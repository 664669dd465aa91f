// Other systems in front of replicas: calls by gRPC, made again at another replica, with the same request_id, until they are answered.
import { setTimeout as delay } from "node:timers/promises";
import { createClient, type Transport } from "@connectrpc/connect";
import type { Decision } from "../../gen/gatehouse/v1/decision_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyPointer, PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import type { Ledger } from "./ledger.ts";
import { bannedList, codes, policyText, probeName } from "./policy.ts";
import type { Replicas } from "./replicas.ts";

/** How long one call may take, and for how long it is made again. */
const timeoutMs = 3000;
const patienceMs = 30_000;
const pauseMs = 100;

/** Calls. All note in the ledger what they were told, and resolve when they are answered or given up. */
export interface Calls {
  /** Decides on a creation; with `twice` once more, and must be told the same. */
  decide(requestId: string, owner: string, name: string, twice: boolean): Promise<Decision | undefined>;
  /** Records the change of an account's name. `key` names the event in the ledger. */
  record(key: string, accountId: string, name: string): Promise<void>;
  /** Activates a variant of the policy, and asks another replica for a decision. */
  changePolicy(variant: number): Promise<void>;
  /** Bans an owner, and asks another replica for a decision. */
  changeList(owner: string): Promise<void>;
}

/** Creates the calls of one app. */
export function createCalls(app: number, replicas: Replicas, ledger: Ledger): Calls {
  async function untilAnswered<T>(call: (transport: Transport) => Promise<T>): Promise<T | undefined> {
    const untilMs = performance.now() + patienceMs;
    while (performance.now() < untilMs) {
      const target = replicas.pick();
      try {
        if (target !== undefined) return await call(target.grpc);
      } catch {
        // Not acknowledged: it is made again.
      }
      await delay(pauseMs);
    }
    ledger.givenUp += 1;
    return undefined;
  }

  async function decideOnce(requestId: string, owner: string, name: string): Promise<Decision | undefined> {
    const action = { case: "createAccount" as const, value: { operator: owner, owner, name } };
    const answer = await untilAnswered((transport) =>
      createClient(ModerationService, transport).decide({ appId: app, requestId, action }, { timeoutMs }),
    );
    return answer?.decision;
  }

  async function decide(requestId: string, owner: string, name: string, twice: boolean): Promise<Decision | undefined> {
    const decision = await decideOnce(requestId, owner, name);
    if (decision === undefined) return undefined;
    ledger.calls.set(requestId, { decisionId: decision.decisionId, verdict: decision.verdict });
    const again = twice ? await decideOnce(requestId, owner, name) : undefined;
    if (again !== undefined && (again.decisionId !== decision.decisionId || again.verdict !== decision.verdict)) {
      ledger.toldOtherwise.push(
        `${requestId} was ${decision.decisionId} (${decision.verdict}), then ${again.decisionId} (${again.verdict})`,
      );
    }
    return decision;
  }

  return {
    decide,

    async record(key, accountId, name) {
      const event = { case: "accountProfileChanged" as const, value: { accountId, name } };
      const recorded = await untilAnswered((transport) =>
        createClient(ModerationService, transport).record({ appId: app, event }, { timeoutMs }),
      );
      if (recorded !== undefined) ledger.events.add(key);
    },

    async changePolicy(variant) {
      const request = { text: policyText(variant), author: "chaos", activate: PolicyPointer.LIVE };
      const published = await untilAnswered((transport) => createClient(PolicyService, transport).publishPolicy(request, { timeoutMs }));
      if (published?.policy === undefined) return;
      const decision = await decide(`variant-${variant}`, "probe", probeName, false);
      if (decision === undefined) return;
      ledger.changes += 1;
      if (decision.policyVersion !== published.policy.version) ledger.behind.push(`the policy of variant ${variant}`);
    },

    async changeList(owner) {
      const request = { list: bannedList, entries: [{ value: owner, reason: "chaos" }] };
      const added = await untilAnswered((transport) => createClient(ListService, transport).addEntries(request, { timeoutMs }));
      if (added === undefined) return;
      const decision = await decide(`banned-${owner}`, owner, owner, false);
      if (decision === undefined) return;
      ledger.changes += 1;
      if (decision.code !== codes.banned) ledger.behind.push(`the entry ${owner}`);
    },
  };
}
