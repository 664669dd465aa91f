// What commands need to speak TLS: whom to trust, and what to show of themselves.
import { readFileSync } from "node:fs";
import { CommandError, type Io } from "./command.ts";

/** Options of node:https. Empty: the CAs that Node trusts, and no certificate of one's own. */
export interface ClientTls {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

/** What is said of an address whose certificate is not trusted. */
export const untrustedHint =
  "Its certificate is not trusted here: name the CA that signed it with GATEHOUSE_CA_FILE, and use the name that it is for.";

const untrusted = /CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/;

/** Whether a connection failed because the other side's certificate is not trusted, by the system's code of the error. */
export function isUntrusted(systemCode: string): boolean {
  return untrusted.test(systemCode) && !/ALERT/.test(systemCode);
}

/** Reads the files that GATEHOUSE_CA_FILE, GATEHOUSE_CERT_FILE and GATEHOUSE_KEY_FILE name; the last two go together. */
export function readClientTls({ env }: Io): ClientTls {
  const { GATEHOUSE_CA_FILE: ca, GATEHOUSE_CERT_FILE: cert, GATEHOUSE_KEY_FILE: key } = env;
  if (Boolean(cert) !== Boolean(key)) throw new CommandError("GATEHOUSE_CERT_FILE and GATEHOUSE_KEY_FILE go together: set both or none.");
  return {
    ...(ca && { ca: readPem("GATEHOUSE_CA_FILE", ca) }),
    ...(cert && { cert: readPem("GATEHOUSE_CERT_FILE", cert) }),
    ...(key && { key: readPem("GATEHOUSE_KEY_FILE", key) }),
  };
}

function readPem(variable: string, file: string): Buffer {
  let pem: Buffer;
  try {
    pem = readFileSync(file);
  } catch (error) {
    throw new CommandError(`${variable}: ${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown error"}.`);
  }
  if (!pem.includes("-----BEGIN ")) throw new CommandError(`${variable}: ${file} is not a PEM file.`);
  return pem;
}
