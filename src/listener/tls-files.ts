// The certificate, the key and the client CA of a listener: read from files, checked, and read again when they change.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";

/** Where the parts are; all PEM. */
export interface TlsFiles {
  /** The certificate, followed by the intermediate ones. */
  certFile: string;
  /** Its private key, without a passphrase. */
  keyFile: string;
  /** Who must have signed the certificate of a client; undefined: clients need none. */
  clientCaFile: string | undefined;
}

/** What the files hold, as node:tls takes it. */
export interface TlsMaterial {
  cert: Buffer;
  key: Buffer;
  ca: Buffer | undefined;
  /** When the certificate ends, in milliseconds since 1970. */
  expiresAtMs: number;
}

/** What became of a look at the files; `problem` says what is wrong, where, and is free of what the files hold. */
export type TlsRead = { kind: "read"; material: TlsMaterial } | { kind: "refused"; problem: string };

/** How often the files are looked at. */
const watchIntervalMs = 500;

/** Reads the files. Certificate and key must be a pair that TLS can use; a certificate that has ended is not refused here. */
export function readTlsFiles({ certFile, keyFile, clientCaFile }: TlsFiles): TlsRead {
  try {
    const cert = readPart(certFile, "a certificate in PEM", (pem) => new X509Certificate(pem));
    const key = readPart(keyFile, "a private key in PEM without a passphrase", createPrivateKey);
    const ca = clientCaFile === undefined ? undefined : readPart(clientCaFile, "a certificate in PEM", (pem) => new X509Certificate(pem));
    if (!cert.parsed.checkPrivateKey(key.parsed)) {
      return { kind: "refused", problem: `the key in ${keyFile} does not belong to the certificate in ${certFile}.` };
    }
    const material = { cert: cert.pem, key: key.pem, ca: ca?.pem, expiresAtMs: Date.parse(cert.parsed.validTo) };
    usePart(certFile, "a certificate chain that TLS can use", () => createSecureContext(material));
    return { kind: "read", material };
  } catch (error) {
    if (!(error instanceof UnusablePart)) throw error;
    return { kind: "refused", problem: error.message };
  }
}

/**
 * Reads the files whenever they hold something else than `material` or what was read last, until the returned function is called. They must
 * have stayed the same for two looks, because a pair is replaced one file after the other. A certificate that has ended by `now` is refused, so
 * that it never replaces one that may still be good.
 */
export function watchTlsFiles(files: TlsFiles, material: TlsMaterial, now: () => number, onRead: (read: TlsRead) => void): () => void {
  let settled = JSON.stringify([material.cert, material.key, material.ca].map((part) => part?.toString("latin1")));
  let seen = settled;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const look = async () => {
    const content = await contentOf(files);
    if (stopped) return;
    if (content !== settled && content === seen) {
      settled = content;
      const read = readTlsFiles(files);
      const hasEnded = read.kind === "read" && read.material.expiresAtMs <= now();
      onRead(hasEnded ? { kind: "refused", problem: `the certificate in ${files.certFile} has ended.` } : read);
    }
    seen = content;
    schedule();
  };
  const schedule = () => {
    timer = setTimeout(look, watchIntervalMs).unref();
  };
  schedule();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** What the files hold, as one text to compare; in the place of a file that cannot be read, why. */
async function contentOf({ certFile, keyFile, clientCaFile }: TlsFiles): Promise<string> {
  const parts = [certFile, keyFile, clientCaFile].map((file) =>
    file === undefined ? undefined : readFile(file, "latin1").catch((error: NodeJS.ErrnoException) => error.code),
  );
  return JSON.stringify(await Promise.all(parts));
}

/** A file cannot be read or does not hold what it must; the message says which and what. */
class UnusablePart extends Error {}

function readPart<T>(file: string, what: string, parse: (pem: Buffer) => T): { pem: Buffer; parsed: T } {
  let pem: Buffer;
  try {
    pem = readFileSync(file);
  } catch (error) {
    throw new UnusablePart(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown error"}.`);
  }
  return { pem, parsed: usePart(file, what, () => parse(pem)) };
}

function usePart<T>(file: string, what: string, use: () => T): T {
  try {
    return use();
  } catch {
    throw new UnusablePart(`${file} does not hold ${what}.`);
  }
}
