// The doors through which a behaviour case is run: each decides and records in its own way, and all must tell the same.
import { create, toJson } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { type Decision, DecisionSchema, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { type DecideRequest, DecideRequestSchema, ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { messageBodySlices } from "../../src/elements/element-texts.ts";
import { type TestGatehouse, testApp } from "../gatehouse.ts";
import { startGateway } from "../gateway.ts";

/** An action as cases write it. */
export type CaseAction =
  | { operator?: string; owner?: string; name: string }
  | { account_id: string; operator?: string; subscribers: string[] }
  /** `elements` are JSON, as they are to be sent. */
  | { account_id: string; elements: string[]; custom_data?: string };

/** What a door says of an action, in the words that all doors have. */
export interface Answer {
  verdict: "allow" | "deny" | "discard";
  code: number;
  message: string;
  refused: string[];
  /** The elements that go out instead, as JSON; not there when they go out as they came. */
  elements?: string[];
  customData?: string;
}

/** A door, and the decision that it left in the store. */
export interface Door {
  name: string;
  decide(gatehouse: TestGatehouse, action: CaseAction): Promise<{ answer: Answer; recorded: object }>;
}

/** The RPC doors, by the transport a client would use. */
export const rpcTransports: Record<string, (gatehouse: TestGatehouse) => Transport> = {
  local: (g) => g.server.localDoor,
  grpc: (g) => createGrpcTransport({ baseUrl: `http://127.0.0.1:${g.server.grpc.port}` }),
  "connect with JSON": (g) => createConnectTransport({ baseUrl: g.apiUrl, httpVersion: "1.1", useBinaryFormat: false }),
  "connect with protobuf": (g) => createConnectTransport({ baseUrl: g.apiUrl, httpVersion: "1.1", useBinaryFormat: true }),
  "grpc-web": (g) => createGrpcWebTransport({ baseUrl: g.apiUrl, httpVersion: "1.1" }),
};

export const doors: Door[] = [
  ...Object.entries(rpcTransports).map(([name, transport]) => ({
    name,
    async decide(gatehouse: TestGatehouse, action: CaseAction) {
      const client: Client<typeof ModerationService> = createClient(ModerationService, transport(gatehouse));
      const { decision } = await client.decide(requestOf(action));
      if (decision === undefined) throw new Error("no decision");
      return { answer: answerOf(decision), recorded: await recorded(gatehouse, decision.decisionId) };
    },
  })),
  {
    name: "webhook",
    async decide(gatehouse, action) {
      const { text } = await gatehouse.postForText(...webhookOf(action));
      return { answer: answerOfWebhook(text), recorded: await recorded(gatehouse) };
    },
  },
  {
    name: "webhook at a gateway apart",
    async decide(gatehouse, action) {
      await using gateway = await startGateway({ service: `dns:///127.0.0.1:${gatehouse.server.grpc.port}` });
      const { text } = await gateway.postForText(...webhookOf(action));
      return { answer: answerOfWebhook(text), recorded: await recorded(gatehouse) };
    },
  },
];

export function requestOf(action: CaseAction): DecideRequest {
  return create(DecideRequestSchema, {
    appId: testApp,
    action:
      "name" in action
        ? { case: "createAccount", value: action }
        : "subscribers" in action
          ? {
              case: "addSubscribers",
              value: { accountId: action.account_id, operator: action.operator ?? "", subscribers: action.subscribers },
            }
          : {
              case: "sendMessage",
              value: {
                accountId: action.account_id,
                elements: action.elements.map((rawJson) => ({ rawJson })),
                customData: action.custom_data ?? "",
              },
            },
  });
}

function webhookOf(action: CaseAction): [command: string, body: object | string] {
  if ("name" in action) {
    const body = { Operator_Account: action.operator, Owner_Account: action.owner, Name: action.name };
    return ["OfficialAccount.CallbackBeforeCreateOfficialAccount", body];
  }
  if ("elements" in action) {
    // Written by hand: the elements must arrive as they are.
    const rest = JSON.stringify({ Official_Account: action.account_id, CloudCustomData: action.custom_data });
    return ["OfficialAccount.CallbackBeforeSendMsg", `${rest.slice(0, -1)},"MsgBody":[${action.elements.join(",")}]}`];
  }
  const SubscribeAccountList = action.subscribers.map((Subscriber_Account) => ({ Subscriber_Account }));
  const body = { Official_Account: action.account_id, Operator_Account: action.operator, SubscribeAccountList };
  return ["OfficialAccount.CallbackBeforeAddSubscriber", body];
}

function answerOf({ verdict, code, message, refused, rewrite }: Decision): Answer {
  const elements = rewrite?.elements.flatMap(({ rawJson }) => (rawJson === "" ? [] : [rawJson])) ?? [];
  return {
    verdict: verdict === Verdict.ALLOW ? "allow" : verdict === Verdict.DISCARD ? "discard" : "deny",
    code,
    message,
    refused: refused.map((r) => r.subscriber),
    ...(elements.length > 0 && { elements }),
    ...(rewrite?.customData !== undefined && { customData: rewrite.customData }),
  };
}

function answerOfWebhook(text: string): Answer {
  const {
    ErrorCode: code,
    ErrorInfo: message,
    RefusedSubscribers_Account: refused = [],
    CloudCustomData: customData,
  } = JSON.parse(text) as { ErrorCode: number; ErrorInfo: string; RefusedSubscribers_Account?: string[]; CloudCustomData?: string };
  const elements = messageBodySlices(text);
  return {
    verdict: code === 0 ? "allow" : code === 2 ? "discard" : "deny",
    code,
    message,
    refused,
    ...(elements && { elements }),
    ...(customData !== undefined && { customData }),
  };
}

/** A decision as the store has it (the latest one, unless an id is given), without what differs from door to door. */
async function recorded(gatehouse: TestGatehouse, decisionId?: string): Promise<object> {
  const client = createClient(DecisionService, gatehouse.server.localDoor);
  const decision =
    decisionId === undefined
      ? (await client.listDecisions({ pageSize: 1 })).decisions[0]
      : (await client.getDecision({ decisionId })).decision;
  if (decision === undefined) throw new Error("nothing was recorded");
  const {
    decisionId: _id,
    requestId: _requestId,
    origin: _origin,
    decideTime: _time,
    ...rest
  } = toJson(DecisionSchema, decision) as Record<string, unknown>;
  return rest;
}
