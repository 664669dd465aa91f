// The settings of time and room: how long a webhook may take, and how much may be under way.
import { optional, type Setting, wholeNumber } from "./config-values.ts";

/** How long a webhook may take, and how much may be under way. */
export interface LimitConfig {
  webhook: {
    /** Milliseconds, for each action and for all events. */
    budgets: { createAccount: number; addSubscribers: number; sendMessage: number; events: number };
    maxInFlight: number;
    maxUnrecorded: number;
  };
  rpc: {
    maxInFlight: number;
    /** Calls a second of one key or token's subject; undefined: as many as it likes. */
    keyMaxPerSecond: number | undefined;
  };
}

/** Their part of the table in config.ts. */
export const limitSettings = {
  webhook: {
    webhookBudgetMs: {
      key: "webhook.budget_ms",
      env: "GATEHOUSE_WEBHOOK_BUDGET_MS",
      default: "1500",
      meaning: "Milliseconds from a webhook's arrival until the fallback answers it; Chat gives up after 2000.",
      read: wholeNumber(10, 1900),
    },
    budgetCreateAccount: {
      key: "webhook.budgets.create_account",
      env: "GATEHOUSE_WEBHOOK_BUDGETS_CREATE_ACCOUNT",
      default: "",
      meaning: "The budget of creations, when it is another one.",
      read: optional(wholeNumber(10, 1900)),
    },
    budgetAddSubscribers: {
      key: "webhook.budgets.add_subscribers",
      env: "GATEHOUSE_WEBHOOK_BUDGETS_ADD_SUBSCRIBERS",
      default: "",
      meaning: "The budget of subscriptions, when it is another one.",
      read: optional(wholeNumber(10, 1900)),
    },
    budgetSendMessage: {
      key: "webhook.budgets.send_message",
      env: "GATEHOUSE_WEBHOOK_BUDGETS_SEND_MESSAGE",
      default: "",
      meaning: "The budget of messages, when it is another one.",
      read: optional(wholeNumber(10, 1900)),
    },
    budgetEvents: {
      key: "webhook.budgets.events",
      env: "GATEHOUSE_WEBHOOK_BUDGETS_EVENTS",
      default: "",
      meaning: "The budget of what has happened already, when it is another one; beyond it an event is not acknowledged.",
      read: optional(wholeNumber(10, 1900)),
    },
    webhookMaxInFlight: {
      key: "webhook.max_in_flight",
      env: "GATEHOUSE_WEBHOOK_MAX_IN_FLIGHT",
      default: "2000",
      meaning:
        "How many webhooks may be decided or recorded at a time, of which half may be events; beyond that the fallback answers at once.",
      read: wholeNumber(1, 100_000),
    },
    webhookMaxUnrecorded: {
      key: "webhook.max_unrecorded",
      env: "GATEHOUSE_WEBHOOK_MAX_UNRECORDED",
      default: "20000",
      meaning: "How many answered fallbacks wait in memory for being recorded; beyond that the oldest are dropped and counted.",
      read: wholeNumber(1, 1_000_000),
    },
  },
  rpc: {
    rpcMaxInFlight: {
      key: "rpc.max_in_flight",
      env: "GATEHOUSE_RPC_MAX_IN_FLIGHT",
      default: "2000",
      meaning:
        "How many calls may be under way at a time, on the api and grpc listeners together; beyond that they are refused as OVERLOADED.",
      read: wholeNumber(1, 100_000),
    },
    rpcKeyMaxPerSecond: {
      key: "rpc.key_max_per_second",
      env: "GATEHOUSE_RPC_KEY_MAX_PER_SECOND",
      default: "",
      meaning:
        "How many calls a second each key, and each subject of tokens, may make on the api and grpc listeners together; more are refused as RATE_LIMITED. Not set: any number.",
      read: optional(wholeNumber(1, 1_000_000)),
    },
  },
};

/** Reads them. */
export function readLimitConfig(get: <T>(setting: Setting<T>) => T): LimitConfig {
  const { webhook, rpc } = limitSettings;
  const budgetMs = get(webhook.webhookBudgetMs);
  return {
    webhook: {
      budgets: {
        createAccount: get(webhook.budgetCreateAccount) ?? budgetMs,
        addSubscribers: get(webhook.budgetAddSubscribers) ?? budgetMs,
        sendMessage: get(webhook.budgetSendMessage) ?? budgetMs,
        events: get(webhook.budgetEvents) ?? budgetMs,
      },
      maxInFlight: get(webhook.webhookMaxInFlight),
      maxUnrecorded: get(webhook.webhookMaxUnrecorded),
    },
    rpc: { maxInFlight: get(rpc.rpcMaxInFlight), keyMaxPerSecond: get(rpc.rpcKeyMaxPerSecond) },
  };
}
