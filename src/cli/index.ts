// The table of commands, in the order in which help shows them.
import { accounts } from "./accounts.ts";
import { audit } from "./audit.ts";
import { backup } from "./backup.ts";
import { cases } from "./cases.ts";
import { check } from "./check.ts";
import type { Command } from "./command.ts";
import { decisions } from "./decisions.ts";
import { erase } from "./erase.ts";
import { exportOld } from "./export.ts";
import { feed } from "./feed.ts";
import { gateway } from "./gateway.ts";
import { keys } from "./keys.ts";
import { lists } from "./lists.ts";
import { migrate } from "./migrate.ts";
import { policy } from "./policy.ts";
import { restore } from "./restore.ts";
import { send } from "./send.ts";
import { serve } from "./serve.ts";
import { spool } from "./spool.ts";

/** Every command of `gatehouse`. */
export const commands: readonly Command[] = [
  serve,
  gateway,
  send,
  policy,
  decisions,
  cases,
  accounts,
  lists,
  feed,
  exportOld,
  erase,
  keys,
  audit,
  spool,
  backup,
  restore,
  check,
  migrate,
];
