// The servers on which the database may be: one, by whatever name leads to it, or several of which one takes writes.
import type { ClientBase } from "pg";
import { readOnly } from "./driver-errors.ts";

/** Which of the servers is used. */
export interface Servers {
  /** The URL of the one that is used now, without any other. */
  url(): string;
  /** How many there are. */
  readonly count: number;
  /** Goes on with the next one, the first after the last; does nothing when somebody has done so since `url` was the one. */
  passOver(url: string): void;
}

/** `postgres://user:password@`, the servers, and the rest. A password has no `@` and no `/` that is not escaped. */
const parts = /^(postgres(?:ql)?:\/\/(?:[^@/]*@)?)([^/?]*)(.*)$/is;

/** The URLs of each of the servers of a URL, which are separated by commas: `postgres://user:password@one:5432,other:5432/database`. */
export function serverUrls(url: string): string[] {
  const [, before = "", hosts = "", after = ""] = parts.exec(url) ?? [];
  return hosts.includes(",") ? hosts.split(",").map((host) => before + host + after) : [url];
}

/** Begins with the first server of the URL. */
export function createServers(url: string): Servers {
  const urls = serverUrls(url);
  let current = 0;
  const now = () => urls[current] ?? url;
  return {
    url: now,
    count: urls.length,
    passOver(passed) {
      if (passed === now()) current = (current + 1) % urls.length;
    },
  };
}

/** Rejects when the server is a standby. */
export async function assertPrimary(client: Pick<ClientBase, "query">): Promise<void> {
  const { rows } = await client.query<{ is_standby: boolean }>("SELECT pg_is_in_recovery() AS is_standby");
  if (rows[0]?.is_standby !== false) throw readOnly();
}
