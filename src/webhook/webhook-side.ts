// The webhook side as one piece: whoever has a client of the moderation service can answer Chat.
import type { RequestListener } from "node:http";
import { type Admission, createAdmission } from "./admission.ts";
import { createDeadlines } from "./deadlines.ts";
import { createGateway, type GatewayDeps } from "./gateway.ts";
import type { Unrecorded } from "./unrecorded.ts";
import { createWebhookListener, type WebhookListenerDeps } from "./webhook-listener.ts";

/** What the webhook side is made of. */
export interface WebhookSideDeps<Keeper extends Unrecorded>
  extends Pick<GatewayDeps, "appLimit" | "newRequestId" | "tellsBudget" | "now">,
    Pick<WebhookListenerDeps, "verify" | "clientAddress" | "passOn" | "onAnswered"> {
  client: GatewayDeps["client"];
  settings: {
    fallback: GatewayDeps["fallbacks"];
    budgets: GatewayDeps["budgets"];
    /** How many webhooks may ask the service at a time. */
    maxInFlight: number;
    maxBodyBytes: number;
  };
  /** Makes what takes charge of the unrecorded; `isCalm` tells whether there is time to spare. */
  createUnrecorded(isCalm: () => boolean): Keeper;
}

/** The webhook side. */
export interface WebhookSide<Keeper extends Unrecorded> {
  listener: RequestListener;
  admission: Admission;
  unrecorded: Keeper;
}

export function createWebhookSide<Keeper extends Unrecorded>(deps: WebhookSideDeps<Keeper>): WebhookSide<Keeper> {
  const { client, settings, createUnrecorded, verify, clientAddress, passOn, onAnswered, appLimit, newRequestId, tellsBudget, now } = deps;
  const { fallback: fallbacks, budgets, maxInFlight, maxBodyBytes } = settings;
  const deadlines = createDeadlines();
  const admission = createAdmission(maxInFlight, deadlines.lagMs);
  const unrecorded = createUnrecorded(admission.isCalm);
  const gateway = createGateway({ client, fallbacks, budgets, admission, unrecorded, appLimit, newRequestId, tellsBudget, now });
  const listener = createWebhookListener({ gateway, verify, clientAddress, passOn, deadlines, maxBodyBytes, onAnswered });
  return { listener, admission, unrecorded };
}
