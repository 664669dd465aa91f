// The settings of retention.
import { type Setting, wholeNumber } from "./config-values.ts";

/** A hundred years. */
const maxDays = 36_525;
const readDays = wholeNumber(0, maxDays);

/** For how many days decisions and events are kept, by class. */
export const retentionSettings = {
  retentionDecisionsDays: {
    key: "retention.decisions_days",
    env: "GATEHOUSE_RETENTION_DECISIONS_DAYS",
    default: "0",
    meaning:
      "For how many days decisions are kept that allowed everything and flagged nothing. 0, here and below: for ever (docs/retention.md).",
    read: readDays,
  },
  retentionFlaggedDecisionsDays: {
    key: "retention.flagged_decisions_days",
    env: "GATEHOUSE_RETENTION_FLAGGED_DECISIONS_DAYS",
    default: "0",
    meaning: "The same for all other decisions: those that denied, discarded, refused or flagged anything, and degraded ones.",
    read: readDays,
  },
  retentionEventsDays: {
    key: "retention.events_days",
    env: "GATEHOUSE_RETENTION_EVENTS_DAYS",
    default: "0",
    meaning: "For how many days events about accounts are kept. What they say of accounts stays in the registry.",
    read: readDays,
  },
  retentionSubscriptionEventsDays: {
    key: "retention.subscription_events_days",
    env: "GATEHOUSE_RETENTION_SUBSCRIPTION_EVENTS_DAYS",
    default: "0",
    meaning: "The same for events about subscribers. Who subscribes to what stays known.",
    read: readDays,
  },
  retentionMessageEventsDays: {
    key: "retention.message_events_days",
    env: "GATEHOUSE_RETENTION_MESSAGE_EVENTS_DAYS",
    default: "0",
    meaning: "The same for events about messages. How many there were stays known; what was sent does not.",
    read: readDays,
  },
} satisfies Record<string, Setting<number>>;
