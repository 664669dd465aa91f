// The mixed load: crowds of creations of one owner at all replicas at once, subscriptions, calls, and changes of policy and list.
import type { Calls } from "./calls.ts";
import type { Chat } from "./chat.ts";
import type { Ledger } from "./ledger.ts";
import { quota } from "./policy.ts";

/** What load needs. */
export interface TrafficDeps {
  chat: Chat;
  calls: Calls;
  ledger: Ledger;
  /** About how many webhooks and calls a second. */
  rate: number;
}

/** Load that goes on until it is stopped. */
export interface Traffic {
  /** Asks nothing new, and resolves when all is answered or given up. */
  stop(): Promise<void>;
}

/** How many creations of an owner are asked at once: more than it may have. */
const crowd = quota + 3;

/** About how many requests a crowd leads to: those, the events of what is allowed, one end, and those who then try again. */
const perCrowd = crowd + quota + 1 + 2;

/** How much of the load what is; the rest are crowds. */
const shares = { decide: 0.2, record: 0.1, subscribe: 0.2 };

/** How often the policy and the list are changed. */
const changeEveryMs = 1000;

/** What a fallback denies has this code, and nothing else has. */
const fallbackCode = 1;

/** Begins. */
export function startTraffic({ chat, calls, ledger, rate }: TrafficDeps): Traffic {
  const running = new Set<Promise<unknown>>();
  const timers: NodeJS.Timeout[] = [];
  let last = 0;
  const number = () => {
    last += 1;
    return last;
  };

  function begin(work: () => Promise<unknown>): void {
    const run = work().finally(() => running.delete(run));
    running.add(run);
  }

  /** Begins `work` so many times a second, whatever the answers take. */
  function pace(perSecond: number, work: () => Promise<unknown>): void {
    const startMs = performance.now();
    let begun = 0;
    timers.push(
      setInterval(() => {
        for (const due = ((performance.now() - startMs) * perSecond) / 1000; begun < due; begun += 1) begin(work);
      }, 10),
    );
  }

  /** Asks for a creation. Results in its name when the policy allows it. */
  async function create(owner: string): Promise<string | undefined> {
    const n = number();
    const nameOf = (attempt: number) => `name ${n}-${attempt}`;
    const bodyOf = (attempt: number) => ({ Operator_Account: owner, Owner_Account: owner, Name: nameOf(attempt), EventTime: Date.now() });
    const answered = await chat.ask("BeforeCreateOfficialAccount", bodyOf);
    if (answered === undefined) return undefined;
    const name = nameOf(answered.attempt);
    if (answered.code === fallbackCode) {
      ledger.fallbacks.set(name, answered.target);
      return undefined;
    }
    ledger.decided.set(name, answered.code);
    return answered.code === 0 ? name : undefined;
  }

  /** A crowd of creations; what is allowed happens; one account ends, and others try for its room. */
  async function createMany(): Promise<void> {
    const owner = `owner-${number()}`;
    const names = await Promise.all(Array.from({ length: crowd }, () => create(owner)));
    const accounts = names.filter((name) => name !== undefined).map((name) => ({ name, id: `@TOA#_${name.slice(5)}` }));
    const happened = await Promise.all(
      accounts.map(({ name, id }) => {
        const body = { Official_Account: id, Operator_Account: owner, Owner_Account: owner, Name: name, EventTime: Date.now() };
        return chat.tell(`created ${id}`, "AfterCreateOfficialAccount", body);
      }),
    );
    const ended = accounts.find((_, index) => happened[index]);
    if (ended === undefined) return;
    const end = { Official_Account: ended.id, Owner_Account: owner, Name: ended.name, EventTime: Date.now() + 1 };
    if (await chat.tell(`destroyed ${ended.id}`, "AfterOfficialAccountDestroyed", end)) await Promise.all([create(owner), create(owner)]);
  }

  async function subscribe(): Promise<void> {
    const n = number();
    const accountOf = (attempt: number) => `@TOA#_s${n}-${attempt}`;
    const users = [{ Subscriber_Account: `user-${n}` }];
    const bodyOf = (attempt: number) => ({ Official_Account: accountOf(attempt), Operator_Account: "", SubscribeAccountList: users });
    const answered = await chat.ask("BeforeAddSubscriber", bodyOf);
    if (answered === undefined) return;
    const account = accountOf(answered.attempt);
    if (answered.code === fallbackCode) {
      ledger.fallbacks.set(account, answered.target);
      return;
    }
    ledger.decided.set(account, answered.code);
    await chat.tell(`subscribed ${account}`, "AfterAddSubscriber", { ...bodyOf(answered.attempt), EventTime: Date.now() });
  }

  pace((rate * (1 - shares.decide - shares.record - shares.subscribe)) / perCrowd, createMany);
  pace((rate * shares.subscribe) / 2, subscribe);
  pace(rate * shares.decide, () => {
    const n = number();
    return calls.decide(`call-${n}`, `caller-${n}`, `called ${n}`, n % 10 === 0);
  });
  pace(rate * shares.record, () => {
    const n = number();
    return calls.record(`renamed @TOA#_r${n}`, `@TOA#_r${n}`, `renamed ${n}`);
  });

  let isStopped = false;
  async function change(): Promise<void> {
    // One after another: nobody else changes what the next decision is asked about.
    while (!isStopped) {
      const n = number();
      await calls.changePolicy(n);
      await calls.changeList(`banned-${n}`);
      await new Promise((resolve) => setTimeout(resolve, changeEveryMs));
    }
  }
  begin(change);

  return {
    async stop() {
      isStopped = true;
      for (const timer of timers) clearInterval(timer);
      while (running.size > 0) await Promise.all(running);
    },
  };
}
