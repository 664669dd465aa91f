// A preview is what the decision then is, for whatever policy, lists and history, and leaves nothing behind.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Decision } from "../../gen/gatehouse/v1/decision_pb.ts";
import { FeedService, FeedStart } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { DecideRequestSchema, ModerationService, type RecordRequestSchema } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyPointer, PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { startGatehouse, type TestGatehouse } from "../gatehouse.ts";
import { name, policyText, user, writtenDefaults, writtenRules } from "../policy/generated.ts";
import { rpcTransports } from "./doors.ts";

const runs = 60;
const firstApp = 1_400_000_000;

type Action = NonNullable<MessageInitShape<typeof DecideRequestSchema>["action"]>;
type Event = NonNullable<MessageInitShape<typeof RecordRequestSchema>["event"]>;

const accountId = fc.constantFrom("@TOA#_a", "@TOA#_b", "@TOA#_c");
const someone = user.filter((id) => id !== "");
const creation = fc.record({ operator: user, owner: user, name });
const subscribing = fc.record({ accountId, operator: user, subscribers: fc.array(someone, { minLength: 1, maxLength: 6 }) });

const action: fc.Arbitrary<Action> = fc.oneof(
  creation.map((value) => ({ case: "createAccount" as const, value })),
  subscribing.map((value) => ({ case: "addSubscribers" as const, value })),
);

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ accountId, operator: user, owner: user, name }).map((value) => ({ case: "accountCreated" as const, value })),
  fc.record({ accountId, owner: user, name }).map((value) => ({ case: "accountDestroyed" as const, value })),
  subscribing.map((value) => ({ case: "subscribersAdded" as const, value })),
  subscribing.map((value) => ({ case: "subscribersRemoved" as const, value })),
);

/** What came before: decisions that were asked for, and events. */
const history = fc.array(
  fc.oneof(
    action.map((decided) => ({ decided })),
    event.map((recorded) => ({ recorded })),
  ),
  { maxLength: 8 },
);

const lists = fc.record({ staff: fc.uniqueArray(someone), names: fc.uniqueArray(name) });

let gatehouse: TestGatehouse;
// The history of each run is in an app of its own, also while a failure is being made smaller.
const apps = Array.from({ length: runs * 100 }, (_, index) => firstApp + index);
let nextApp = 0;

beforeAll(async () => {
  gatehouse = await startGatehouse({ env: { GATEHOUSE_APPS: apps.join(",") } });
});

afterAll(() => gatehouse[Symbol.asyncDispose]());

/** Publishes a policy, and makes its lists what they are to be. */
async function prepare(text: string, entries: Readonly<Record<string, readonly string[]>>): Promise<void> {
  await createClient(PolicyService, gatehouse.server.localDoor).publishPolicy({ text, activate: PolicyPointer.LIVE });
  const client = createClient(ListService, gatehouse.server.localDoor);
  for (const [list, wanted] of Object.entries(entries)) {
    const { entries: present } = await client.listEntries({ list });
    const values = present.map(({ value }) => value);
    if (values.length > 0) await client.removeEntries({ list, values });
    if (wanted.length > 0) await client.addEntries({ list, entries: wanted.map((value) => ({ value })) });
  }
}

/** What does not differ between a preview and a decision. */
function saidBy(decision: Decision | undefined): Partial<Decision> {
  if (decision === undefined) throw new Error("there is no decision");
  const { verdict, code, message, refused, matches, facts, policyVersion, degraded } = decision;
  return { verdict, code, message, refused, matches, facts, policyVersion, degraded };
}

test("a preview is what the decision then is, and has recorded and taken nothing", { timeout: 120_000 }, async () => {
  const door = fc.constantFrom(...Object.keys(rpcTransports));
  await fc.assert(
    fc.asyncProperty(writtenRules, writtenDefaults, lists, history, action, door, async (rules, defaults, entries, before, asked, by) => {
      const appId = apps[nextApp++] ?? 0;
      await prepare(policyText(rules, defaults), entries);
      const { decide, record } = createClient(ModerationService, gatehouse.server.localDoor);
      for (const step of before) {
        if ("decided" in step) await decide({ appId, action: step.decided });
        else await record({ appId, event: step.recorded });
      }
      const feed = createClient(FeedService, gatehouse.server.localDoor);
      const standing = async () => (await feed.listChanges({ start: FeedStart.NOW })).cursor;
      const standsAt = await standing();

      const client = createClient(ModerationService, (rpcTransports[by] as (typeof rpcTransports)[string])(gatehouse));
      const request = create(DecideRequestSchema, { appId, action: asked });
      const previews: Partial<Decision>[] = [];
      for (let i = 0; i < 3; i++) {
        const { decision: preview } = await client.decide({ ...request, preview: true });
        expect(preview).toMatchObject({ decisionId: "", preview: true });
        previews.push(saidBy(preview));
      }
      expect(await standing()).toBe(standsAt);

      const { decision } = await client.decide(request);
      expect(decision).toMatchObject({ preview: false });
      for (const preview of previews) expect(preview).toEqual(saidBy(decision));
      expect(await standing()).not.toBe(standsAt);
    }),
    { numRuns: runs },
  );
});
