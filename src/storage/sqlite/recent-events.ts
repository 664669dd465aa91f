// Which accounts have had an event of late that decisions can be joined with: kept in memory, so that most decisions need not ask the database
// whether an event came before them. Runs in the writer thread.
import type { Database } from "better-sqlite3";

/** Remembers when accounts had their latest event. */
export interface RecentEvents {
  note(appId: number, accountId: string, eventMs: number): void;
  /** False when the account surely has no event at or after this time. */
  mayHaveSince(appId: number, accountId: string, sinceMs: number): boolean;
}

/** So many accounts are known one by one; when they are more, all of them count as having had the latest event of any. */
const maxAccounts = 20_000;

/** Of so many of the last events it is asked when they were received: those without a time of their own go by that. */
const lastEvents = 256;

/** Prepares the memory. An app is looked up in the database when it is first asked about. */
export function createRecentEvents(db: Database): RecentEvents {
  const latestOf = db
    .prepare(
      `SELECT max(coalesce((SELECT max(last_event_time) FROM accounts WHERE app_id = ?), 0),
         coalesce((SELECT max(receive_time) FROM (SELECT receive_time FROM events ORDER BY seq DESC LIMIT ${lastEvents})), 0))`,
    )
    .pluck();
  /** By app: the latest event of all accounts that are not known one by one, and of each of the others. */
  const apps = new Map<number, { ofOthersMs: number; ofAccounts: Map<string, number> }>();
  let accounts = 0;

  function ofApp(appId: number) {
    let app = apps.get(appId);
    if (app === undefined) {
      app = { ofOthersMs: latestOf.get(appId) as number, ofAccounts: new Map() };
      apps.set(appId, app);
    }
    return app;
  }

  function forgetAccounts(): void {
    for (const app of apps.values()) {
      for (const eventMs of app.ofAccounts.values()) app.ofOthersMs = Math.max(app.ofOthersMs, eventMs);
      app.ofAccounts.clear();
    }
    accounts = 0;
  }

  return {
    note(appId, accountId, eventMs) {
      const app = ofApp(appId);
      const known = app.ofAccounts.get(accountId);
      if (known !== undefined && known >= eventMs) return;
      app.ofAccounts.set(accountId, Math.max(eventMs, app.ofOthersMs));
      if (known !== undefined) return;
      accounts += 1;
      if (accounts > maxAccounts) forgetAccounts();
    },
    mayHaveSince(appId, accountId, sinceMs) {
      const { ofOthersMs, ofAccounts } = ofApp(appId);
      return (ofAccounts.get(accountId) ?? ofOthersMs) >= sinceMs;
    },
  };
}
