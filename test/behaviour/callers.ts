// Callers for tests of access: keys, and calls of any method with one.
import type { DescMethod, DescService, MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import type { Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { AuditService } from "../../gen/gatehouse/v1/audit_service_pb.ts";
import { CaseService } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { ErasureService } from "../../gen/gatehouse/v1/erasure_service_pb.ts";
import { FeedService } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { type CreateKeyRequestSchema, KeyService } from "../../gen/gatehouse/v1/key_service_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { MethodOfAnyKind } from "../../src/rpc/implementation.ts";
import type { TestGatehouse } from "../gatehouse.ts";

/** Every service; that none is missing is a test of its own. */
export const allServices: readonly DescService[] = [
  AccountService,
  AuditService,
  CaseService,
  DecisionService,
  ErasureService,
  FeedService,
  KeyService,
  ListService,
  ModerationService,
  PolicyService,
];

/** Makes a key through the door in process, which asks for none. */
export async function makeKey(
  gatehouse: TestGatehouse,
  roles: readonly Role[],
  more: MessageInitShape<typeof CreateKeyRequestSchema> & { expireMs?: number } = {},
): Promise<{ keyId: string; keyText: string; header: Record<string, string> }> {
  const { expireMs, ...init } = more;
  const { key, keyText } = await createClient(KeyService, gatehouse.server.localDoor).createKey({
    name: "test",
    roles: [...roles],
    ...(expireMs !== undefined && { expireTime: timestampFromMs(expireMs) }),
    ...init,
  });
  return { keyId: key?.keyId ?? "", keyText, header: bearer(keyText) };
}

export function bearer(credential: string): Record<string, string> {
  return { authorization: `Bearer ${credential}` };
}

/** Calls any method, reads one answer at most, and tells the reason of its error, or `OK`. */
export async function reasonOfCall(
  transport: Transport,
  descriptor: DescMethod,
  header: Record<string, string>,
  request: object,
): Promise<string> {
  const method = descriptor as MethodOfAnyKind;
  try {
    if (method.methodKind === "unary") {
      await transport.unary(method, undefined, 10_000, header, request as never);
      return "OK";
    }
    const end = new AbortController();
    const { message } = await transport.stream(method, end.signal, 10_000, header, once(request) as never);
    for await (const _ of message) break;
    end.abort();
    return "OK";
  } catch (error) {
    return ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason ?? String(error);
  }
}

async function* once<T>(value: T): AsyncIterable<T> {
  yield value;
}
