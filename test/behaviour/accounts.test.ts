// The registry as callers see it, told by Chat's webhooks in any order: sources, revisions, searches and timelines, through every RPC door.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AccountService, AccountState, type ListTimelineRequest } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { rpcTransports } from "./doors.ts";
import { failureOf } from "./reason-of.ts";

const appId = testApp;
const command = (name: string) => `OfficialAccount.Callback${name}`;
const news = { Official_Account: "@TOA#_news", Operator_Account: "admin", Owner_Account: "ann" };

/** In no order, one of them twice, one without a time. */
const deliveries: [name: string, body: object][] = [
  [command("AfterOfficialAccountDestroyed"), { Official_Account: "@TOA#_old", Owner_Account: "ann", Name: "Old News", EventTime: 9000 }],
  [command("AfterOfficialAccountInfoChanged"), { ...news, Name: "Ｎews", Introduction: "All that is new", EventTime: 3000 }],
  [command("AfterOfficialAccountInfoChanged"), { ...news, Name: "First News", EventTime: 2000 }],
  [command("AfterCreateOfficialAccount"), { ...news, Name: "Draft", EventTime: 1000 }],
  [command("AfterOfficialAccountInfoChanged"), { ...news, Name: "Ｎews", Introduction: "All that is new", EventTime: 3000 }],
  [command("AfterAddSubscriber"), { ...news, SubscribeAccountList: [{ Subscriber_Account: "bob" }], EventTime: 4000 }],
  [command("AfterOfficialAccountInfoChanged"), { ...news, Organization: "The Press" }],
];

describe.each(Object.entries(rpcTransports))("the registry through %s", (_name, transport) => {
  let gatehouse: TestGatehouse;
  beforeAll(async () => {
    gatehouse = await startGatehouse();
    await gatehouse.post(command("BeforeCreateOfficialAccount"), { ...news, Name: "Draft" });
    for (const [name, body] of deliveries) expect((await gatehouse.post(name, body)).answer).toMatchObject({ ActionStatus: "OK" });
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());
  const client = () => createClient(AccountService, transport(gatehouse));

  it("says where each value came from", async () => {
    const { account } = await client().getAccount({ appId, accountId: "@TOA#_news" });
    expect(account).toMatchObject({
      owner: "ann",
      name: "Ｎews",
      introduction: "All that is new",
      organization: "The Press",
      state: AccountState.LIVE,
      partial: false,
      revision: 4,
      sources: {
        owner: { eventTime: timestampFromMs(1000), operator: "admin", arrivalOrdered: false },
        name: { eventTime: timestampFromMs(3000), arrivalOrdered: false },
        organization: { operator: "admin", arrivalOrdered: true },
      },
    });
    expect(account?.sources?.introduction).toEqual(account?.sources?.name);
    expect(account?.sources?.organization?.eventTime).toBeUndefined();
  });

  it("lists the revisions in the order in which things happened, in pages", async () => {
    const key = { appId, accountId: "@TOA#_news" };
    const first = await client().listAccountRevisions({ ...key, pageSize: 2 });
    const rest = await client().listAccountRevisions({ ...key, pageSize: 2, pageToken: first.nextPageToken });
    expect(rest.nextPageToken).toBe("");
    expect([...first.revisions, ...rest.revisions].map(({ revision, changes }) => [revision, ...changes.map(({ to }) => to)])).toEqual([
      [1, "ann", "Draft", "live"],
      [2, "First News"],
      [3, "Ｎews", "All that is new"],
      [4, "The Press"],
    ]);
    const ofOther = client().listAccountRevisions({ ...key, accountId: "other", pageToken: first.nextPageToken });
    expect((await failureOf(ofOther)).reason).toBe("INVALID_PAGE_TOKEN");
  });

  it("finds by name, owner, state and time", async () => {
    const at = (seconds: bigint, nanos = 0) => ({ seconds, nanos });
    const [ofNews, ofOld] = ["@TOA#_news", "@TOA#_old"];
    const cases: [Parameters<ReturnType<typeof client>["listAccounts"]>[0], string[]][] = [
      [{ namePrefix: "Ｎ" }, [ofNews]],
      [{ namePrefix: "N" }, []],
      [{ normalizedName: " NEWS" }, [ofNews]],
      [{ normalizedName: "old news" }, [ofOld]],
      [{ owner: "ann" }, [ofNews, ofOld]],
      [{ owner: "ann", state: AccountState.DESTROYED }, [ofOld]],
      [{ lastEventStartTime: at(4n) }, [ofNews, ofOld]],
      [{ lastEventStartTime: at(4n, 1) }, [ofOld]],
      [{ lastEventEndTime: at(9n) }, [ofNews]],
      [{ lastEventEndTime: at(9n, 1) }, [ofNews, ofOld]],
    ];
    for (const [filter, expected] of cases) {
      const { accounts } = await client().listAccounts({ appId, ...filter });
      expect(accounts.map(({ accountId }) => accountId)).toEqual(expected);
    }
  });

  it("tells the timelines of an account, an owner and a user", async () => {
    const timeline = async (of: ListTimelineRequest["of"]) => {
      const { entries } = await client().listTimeline({ appId, of });
      return entries.map(({ entry }) => (entry.case === "event" ? entry.value.event.case : entry.value?.action.case));
    };
    const ofNews = ["accountProfileChanged", "subscribersAdded", "accountCreated", "accountProfileChanged", "accountProfileChanged"];
    expect(await timeline({ case: "accountId", value: "@TOA#_news" })).toEqual(ofNews);
    expect(await timeline({ case: "owner", value: "ann" })).toEqual([...ofNews, "accountDestroyed", "createAccount"]);
    expect(await timeline({ case: "user", value: "ann" })).toEqual(["accountCreated", "accountDestroyed", "createAccount"]);
    expect(await timeline({ case: "user", value: "bob" })).toEqual(["subscribersAdded"]);
  });

  it("wants to know whose timeline", async () => {
    expect((await failureOf(client().listTimeline({ appId }))).reason).toBe("INVALID_REQUEST");
    expect((await failureOf(client().listTimeline({ appId, of: { case: "owner", value: "" } }))).reason).toBe("INVALID_REQUEST");
    expect((await failureOf(client().listTimeline({ of: { case: "owner", value: "ann" } }))).reason).toBe("INVALID_REQUEST");
  });
});
