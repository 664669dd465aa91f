// Reads a filled registry through the service, in a process of its own: `read.ts DATABASE ACCOUNTS`. Prints a table.

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { AccountService, AccountState } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { readConfig } from "../../src/config.ts";
import { startServer } from "../../src/server.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { peakMemoryMb } from "../harness/processes.ts";
import { benchApp } from "../harness/requests.ts";
import { percentile } from "../harness/statistics.ts";
import { accountIdOf, baseMs, createRandom, endMs, nameOf, ownerOf, ownerOfMany, secondApp, userOf } from "./population.ts";

const [path = "", accountsText = ""] = process.argv.slice(2);
const accounts = Number(accountsText);
const random = createRandom(2);
const pointReads = 5000;
const pagesOfEach = 200;

const settings = {
  GATEHOUSE_APPS: `${benchApp},${secondApp}`,
  GATEHOUSE_WEBHOOK_LISTEN: "127.0.0.1:0",
  GATEHOUSE_API_LISTEN: "127.0.0.1:0",
  GATEHOUSE_GRPC_LISTEN: "127.0.0.1:0",
  GATEHOUSE_DATABASE: path,
  GATEHOUSE_POLICY: "config/policy.yaml",
};
const { config, problems } = readConfig(settings, "", "none");
if (config === undefined) throw new Error(problems.join("\n"));
const server = await startServer(config, createLogger("error", process.stderr));
const startMs = performance.now();
const startCpu = process.cpuUsage();
const client = createClient(AccountService, server.localDoor);

const line = (what: string, value: string) => process.stdout.write(`${what.padEnd(64)} ${value}\n`);

/** Some account of the first app. */
function anyAccount(): number {
  while (true) {
    const n = Math.floor(random() * accounts);
    if (n % 100 !== 99) return n;
  }
}

/** Prints the p50, the p99 and the worst of so many calls, and the CPU that each took on average. `read` tells how many items it got. */
async function measure(what: string, times: number, read: (n: number) => Promise<number>): Promise<void> {
  const took: number[] = [];
  let items = 0;
  const cpuBefore = process.threadCpuUsage();
  for (let i = 0; i < times; i++) {
    const n = anyAccount();
    const begin = performance.now();
    items += await read(n);
    took.push(performance.now() - begin);
  }
  const cpu = process.threadCpuUsage(cpuBefore);
  took.sort((a, b) => a - b);
  const cpuMs = (cpu.user + cpu.system) / 1000 / times;
  const figures = [percentile(took, 0.5), percentile(took, 0.99), took.at(-1) ?? Number.NaN, cpuMs];
  line(what, `${figures.map((ms) => ms.toFixed(2).padStart(8)).join("")}${(items / times).toFixed(1).padStart(8)}`);
}

type ListRequest = Parameters<typeof client.listAccounts>[0];
type TimelineRequest = Parameters<typeof client.listTimeline>[0];
const app = { appId: benchApp };
const dayMs = 86_400_000;
const lists: Record<string, (n: number) => ListRequest> = {
  "by account id, all apps": () => ({}),
  "by account id, one app": () => app,
  "state live": () => ({ ...app, state: AccountState.LIVE }),
  "state destroyed": () => ({ ...app, state: AccountState.DESTROYED }),
  owner: (n) => ({ ...app, owner: ownerOf(n) }),
  "owner of one account in twenty": () => ({ ...app, owner: ownerOfMany }),
  "owner of many, name prefix that few have": () => ({ ...app, owner: ownerOfMany, namePrefix: "Weather 99" }),
  "name prefix that one in eight has": () => ({ ...app, namePrefix: "News" }),
  "name prefix that few have": (n) => ({ ...app, namePrefix: nameOf(n).slice(0, -2) }),
  "name prefix that many have, destroyed": () => ({ ...app, namePrefix: "News", state: AccountState.DESTROYED }),
  "name prefix that many have, time range that few are in": (n) => ({ ...app, namePrefix: "News", ...minuteFrom(n) }),
  "normalized name": (n) => ({ ...app, normalizedName: nameOf(n).toUpperCase() }),
  "time range of a day": (n) => ({
    ...app,
    lastEventStartTime: timestampFromMs(timeOf(n)),
    lastEventEndTime: timestampFromMs(timeOf(n) + dayMs),
  }),
  "time range of a minute, destroyed": (n) => ({ ...app, ...minuteFrom(n), state: AccountState.DESTROYED }),
  "time range of all, destroyed, all apps": () => ({ lastEventStartTime: timestampFromMs(baseMs - dayMs), state: AccountState.DESTROYED }),
};
const timelines: Record<string, (n: number) => TimelineRequest> = {
  account: (n) => ({ ...app, of: { case: "accountId", value: accountIdOf(n) } }),
  "account with most changes": () => ({ ...app, of: { case: "accountId", value: accountIdOf(0) } }),
  owner: (n) => ({ ...app, of: { case: "owner", value: ownerOf(n) } }),
  "owner of one account in twenty": () => ({ ...app, of: { case: "owner", value: ownerOfMany } }),
  user: (n) => ({ ...app, of: { case: "user", value: userOf(n) } }),
  "user who owns one account in twenty": () => ({ ...app, of: { case: "user", value: ownerOfMany } }),
};

function timeOf(n: number): number {
  return baseMs + Math.floor(((n / accounts) * 0.8 + 0.2) * (endMs - baseMs));
}

function minuteFrom(n: number) {
  return { lastEventStartTime: timestampFromMs(timeOf(n)), lastEventEndTime: timestampFromMs(timeOf(n) + 60_000) };
}

line("the service is ready, from the start of the process", `${startMs.toFixed(0).padStart(8)} ms`);
line("CPU that it took until then, of all threads", `${((startCpu.user + startCpu.system) / 1000).toFixed(0).padStart(8)} ms`);
line("", "  p50 ms  p99 ms  max ms  cpu ms   items");
await measure("GetAccount", pointReads, async (n) => {
  await client.getAccount({ ...app, accountId: accountIdOf(n) });
  return 1;
});
await measure("GetAccount, the account with most changes", pagesOfEach, async () => {
  await client.getAccount({ ...app, accountId: accountIdOf(0) });
  return 1;
});
for (const [what, request] of Object.entries(lists)) {
  // After each first page the one that follows it, if there is one.
  let following: ListRequest | undefined;
  await measure(`ListAccounts: ${what}`, pagesOfEach, async (n) => {
    const asked = following ?? request(n);
    const { accounts: listed, nextPageToken } = await client.listAccounts(asked);
    following = following !== undefined || nextPageToken === "" ? undefined : { ...asked, pageToken: nextPageToken };
    return listed.length;
  });
}
await measure("ListAccounts: 1000 by account id", pagesOfEach, async () => {
  return (await client.listAccounts({ ...app, pageSize: 1000 })).accounts.length;
});
await measure("ListAccountRevisions", pagesOfEach, async (n) => {
  return (await client.listAccountRevisions({ ...app, accountId: accountIdOf(n) })).revisions.length;
});
await measure("ListAccountRevisions, the account with most changes", pagesOfEach, async () => {
  return (await client.listAccountRevisions({ ...app, accountId: accountIdOf(0) })).revisions.length;
});
for (const [what, request] of Object.entries(timelines)) {
  await measure(`ListTimeline: ${what}`, pagesOfEach, async (n) => (await client.listTimeline(request(n))).entries.length);
}
line("peak resident memory of the process", `${peakMemoryMb(process.pid).toFixed(0).padStart(8)} MB`);
await server.stop(0);
