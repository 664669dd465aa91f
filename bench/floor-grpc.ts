// The floor of every row over gRPC: a grpc-js server that answers Decide with the bytes of one decision, reads nothing and does nothing else.
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { Verdict } from "../gen/gatehouse/v1/decision_pb.ts";
import { DecideResponseSchema } from "../gen/gatehouse/v1/moderation_service_pb.ts";
import { benchApp, grpcDecide } from "./harness/requests.ts";

const asItIs = (bytes: Buffer) => bytes;
const answer = Buffer.from(
  toBinary(
    DecideResponseSchema,
    create(DecideResponseSchema, {
      decision: {
        decisionId: "00000000000000000000000000",
        appId: benchApp,
        origin: { clientIp: "127.0.0.1", platform: "RESTAPI", source: "bench" },
        action: { case: "createAccount", value: { operator: "u00000001", owner: "u00000001", name: "Channel 00000001 News" } },
        verdict: Verdict.ALLOW,
        policyVersion: "0".repeat(64),
        decideTime: timestampFromMs(1),
      },
    }),
  ),
);

const server = new Server({ "grpc.enable_channelz": 0 });
server.addService(
  {
    Decide: {
      path: grpcDecide.path,
      requestStream: false,
      responseStream: false,
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    },
  },
  { Decide: (_call: unknown, callback: sendUnaryData<Buffer>) => callback(null, answer) },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`listening on ${port}\n`);
});
process.on("SIGTERM", () => process.exit(0));
