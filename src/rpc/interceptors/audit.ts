// Keeps every administrative act in the audit log, and signs requests that leave their author empty.
import { createHash } from "node:crypto";
import { type DescMethod, type JsonValue, type Message, toBinary } from "@bufbuild/protobuf";
import type { Interceptor, StreamRequest, StreamResponse, UnaryRequest } from "@connectrpc/connect";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import type { Audit, BegunAct } from "../../moderation/audit.ts";
import type { AuditSubjects } from "../audit-subjects.ts";
import { authorOf, type Caller } from "../caller.ts";
import { callOf, withMessage } from "../local-door.ts";
import type { MethodAccess } from "../method-access.ts";
import { abridge, requestJson } from "../request-json.ts";

/** What the interceptor needs. */
export interface AuditInterceptorDeps {
  /** What is declared of every method that is served. */
  accessOf: ReadonlyMap<DescMethod, MethodAccess>;
  /** What each audited method acts on. */
  subjects: AuditSubjects;
  audit: Audit;
}

type Next = Parameters<Interceptor>[0];

/**
 * Must stand after everything that can refuse a request. An act begins when its entry is on disk, and is answered when its end is; a stream
 * counts as one act. Throws when an audited method has no subject.
 */
export function createAuditInterceptor({ accessOf, subjects, audit }: AuditInterceptorDeps): Interceptor {
  const acts = new Map<DescMethod, { access: MethodAccess; subject: ReturnType<AuditSubjects["get"]> & object }>();
  for (const [method, access] of accessOf) {
    if (!access.audited) continue;
    const subject = subjects.get(method);
    if (subject === undefined) throw new Error(`${access.name} is audited, and src/rpc/audit-subjects.ts does not say what it acts on`);
    acts.set(method, { access, subject });
  }
  return (next) => (request) => {
    if (!acts.has(request.method)) return next(request);
    return request.stream ? auditStream(next, request) : auditUnary(next, request);
  };

  async function auditUnary(next: Next, request: UnaryRequest) {
    const { method } = request;
    const { caller } = callOf(request);
    const act = await begin(method, caller, request.message);
    let response: Awaited<ReturnType<Next>>;
    try {
      response = await next(withMessage(request, sign(request.message, caller)));
    } catch (error) {
      await act.failed(error);
      throw error;
    }
    await act.done(await after(method, request.message, response.stream ? undefined : response.message));
    return response;
  }

  async function auditStream(next: Next, request: StreamRequest): Promise<StreamResponse> {
    const { method } = request;
    const { caller } = callOf(request);
    const digest = createHash("sha256");
    let first: Message | undefined;
    let messages = 0;
    let act: BegunAct | undefined;
    async function* seen(): AsyncIterable<Message> {
      for await (const message of request.message) {
        messages += 1;
        digest.update(toBinary(method.input, message));
        first ??= message;
        act ??= await begin(method, caller, message);
        yield sign(message, caller);
      }
    }
    const response = (await next({ ...request, message: seen() })) as StreamResponse;
    async function* ended(): AsyncIterable<Message> {
      let isOver = false;
      try {
        // An answer is held back until the next one comes: the last one waits for the end of the act.
        let held: Message | undefined;
        for await (const answer of response.message) {
          if (held !== undefined) yield held;
          held = answer;
        }
        isOver = true;
        if (first !== undefined) await act?.done(await after(method, first, held, { messages, sha256: digest.digest("hex") }));
        if (held !== undefined) yield held;
      } catch (error) {
        isOver = true;
        await act?.failed(error);
        throw error;
      } finally {
        if (!isOver) await act?.failed(new GatehouseError(ErrorReason.CANCELLED, "The caller went away."));
      }
    }
    return { ...response, message: ended() };
  }

  async function begin(method: DescMethod, caller: Caller, request: Message): Promise<BegunAct> {
    const { access, subject } = actOf(method);
    const { kind, id, name } = caller;
    return audit.begin({
      principal: { kind, id, name },
      method: access.name,
      appId: access.scope.kind === "request" ? access.scope.appIdOf(request) : 0,
      target: subject.targetOf(request),
      requestJson: requestJson(method.input, request),
      beforeJson: json(await subject.stateOf(request, undefined)),
    });
  }

  async function after(method: DescMethod, request: Message, response: Message | undefined, stream?: Record<string, JsonValue>) {
    const state = await actOf(method).subject.stateOf(request, response);
    if (stream === undefined) return json(state);
    return json(typeof state === "object" && state !== null && !Array.isArray(state) ? { ...state, ...stream } : stream);
  }

  function actOf(method: DescMethod) {
    const act = acts.get(method);
    if (act === undefined) throw new Error(`${method.name} is not audited`);
    return act;
  }
}

function json(state: JsonValue | undefined): string {
  return state === undefined ? "" : JSON.stringify(abridge(state));
}

/** The request with its caller as the author, when it has a place for one that is empty, and the caller has a name. */
function sign(request: Message, caller: Caller): Message {
  const author = authorOf(caller);
  return author !== "" && "author" in request && request.author === "" ? ({ ...request, author } as Message) : request;
}
