// What the schema declares of who may call each method, read once and checked as a whole.
import { type DescField, type DescMethod, type DescService, getOption, hasOption, type Message, ScalarType } from "@bufbuild/protobuf";
import { type Access, AppScope, access as accessOption, Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";

/** Who may call a method. */
export interface MethodAccess {
  /** Its name for people: `gatehouse.v1.ListService/AddEntries`. */
  readonly name: string;
  readonly role: Role;
  readonly scope: MethodScope;
  readonly audited: boolean;
}

/** What a caller for some apps may do with it. */
export type MethodScope =
  /** What is for the app that the request names; 0 means all apps. */
  | { kind: "request"; appIdOf(request: Message): number }
  /** What is about something of its apps, which the field of this name identifies. */
  | { kind: "subject"; field: string; idOf(request: Message): string }
  /** Whatever it is. */
  | { kind: "shared" }
  /** Nothing. */
  | { kind: "all" };

/**
 * Reads the declarations of all methods. `subjectFields` are the fields, such as `decision_id`, whose app can be looked up. Throws one error that
 * names every method without a declaration, or with one that does not fit its request.
 */
export function readMethodAccess(
  services: readonly DescService[],
  subjectFields: readonly string[],
): ReadonlyMap<DescMethod, MethodAccess> {
  const table = new Map<DescMethod, MethodAccess>();
  const problems: string[] = [];
  for (const service of services) {
    for (const method of service.methods) {
      const name = `${service.typeName}/${method.name}`;
      const read = readOne(method, subjectFields);
      if (typeof read === "string") problems.push(`${name} ${read}`);
      else table.set(method, { name, ...read });
    }
  }
  if (problems.length === 0) return table;
  throw new GatehouseError(
    ErrorReason.INTERNAL,
    `Nothing is served, because the schema does not say of each method who may call it (option gatehouse.v1.access):\n${problems.join("\n")}`,
  );
}

/** The declaration of one method, or what is wrong with it. */
function readOne(method: DescMethod, subjectFields: readonly string[]): Omit<MethodAccess, "name"> | string {
  if (!hasOption(method, accessOption)) return "declares no access.";
  const declared = getOption(method, accessOption);
  if (declared.role === Role.UNSPECIFIED) return "declares no role.";
  const scope = readScope(method, declared, subjectFields);
  return typeof scope === "string" ? scope : { role: declared.role, scope, audited: declared.audited };
}

function readScope(method: DescMethod, { appScope, appField }: Access, subjectFields: readonly string[]): MethodScope | string {
  switch (appScope) {
    case AppScope.REQUEST: {
      const path = pathTo(method, appField || "app_id", ScalarType.UINT32);
      return typeof path === "string"
        ? path
        : { kind: "request", appIdOf: (request) => (valueAt(request, path) as number | undefined) ?? 0 };
    }
    case AppScope.SUBJECT: {
      const path = pathTo(method, appField, ScalarType.STRING);
      if (typeof path === "string") return path;
      const field = appField.slice(appField.lastIndexOf(".") + 1);
      if (!subjectFields.includes(field)) return `is bound by "${field}", of which no app can be looked up.`;
      if (method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming")
        return "takes a stream, which has no subject.";
      return { kind: "subject", field, idOf: (request) => (valueAt(request, path) as string | undefined) ?? "" };
    }
    case AppScope.SHARED:
      return { kind: "shared" };
    case AppScope.ALL:
      return { kind: "all" };
    default:
      return "declares no app_scope.";
  }
}

/** The members that lead to a field of the request, or why they do not. */
function pathTo(method: DescMethod, path: string, type: ScalarType): string[] | string {
  const names: string[] = [];
  let message = method.input;
  let last: DescField | undefined;
  for (const part of path.split(".")) {
    if (names.length > 0 && last?.fieldKind !== "message") break;
    if (last?.fieldKind === "message") message = last.message;
    last = message.fields.find(({ name }) => name === part);
    if (last === undefined || last.oneof !== undefined) return `has no field "${path}" in its request.`;
    names.push(last.localName);
  }
  const fits = last?.fieldKind === "scalar" && last.scalar === type && names.length === path.split(".").length;
  return fits ? names : `has no field "${path}" of the type ${ScalarType[type].toLowerCase()} in its request.`;
}

function valueAt(request: Message, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], request);
}
