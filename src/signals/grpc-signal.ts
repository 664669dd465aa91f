// A classifier over gRPC: one call of SignalService for each text.
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { SignalService } from "../../gen/gatehouse/v1/signal_service_pb.ts";
import type { SignalReply, SignalSource } from "./signal-source.ts";

/** How a classifier is called. */
export interface GrpcSignalOptions {
  /** The signal's name. */
  signal: string;
  client: Pick<Client<typeof SignalService>, "evaluate">;
  close(): void;
}

export function createGrpcSignal({ signal, client, close }: GrpcSignalOptions): SignalSource {
  return {
    async ask(text, timeoutMs) {
      try {
        const { value } = await client.evaluate({ signal, text }, { timeoutMs });
        if (Number.isFinite(value)) return { kind: "answered", value };
        return { kind: "failed", cause: "rubbish", message: `it answered with ${value}` };
      } catch (error) {
        return failureOf(ConnectError.from(error));
      }
    },
    close,
  };
}

/** What a classifier says of its own failure is not passed on: it may repeat the text. */
function failureOf({ code }: ConnectError): SignalReply {
  if (code === Code.DeadlineExceeded) return { kind: "failed", cause: "timeout", message: "no answer in time" };
  if (code === Code.Unavailable) return { kind: "failed", cause: "down", message: "it cannot be reached, or says that it is unavailable" };
  return { kind: "failed", cause: "rubbish", message: `it answered with the error ${Code[code]}` };
}
