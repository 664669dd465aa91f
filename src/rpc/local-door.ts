// The local door: the one place where calls meet the implementation. A Connect transport that calls it in process, without serialisation.
import { create, type DescMessage, type DescMethod, type DescService, type Message } from "@bufbuild/protobuf";
import {
  type ContextValues,
  createContextValues,
  type Interceptor,
  type StreamResponse,
  type Transport,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import { runWithin } from "./call-limits.ts";
import { type Caller, processCaller } from "./caller.ts";
import type { CallContext, ServedService } from "./implementation.ts";
import { type MethodFunction, produceAnswers } from "./local-stream.ts";
import { type OnInternalError, toWireError } from "./wire-error.ts";

/** What the local door is made of. */
export interface LocalDoorOptions {
  /** The services to serve, each once. */
  services: readonly ServedService[];
  /** What every call passes, outermost first. An interceptor passes on the request it was given, or a copy with all its properties. */
  interceptors: readonly Interceptor[];
  /** Told of a mistake of an implementation whose caller was gone already; of errors that are meant for callers it is not. Must not throw. */
  onLateError?: OnInternalError;
}

type Next = Parameters<Interceptor>[0];

/** A method as calls find it: everything that can be made ahead of them. */
interface Route {
  readonly method: DescMethod;
  readonly service: DescService;
  readonly url: string;
  readonly call: Next;
}

/**
 * Makes the door. Requests and answers are handed over as they are, so neither side may change a message after handing it over. A timeout of 0
 * or less is over already. When the deadline passes or the caller's signal is aborted the caller gets DEADLINE_EXCEEDED or CANCELLED at once and
 * the implementation goes on. Headers that an interceptor gives an answer reach a caller in process, and no other door passes them on.
 */
export function createLocalDoor(options: LocalDoorOptions): Transport {
  const onLateMistake = options.onLateError ?? (() => {});
  const onLateError = (error: unknown) => void toWireError(error, onLateMistake);
  const routes = new Map<DescMethod, Route>();
  for (const { service, implementation } of options.services) {
    const functions = implementation as Record<string, unknown>;
    for (const method of service.methods) {
      const run = functions[method.localName];
      if (typeof run !== "function") throw new Error(`${service.typeName} has no implementation of ${method.name}`);
      const innermost = answer(method, run.bind(implementation) as MethodFunction, onLateError);
      const call = options.interceptors.reduceRight<Next>((next, interceptor) => interceptor(next), innermost);
      routes.set(method, { method, service, url: `local:///${service.typeName}/${method.name}`, call });
    }
  }
  const routeOf = (method: DescMethod): Route => {
    const route = routes.get(method);
    if (route === undefined) throw toWireError(unknownMethodError(method), () => {});
    return route;
  };
  return {
    unary(method, signal, timeoutMs, header, input, contextValues) {
      try {
        const route = routeOf(method);
        const call = new LocalCall(signal, timeoutMs, header);
        return route.call(new LocalRequest(route, create(method.input, input), call, contextValues)) as Promise<
          UnaryResponse<never, never>
        >;
      } catch (error) {
        return Promise.reject(error);
      }
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      const route = routeOf(method);
      const call = new LocalCall(signal, timeoutMs, header);
      const request = {
        stream: true as const,
        service: route.service,
        method,
        requestMethod: "POST",
        url: route.url,
        header: call.header,
        signal: signal ?? neverAborted,
        contextValues: contextValues ?? createContextValues(),
        message: createEach(method.input, input),
        call,
      };
      return route.call(request) as Promise<StreamResponse<never, never>>;
    },
  };
}

/** What interceptors may know of a call and do with it besides what Connect gives them. */
export interface InterceptedCall extends CallContext {
  /** The Authorization header, joined by `, ` when there are several; undefined when there is none. Does not make the other headers. */
  readonly authorization: string | undefined;
  /** Who calls; a caller in our own process until an interceptor says otherwise. */
  caller: Caller;
}

/** The call of a request that came through a local door. */
export function callOf(request: Parameters<Next>[0]): InterceptedCall {
  return (request as typeof request & { readonly call: LocalCall }).call;
}

/** The same unary request with another message. */
export function withMessage(request: UnaryRequest, message: Message): UnaryRequest {
  return message === request.message ? request : new LocalRequest(request, message, callOf(request) as LocalCall, request.contextValues);
}

/** The innermost step: calls the implementation. */
function answer(method: DescMethod, run: MethodFunction, onLateError: OnInternalError): Next {
  const { output } = method;
  return async (request) => {
    const call = callOf(request);
    if (request.stream) {
      const message = produceAnswers(method, run, request.message, call);
      return { stream: true, service: method.parent, method: request.method, header: new Headers(), trailer: new Headers(), message };
    }
    const { message } = request;
    const bounded = call.signal !== undefined || call.deadlineMs !== undefined;
    const answered = bounded ? await runWithin(call, () => run(message, call), onLateError) : await run(message, call);
    return new LocalResponse(request.method, create(output, answered as Message));
  };
}

async function* createEach(schema: DescMessage, inputs: AsyncIterable<unknown>): AsyncIterable<Message> {
  for await (const input of inputs) yield create(schema, input as Message);
}

function unknownMethodError(method: DescMethod): GatehouseError {
  return new GatehouseError(ErrorReason.UNKNOWN_METHOD, `There is no method ${method.parent.typeName}/${method.name} here.`);
}

/** For interceptors, which are promised a signal, of calls whose caller gave none. */
const neverAborted = new AbortController().signal;

type HeaderInit = ConstructorParameters<typeof Headers>[0];

/** What is known of one call. A class, so that its getters cost a call nothing until they are asked. */
class LocalCall implements InterceptedCall {
  caller = processCaller;
  readonly signal: AbortSignal | undefined;
  readonly deadlineMs: number | undefined;
  readonly #headerInit: HeaderInit;
  #header: Headers | undefined;

  constructor(signal: AbortSignal | undefined, timeoutMs: number | undefined, headerInit: HeaderInit) {
    this.signal = signal;
    this.deadlineMs = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
    this.#headerInit = headerInit;
  }

  get header(): Headers {
    this.#header ??= new Headers(this.#headerInit);
    return this.#header;
  }

  get usefulUntilMs(): number | undefined {
    const budgetMs = this.#headerInit === undefined ? null : this.header.get("gatehouse-budget-ms");
    if (budgetMs === null || !/^\d{1,9}$/.test(budgetMs)) return this.deadlineMs;
    return Math.min(performance.now() + Number(budgetMs), this.deadlineMs ?? Number.POSITIVE_INFINITY);
  }

  get authorization(): string | undefined {
    const init = this.#headerInit;
    if (init === undefined) return undefined;
    if (init instanceof Headers) return init.get("authorization") ?? undefined;
    if (!Array.isArray(init)) return this.header.get("authorization") ?? undefined;
    let found: string | undefined;
    for (const [name, value] of init) {
      if (name === "authorization" || name?.toLowerCase() === "authorization") found = found === undefined ? value : `${found}, ${value}`;
    }
    return found;
  }
}

/** A unary request as interceptors see it. */
class LocalRequest implements UnaryRequest {
  readonly stream = false;
  readonly requestMethod = "POST";
  readonly service: DescService;
  readonly method: UnaryRequest["method"];
  readonly url: string;
  readonly message: Message;
  readonly call: LocalCall;
  #contextValues: ContextValues | undefined;

  constructor(
    route: Pick<Route, "service" | "method" | "url">,
    message: Message,
    call: LocalCall,
    contextValues: ContextValues | undefined,
  ) {
    this.service = route.service;
    this.method = route.method as UnaryRequest["method"];
    this.url = route.url;
    this.message = message;
    this.call = call;
    this.#contextValues = contextValues;
  }

  get signal(): AbortSignal {
    return this.call.signal ?? neverAborted;
  }

  get header(): Headers {
    return this.call.header;
  }

  get contextValues(): ContextValues {
    this.#contextValues ??= createContextValues();
    return this.#contextValues;
  }
}

/** A unary answer as interceptors see it. */
class LocalResponse implements UnaryResponse {
  readonly stream = false;
  readonly method: UnaryResponse["method"];
  readonly message: Message;
  #header: Headers | undefined;
  #trailer: Headers | undefined;

  constructor(method: UnaryResponse["method"], message: Message) {
    this.method = method;
    this.message = message;
  }

  get service(): DescService {
    return this.method.parent;
  }

  get header(): Headers {
    this.#header ??= new Headers();
    return this.#header;
  }

  get trailer(): Headers {
    this.#trailer ??= new Headers();
    return this.#trailer;
  }
}
