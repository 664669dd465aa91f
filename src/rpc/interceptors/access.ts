// Lets a call pass only when its caller is known and may make it.
import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { Interceptor, StreamRequest, StreamResponse, UnaryRequest, UnaryResponse } from "@connectrpc/connect";
import type { GatehouseError } from "../../errors.ts";
import { type Authenticate, credentialMissing } from "../authenticate.ts";
import { appDenied, type Caller, checkRole, localCaller } from "../caller.ts";
import { callOf } from "../local-door.ts";
import type { MethodAccess } from "../method-access.ts";

/** What the interceptor needs. */
export interface AccessDeps {
  /** What is declared of every method that is served. */
  accessOf: ReadonlyMap<DescMethod, MethodAccess>;
  authenticate: Authenticate;
  /** False: who shows nothing is the local caller, who may do everything. What is shown is verified all the same. */
  isRequired: boolean;
  subjects: Subjects;
}

/** How to find the app of what a field such as `decision_id` identifies. */
export type Subjects = Readonly<Record<string, Subject>>;

interface Subject {
  /** The app it belongs to; undefined when it is not there. */
  appOf(id: string): Promise<number | undefined>;
  /** The error that the method itself throws when it is not there. */
  notFound(id: string): GatehouseError;
}

type Next = Parameters<Interceptor>[0];
type AnyRequest = UnaryRequest | StreamRequest;
type AnyResponse = UnaryResponse | StreamResponse;

/**
 * Refuses a call with UNAUTHENTICATED, AUTHENTICATION_UNAVAILABLE or PERMISSION_DENIED, and of what belongs to another app with its own not-found
 * error. A stream is looked at again with every message, so that it ends when its key is revoked or its token expires.
 */
export function createAccessInterceptor({ accessOf, authenticate, isRequired, subjects }: AccessDeps): Interceptor {
  return (next) => (request) => {
    const call = callOf(request);
    const { authorization } = call;
    if (authorization === undefined) {
      if (isRequired) throw credentialMissing();
      call.caller = localCaller;
      return next(request);
    }
    const access = accessOf.get(request.method);
    if (access === undefined) throw new Error(`${request.method.name} has no declared access`);
    const caller = authenticate(authorization);
    const admitted = (known: Caller) => admit(next, request, access, known, authorization);
    return caller instanceof Promise ? caller.then(admitted) : admitted(caller);
  };

  function admit(next: Next, request: AnyRequest, access: MethodAccess, caller: Caller, authorization: string): Promise<AnyResponse> {
    checkRole(caller, access.role, access.name);
    callOf(request).caller = caller;
    if (access.scope.kind === "all" && caller.appIds !== undefined) throw appDenied(caller, 0);
    if (request.stream) return admitStream(next, request, access, caller, authorization);
    const checked = checkApp(caller, access, request.message);
    return checked === undefined ? next(request) : checked.then(() => next(request));
  }

  async function admitStream(
    next: Next,
    request: StreamRequest,
    access: MethodAccess,
    caller: Caller,
    authorization: string,
  ): Promise<AnyResponse> {
    const incoming = request.message;
    async function* checked(): AsyncIterable<Message> {
      for await (const message of incoming) {
        await authenticate(authorization);
        await checkApp(caller, access, message);
        yield message;
      }
    }
    const response = await next({ ...request, message: checked() });
    if (!response.stream) return response;
    const outgoing = response.message;
    async function* stillKnown(): AsyncIterable<Message> {
      for await (const message of outgoing) {
        await authenticate(authorization);
        yield message;
      }
    }
    return { ...response, message: stillKnown() };
  }

  /** Throws, or rejects, when the request is about an app that is none of the caller's. Undefined when there is nothing to wait for. */
  function checkApp(caller: Caller, { scope }: MethodAccess, request: Message): Promise<void> | undefined {
    const { appIds } = caller;
    if (appIds === undefined) return undefined;
    if (scope.kind === "subject") return checkSubject(appIds, scope.field, scope.idOf(request));
    if (scope.kind === "request" && !appIds.has(scope.appIdOf(request))) throw appDenied(caller, scope.appIdOf(request));
    return undefined;
  }

  async function checkSubject(appIds: ReadonlySet<number>, field: string, id: string): Promise<void> {
    const subject = subjects[field];
    if (subject === undefined) throw new Error(`the app of ${field} cannot be looked up`);
    const appId = await subject.appOf(id);
    if (appId === undefined || !appIds.has(appId)) throw subject.notFound(id);
  }
}
