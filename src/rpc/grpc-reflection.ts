// What gRPC reflection tells clients: the descriptors of every served service and of all they refer to.
import { type DescFile, type DescService, fromJson, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { ReflectionService } from "@grpc/reflection";

/** The full name of the standard health service. */
export const healthServiceName = "grpc.health.v1.Health";

type ReflectionPackage = ConstructorParameters<typeof ReflectionService>[0];

/** The package definition that @grpc/reflection reads; it looks at nothing but the descriptors in it. */
export function reflectionPackage(services: readonly DescService[]): ReflectionPackage {
  const files = new Map<string, FileDescriptorProto>([[healthFile.name, healthFile]]);
  for (const service of services) collect(service.file, files);
  const fileDescriptorProtos = Array.from(files.values(), (file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file)));
  return { gatehouse: { format: "Protocol Buffer 3 DescriptorProto", type: {}, fileDescriptorProtos } };
}

function collect(file: DescFile, into: Map<string, FileDescriptorProto>): void {
  if (into.has(file.proto.name)) return;
  into.set(file.proto.name, file.proto);
  for (const dependency of file.dependencies) collect(dependency, into);
}

/**
 * grpc/health/v1/health.proto ("GRPC Health Checking Protocol"). The descriptor that comes with grpc-health-check has relative type names and a
 * map entry by another name, which clients in Go refuse.
 */
const healthFile = fromJson(FileDescriptorProtoSchema, {
  name: "grpc/health/v1/health.proto",
  package: "grpc.health.v1",
  syntax: "proto3",
  messageType: [
    { name: "HealthCheckRequest", field: [field("service", 1, "TYPE_STRING")] },
    {
      name: "HealthCheckResponse",
      field: [field("status", 1, "TYPE_ENUM", ".grpc.health.v1.HealthCheckResponse.ServingStatus")],
      enumType: [
        {
          name: "ServingStatus",
          value: ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"].map((name, number) => ({ name, number })),
        },
      ],
    },
    { name: "HealthListRequest" },
    {
      name: "HealthListResponse",
      field: [{ ...field("statuses", 1, "TYPE_MESSAGE", ".grpc.health.v1.HealthListResponse.StatusesEntry"), label: "LABEL_REPEATED" }],
      nestedType: [
        {
          name: "StatusesEntry",
          options: { mapEntry: true },
          field: [field("key", 1, "TYPE_STRING"), field("value", 2, "TYPE_MESSAGE", ".grpc.health.v1.HealthCheckResponse")],
        },
      ],
    },
  ],
  service: [
    {
      name: "Health",
      method: [
        { name: "Check", inputType: ".grpc.health.v1.HealthCheckRequest", outputType: ".grpc.health.v1.HealthCheckResponse" },
        { name: "List", inputType: ".grpc.health.v1.HealthListRequest", outputType: ".grpc.health.v1.HealthListResponse" },
        {
          name: "Watch",
          inputType: ".grpc.health.v1.HealthCheckRequest",
          outputType: ".grpc.health.v1.HealthCheckResponse",
          serverStreaming: true,
        },
      ],
    },
  ],
});

function field(name: string, number: number, type: string, typeName = "") {
  return { name, number, jsonName: name, label: "LABEL_OPTIONAL", type, ...(typeName && { typeName }) };
}
