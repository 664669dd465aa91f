// A client of gRPC reflection as grpcurl and its like are: it knows nothing of the server but the reflection protocol.
import {
  create,
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { protoCamelCase } from "@bufbuild/protobuf/reflect";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Client } from "@grpc/grpc-js";

/** The part of grpc/reflection/v1/reflection.proto that is asked here; v1alpha has the same. */
const reflectionFile = fromJson(FileDescriptorProtoSchema, {
  name: "reflection.proto",
  syntax: "proto3",
  messageType: [
    { name: "Request", field: [field("file_by_filename", 3), field("file_containing_symbol", 4), field("list_services", 7)] },
    { name: "Files", field: [{ ...field("file_descriptor_proto", 1), type: "TYPE_BYTES", label: "LABEL_REPEATED" }] },
    { name: "Service", field: [field("name", 1)] },
    { name: "Services", field: [{ ...message("service", 1, "Service"), label: "LABEL_REPEATED" }] },
    { name: "Failure", field: [field("error_message", 2)] },
    {
      name: "Response",
      field: [message("files", 4, "Files"), message("services", 6, "Services"), message("failure", 7, "Failure")],
    },
  ],
});

interface ReflectionAnswer {
  files?: { fileDescriptorProto?: string[] };
  services?: { service?: { name: string }[] };
  failure?: { errorMessage?: string };
}

export interface ReflectionClient {
  /** The full names of the services. */
  listServices(): Promise<string[]>;
  /** The types that the file of this symbol and all its imports declare. */
  describe(symbol: string): Promise<FileRegistry>;
  close(): void;
}

/** Asks for the file of a symbol, then for every import that did not come with it. */
export function openReflection(client: Client, version: string): ReflectionClient {
  const registry = createFileRegistry(reflectionFile, () => undefined);
  const call = client.makeBidiStreamRequest(
    `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    (request: object) => Buffer.from(toBinary(schema(registry, "Request"), fromJson(schema(registry, "Request"), { ...request }))),
    (bytes) => toJson(schema(registry, "Response"), fromBinary(schema(registry, "Response"), bytes)) as ReflectionAnswer,
  );
  call.on("error", () => {});
  const ask = async (request: object) => {
    const answer = await new Promise<ReflectionAnswer>((resolve, reject) => {
      call.once("error", reject);
      call.once("data", (answer: ReflectionAnswer) => {
        call.off("error", reject);
        resolve(answer);
      });
      call.write(request);
    });
    if (answer.failure) throw new Error(`reflection refuses ${JSON.stringify(request)}: ${answer.failure.errorMessage}`);
    return answer;
  };
  return {
    async listServices() {
      const { services } = await ask({ listServices: "*" });
      return services?.service?.map(({ name }) => name) ?? [];
    },
    async describe(symbol) {
      const files = new Map<string, FileDescriptorProto>();
      const take = (answer: ReflectionAnswer) => {
        const received = answer.files?.fileDescriptorProto ?? [];
        const decoded = received.map((base64) => fromBinary(FileDescriptorProtoSchema, Buffer.from(base64, "base64")));
        for (const file of decoded) files.set(file.name, file);
      };
      take(await ask({ fileContainingSymbol: symbol }));
      for (let name = missingImport(files); name !== undefined; name = missingImport(files)) take(await ask({ fileByFilename: name }));
      return createFileRegistry(create(FileDescriptorSetSchema, { file: inOrder(files) }));
    },
    close: () => call.end(),
  };
}

function missingImport(files: Map<string, FileDescriptorProto>): string | undefined {
  return [...files.values()].flatMap((file) => file.dependency).find((name) => !files.has(name));
}

/** Every file after those it imports. */
function inOrder(files: Map<string, FileDescriptorProto>): FileDescriptorProto[] {
  const ordered = new Set<FileDescriptorProto>();
  const add = (file: FileDescriptorProto | undefined) => {
    if (file === undefined || ordered.has(file)) return;
    for (const name of file.dependency) add(files.get(name));
    ordered.add(file);
  };
  for (const file of files.values()) add(file);
  return [...ordered];
}

function schema(registry: FileRegistry, name: string): DescMessage {
  const found = registry.getMessage(name);
  if (found === undefined) throw new Error(`there is no message ${name}`);
  return found;
}

function field(name: string, number: number) {
  return { name, number, jsonName: protoCamelCase(name), type: "TYPE_STRING", label: "LABEL_OPTIONAL" };
}

function message(name: string, number: number, typeName: string) {
  return { name, number, jsonName: name, type: "TYPE_MESSAGE", typeName: `.${typeName}`, label: "LABEL_OPTIONAL" };
}
