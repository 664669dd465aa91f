// Declarations of access that are missing or do not fit are found at the start.
import { create, createFileRegistry, type DescService, type MessageInitShape, setExtension } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { AccessSchema, AppScope, access, Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { readMethodAccess } from "../../src/rpc/method-access.ts";

/** A service with one method for each declaration; requests have `app_id`, `thing_id` and `filter.app_id`. */
function serviceWith(declared: Record<string, MessageInitShape<typeof AccessSchema> | undefined>, clientStreaming = false): DescService {
  const { UINT32, STRING, MESSAGE } = FieldDescriptorProto_Type;
  const field = (name: string, number: number, type: FieldDescriptorProto_Type, typeName?: string) => ({
    name,
    number,
    type,
    label: FieldDescriptorProto_Label.OPTIONAL,
    ...(typeName !== undefined && { typeName }),
  });
  const fields = [field("app_id", 1, UINT32), field("thing_id", 2, STRING), field("filter", 3, MESSAGE, ".t.Filter")];
  const method = Object.entries(declared).map(([name, init]) => {
    const options = create(MethodOptionsSchema);
    if (init !== undefined) setExtension(options, access, create(AccessSchema, init));
    return { name, inputType: ".t.Request", outputType: ".t.Request", options, clientStreaming };
  });
  const file = create(FileDescriptorProtoSchema, {
    name: "t.proto",
    package: "t",
    syntax: "proto3",
    messageType: [
      { name: "Filter", field: [field("app_id", 1, UINT32)] },
      { name: "Request", field: fields },
    ],
    service: [{ name: "Things", method }],
  });
  const service = createFileRegistry(file, () => undefined).getService("t.Things");
  if (service === undefined) throw new Error("the service was not made");
  return service;
}

const read = (declared: Record<string, MessageInitShape<typeof AccessSchema> | undefined>, clientStreaming = false) =>
  readMethodAccess([serviceWith(declared, clientStreaming)], ["thing_id"]);

const role = Role.VIEWER;

describe("declarations of access", () => {
  it("name every method that has none, or one that does not fit", () => {
    const declared = {
      None: undefined,
      NoRole: { appScope: AppScope.SHARED },
      NoScope: { role },
      NoField: { role, appScope: AppScope.SUBJECT },
      NoSuchField: { role, appScope: AppScope.REQUEST, appField: "filter.app" },
      WrongType: { role, appScope: AppScope.REQUEST, appField: "thing_id" },
      NotAField: { role, appScope: AppScope.REQUEST, appField: "app_id.more" },
      Good: { role, appScope: AppScope.REQUEST },
    };
    let message = "";
    try {
      read(declared);
    } catch (error) {
      message = String(error);
    }
    expect(message.split("\n").slice(1)).toEqual([
      "t.Things/None declares no access.",
      "t.Things/NoRole declares no role.",
      "t.Things/NoScope declares no app_scope.",
      't.Things/NoField has no field "" in its request.',
      't.Things/NoSuchField has no field "filter.app" in its request.',
      't.Things/WrongType has no field "thing_id" of the type uint32 in its request.',
      't.Things/NotAField has no field "app_id.more" of the type uint32 in its request.',
    ]);
  });

  it("that are bound by a subject need one that can be looked up, and no stream", () => {
    const subject = { role, appScope: AppScope.SUBJECT, appField: "thing_id" };
    expect(read({ Get: subject }).size).toBe(1);
    expect(() => read({ Get: subject }, true)).toThrow("t.Things/Get takes a stream, which has no subject.");
    expect(() => readMethodAccess([serviceWith({ Get: subject })], [])).toThrow('t.Things/Get is bound by "thing_id", of which no app');
  });

  it("find the app in the request", () => {
    const table = read({
      Flat: { role, appScope: AppScope.REQUEST },
      Deep: { role, appScope: AppScope.REQUEST, appField: "filter.app_id" },
    });
    const appIds = [...table.values()].map(({ scope }) =>
      [{ appId: 5, filter: { appId: 6 } }, {}].map((request) => scope.kind === "request" && scope.appIdOf(request as never)),
    );
    expect(appIds).toEqual([
      [5, 0],
      [6, 0],
    ]);
  });
});
