// The TLS files of all listeners at the start: read together, so that everything wrong with them is said at once.
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import { readTlsFiles, type TlsFiles, type TlsMaterial } from "./tls-files.ts";

/** Files, and what they hold. */
export interface LoadedTls {
  files: TlsFiles;
  material: TlsMaterial;
}

/** By listener, as the settings call it, what its files hold; undefined for those without TLS. Throws with all problems, a line each. */
export function loadTls<Name extends string>(filesOf: Record<Name, TlsFiles | undefined>): Record<Name, LoadedTls | undefined> {
  const problems: string[] = [];
  const entries = Object.entries<TlsFiles | undefined>(filesOf).map(([name, files]) => {
    if (files === undefined) return [name, undefined];
    const read = readTlsFiles(files);
    if (read.kind === "read") return [name, { files, material: read.material }];
    problems.push(`${name}.tls: ${read.problem}`);
    return [name, undefined];
  });
  if (problems.length > 0) throw new GatehouseError(ErrorReason.INVALID_REQUEST, problems.join("\n"));
  return Object.fromEntries(entries);
}
