// The moderation service as the gateway sees it when it is elsewhere: what it cannot take just now goes to the spool, in its order.
import { create, type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import {
  DecideRequestSchema,
  type ModerationService,
  type RecordFallbackRequest,
  RecordFallbackRequestSchema,
  type RecordRequest,
  RecordRequestSchema,
} from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import type { Appended, Spool } from "./spool.ts";
import type { SpoolKind } from "./spool-file.ts";

/** Why something was not kept: see Appended. What the disk did not take in time is `slow` too, and may be taken still. */
export type NotKept = Exclude<Appended, "kept">;

/** What it is made of. */
export interface SpooledModerationDeps {
  /** The service. */
  client: Pick<Client<typeof ModerationService>, "decide" | "record">;
  spool: Pick<Spool, "append" | "totals">;
  /** What is wrong with a message by the rules of its schema, as the service would say it; undefined when nothing is. */
  validate(schema: DescMessage, message: Message): ConnectError | undefined;
  /** Told of what was kept, and of what could not be. Must not throw. */
  onKept(kind: SpoolKind): void;
  onNotKept(kind: SpoolKind, why: NotKept): void;
  /** Milliseconds since 1970. */
  now(): number;
}

/** The two sides that the gateway needs. */
export interface SpooledModeration {
  /**
   * Calls the service, and refuses what the schema forbids as the service would. While anything waits in the spool an event fails at once with
   * UNAVAILABLE: it has to wait behind those that came before it.
   */
  client: Pick<Client<typeof ModerationService>, "decide" | "record">;
  /** Keeps in the spool what could not be recorded. */
  unrecorded: {
    keepFallback(request: RecordFallbackRequest): void;
    readonly keepEventMs: number;
    keepEvent(request: RecordRequest): Promise<boolean>;
  };
}

/** How long the disk may take to keep an event, in milliseconds. */
const keepEventMs = 400;

export function createSpooledModeration(deps: SpooledModerationDeps): SpooledModeration {
  const { client, spool, validate, onKept, onNotKept, now } = deps;

  async function keep(kind: SpoolKind, timeMs: number, body: Uint8Array): Promise<boolean> {
    const appended = await spool.append({ kind, timeMs, body });
    if (appended === "kept") onKept(kind);
    else onNotKept(kind, appended);
    return appended === "kept";
  }

  return {
    client: {
      async decide(request, options) {
        const message = create(DecideRequestSchema, request);
        const problem = validate(DecideRequestSchema, message);
        if (problem !== undefined) throw problem;
        return client.decide(message, options);
      },
      async record(request, options) {
        const message = create(RecordRequestSchema, request);
        const problem = validate(RecordRequestSchema, message);
        if (problem !== undefined) throw problem;
        if (spool.totals().pending > 0) throw new ConnectError("events that came before it wait for the service", Code.Unavailable);
        return client.record(message, options);
      },
    },
    unrecorded: {
      keepFallback(request) {
        void keep("fallback", now(), toBinary(RecordFallbackRequestSchema, request));
      },
      keepEventMs,
      keepEvent(request) {
        const timeMs = now();
        const body = toBinary(RecordRequestSchema, { ...request, receiveTime: timestampFromMs(timeMs) });
        return within(keepEventMs, keep("event", timeMs, body), () => onNotKept("event", "slow"));
      },
    },
  };
}

/** What the promise says, or false when it has not said it in time. */
function within(timeoutMs: number, promise: Promise<boolean>, onLate: () => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      onLate();
      resolve(false);
    }, timeoutMs);
    promise.then((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
