// Who calls, and what they may do.
import { Role, RoleSchema } from "../../gen/gatehouse/v1/access_pb.ts";
import { PrincipalKind } from "../../gen/gatehouse/v1/audit_service_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { Principal } from "../storage/storage.ts";

/** Who calls. */
export interface Caller extends Principal {
  readonly roles: ReadonlySet<Role>;
  /** The apps it is for; undefined: all apps. */
  readonly appIds: ReadonlySet<number> | undefined;
}

const operator: ReadonlySet<Role> = new Set([Role.OPERATOR]);

/** A caller in our own process. */
export const processCaller: Caller = { kind: PrincipalKind.PROCESS, id: "", name: "", roles: operator, appIds: undefined };

/** A caller on this machine who showed nothing, where nothing is asked for. */
export const localCaller: Caller = { kind: PrincipalKind.LOCAL, id: "", name: "", roles: operator, appIds: undefined };

/** The holder of the bootstrap key. */
export const bootstrapCaller: Caller = {
  kind: PrincipalKind.BOOTSTRAP_KEY,
  id: "",
  name: "bootstrap key",
  roles: operator,
  appIds: undefined,
};

/** The roles by the words that people and tokens use, such as `viewer`. */
export const roleByWord: ReadonlyMap<string, Role> = new Map(
  RoleSchema.values
    .filter(({ number }) => number !== Role.UNSPECIFIED)
    .map(({ localName, number }) => [localName.toLowerCase(), number as Role]),
);

/** Which roles may do what needs a role. */
const sufficient: Readonly<Record<Role, readonly Role[]>> = {
  [Role.UNSPECIFIED]: [],
  [Role.VIEWER]: [Role.VIEWER, Role.REVIEWER, Role.AUTHOR, Role.OPERATOR],
  [Role.DECIDER]: [Role.DECIDER, Role.OPERATOR],
  [Role.REVIEWER]: [Role.REVIEWER, Role.OPERATOR],
  [Role.AUTHOR]: [Role.AUTHOR, Role.OPERATOR],
  [Role.OPERATOR]: [Role.OPERATOR],
};

/** Throws PERMISSION_DENIED unless the caller may do what needs this role; `what` names it for people, such as a method. */
export function checkRole({ roles, kind }: Caller, needed: Role, what: string): void {
  if (sufficient[needed]?.some((role) => roles.has(role))) return;
  const held = [...roles].map(roleWord).join(", ") || "none";
  throw new GatehouseError(
    ErrorReason.PERMISSION_DENIED,
    `${what} needs the role ${roleWord(needed)}; this ${wordOf(kind)} has ${held}. Use one that has it, or let an operator make one.`,
    { metadata: { role: roleWord(needed) } },
  );
}

/** The error of a caller for some apps that asked for another one, or, with 0, for all. */
export function appDenied({ appIds, kind }: Caller, appId: number): GatehouseError {
  const own = appIds === undefined || appIds.size === 0 ? "no app" : `${[...appIds].join(", ")} only`;
  const asked = appId === 0 ? "this call is for all apps" : `this call is for app ${appId}`;
  return new GatehouseError(ErrorReason.PERMISSION_DENIED, `This ${wordOf(kind)} is for ${own}, and ${asked}.`, {
    metadata: { app_id: String(appId) },
  });
}

/** What the holder of a key or token is called where a request leaves its author empty: at most 100 bytes. */
export function authorOf({ name }: Caller): string {
  let author = name;
  while (Buffer.byteLength(author) > maxAuthorBytes) author = author.slice(0, -1);
  return author.toWellFormed();
}

const maxAuthorBytes = 100;

function roleWord(role: Role): string {
  return (RoleSchema.value[role]?.localName ?? String(role)).toLowerCase();
}

/** What a caller has shown, in a word. */
export function wordOf(kind: PrincipalKind): "token" | "key" {
  return kind === PrincipalKind.TOKEN ? "token" : "key";
}
