// Makes certificates for tests: a CA of its own, and what it signs. ECDSA on P-256, as RFC 5280 lays them out.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** A CA. */
export interface Ca {
  certPem: string;
  /** Signs a certificate for localhost and 127.0.0.1, good from a month ago to `daysLeft` from now (default: 30). */
  issue(name: string, options?: { daysLeft?: number }): { certPem: string; keyPem: string };
}

/** Makes a CA. */
export function createCa(name: string): Ca {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const sealed = { subject: name, publicKey, issuer: name, issuerKey: privateKey };
  return {
    certPem: certificate({ ...sealed, daysLeft: 30, extensions: [basicConstraintsCa] }),
    issue(subject, { daysLeft = 30 } = {}) {
      const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
      return {
        certPem: certificate({ ...sealed, subject, publicKey: pair.publicKey, daysLeft, extensions: [namesOfThisMachine] }),
        keyPem: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      };
    },
  };
}

/** Writes a certificate and its key into a folder, over those of before; gives the paths. */
export function writePair(folder: string, { certPem, keyPem }: { certPem: string; keyPem: string }, prefix = "server") {
  const paths = { certFile: join(folder, `${prefix}.crt`), keyFile: join(folder, `${prefix}.key`) };
  writeFileSync(paths.certFile, certPem);
  writeFileSync(paths.keyFile, keyPem);
  return paths;
}

interface Content {
  subject: string;
  publicKey: KeyObject;
  issuer: string;
  issuerKey: KeyObject;
  daysLeft: number;
  extensions: Buffer[];
}

function certificate({ subject, publicKey, issuer, issuerKey, daysLeft, extensions }: Content): string {
  const dayMs = 86_400_000;
  const validity = sequence(time(Date.now() - 31 * dayMs), time(Date.now() + daysLeft * dayMs));
  const toSign = sequence(
    tagged(0xa0, tagged(0x02, Buffer.of(2))),
    tagged(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ecdsaWithSha256,
    distinguishedName(issuer),
    validity,
    distinguishedName(subject),
    publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", toSign, issuerKey);
  const der = sequence(toSign, ecdsaWithSha256, tagged(0x03, Buffer.concat([Buffer.of(0), signature])));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

/** One DER value. */
function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head = length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return tagged(0x17, Buffer.from(`${text}Z`));
}

function distinguishedName(commonName: string): Buffer {
  const attribute = sequence(Buffer.from("0603550403", "hex"), tagged(0x0c, Buffer.from(commonName)));
  return sequence(tagged(0x31, attribute));
}

/** The algorithm 1.2.840.10045.4.3.2. */
const ecdsaWithSha256 = sequence(Buffer.from("06082a8648ce3d040302", "hex"));

/** The extension 2.5.29.19, critical: a CA. */
const basicConstraintsCa = sequence(
  Buffer.from("0603551d13", "hex"),
  tagged(0x01, Buffer.of(0xff)),
  tagged(0x04, sequence(tagged(0x01, Buffer.of(0xff)))),
);

/** The extension 2.5.29.17: localhost and 127.0.0.1. */
const namesOfThisMachine = sequence(
  Buffer.from("0603551d11", "hex"),
  tagged(0x04, sequence(tagged(0x82, Buffer.from("localhost")), tagged(0x87, Buffer.of(127, 0, 0, 1)))),
);
