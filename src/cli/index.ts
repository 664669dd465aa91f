// The table of commands, in the order in which help shows them.
import { accounts } from "./accounts.ts";
import { audit } from "./audit.ts";
import { cases } from "./cases.ts";
import type { Command } from "./command.ts";
import { decisions } from "./decisions.ts";
import { feed } from "./feed.ts";
import { gateway } from "./gateway.ts";
import { keys } from "./keys.ts";
import { lists } from "./lists.ts";
import { policy } from "./policy.ts";
import { send } from "./send.ts";
import { serve } from "./serve.ts";
import { spool } from "./spool.ts";

/** Every command of `gatehouse`. */
export const commands: readonly Command[] = [serve, gateway, send, policy, decisions, cases, accounts, lists, feed, keys, audit, spool];
