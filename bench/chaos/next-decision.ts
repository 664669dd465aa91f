// Changes something on one replica and asks another at once: the very next decision must know.
import { createClient, type Transport } from "@connectrpc/connect";
import { type Decision, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyPointer, PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { bannedList, codeOfVariant, codes, policyText, probeName, quota } from "./policy.ts";

/** How often something was tried, and what went wrong of it. */
export interface Tried {
  times: number;
  wrong: string[];
}

/** What is tried on replicas. Each time the replicas change places. */
export interface NextDecisions {
  /** A policy goes live on one replica; the next request at another is decided by it. */
  policies(times: number): Promise<Tried>;
  /** An entry is added on one replica, and removed on another; the next request at yet another knows. */
  lists(times: number): Promise<Tried>;
  /** More creations of one owner than the quota lets through, asked of all replicas at once: exactly as many are allowed. */
  quotas(times: number): Promise<Tried>;
}

/** Creates the trials on replicas, two at least, over their transports. The first one gets the first variant of the policy. */
export function createNextDecisions(app: number, replicas: readonly Transport[]): NextDecisions {
  const decide = async (turn: number, owner: string, name: string): Promise<Decision> => {
    const client = createClient(ModerationService, replicaOf(turn));
    const { decision } = await client.decide({ appId: app, action: { case: "createAccount", value: { operator: owner, owner, name } } });
    if (decision === undefined) throw new Error("A call of Decide is answered without a decision.");
    return decision;
  };

  function replicaOf(turn: number): Transport {
    const replica = replicas[turn % replicas.length];
    if (replica === undefined) throw new Error("There are no replicas.");
    return replica;
  }

  return {
    async policies(times) {
      const wrong: string[] = [];
      for (let n = 0; n < times; n += 1) {
        const request = { text: policyText(n), author: "trial", activate: PolicyPointer.LIVE };
        const { policy } = await createClient(PolicyService, replicaOf(n)).publishPolicy(request);
        const { policyVersion, code } = await decide(n + 1, "probe", probeName);
        if (policyVersion !== policy?.version || code !== codeOfVariant(n)) {
          wrong.push(`variant ${n} is live, but the next decision has the code ${code} of the version ${policyVersion.slice(0, 12)}`);
        }
      }
      return { times, wrong };
    },

    async lists(times) {
      const wrong: string[] = [];
      for (let n = 0; n < times; n += 1) {
        const owner = `listed-${n}`;
        await createClient(ListService, replicaOf(n)).addEntries({ list: bannedList, entries: [{ value: owner }] });
        const banned = await decide(n + 1, owner, owner);
        if (banned.code !== codes.banned) wrong.push(`${owner} was banned, but the next decision has the code ${banned.code}`);
        await createClient(ListService, replicaOf(n + 1)).removeEntries({ list: bannedList, values: [owner] });
        const free = await decide(n + 2, owner, owner);
        if (free.verdict !== Verdict.ALLOW) wrong.push(`${owner} is banned no more, but the next decision has the code ${free.code}`);
      }
      return { times, wrong };
    },

    async quotas(times) {
      const wrong: string[] = [];
      for (let n = 0; n < times; n += 1) {
        const owner = `crowd-${n}`;
        const asked = Array.from({ length: 2 * quota + 2 }, (_, i) => decide(n + i, owner, `${owner} ${i}`));
        const allowed = (await Promise.all(asked)).filter(({ verdict }) => verdict === Verdict.ALLOW).length;
        if (allowed !== quota) wrong.push(`${owner} may have ${quota} accounts, and was allowed ${allowed}`);
      }
      return { times, wrong };
    },
  };
}
