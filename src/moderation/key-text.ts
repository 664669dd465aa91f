// The text of an API key, `gh_<id>_<secret>`: what its holder keeps, and of which we keep a digest.
import { createHash } from "node:crypto";

/** The parts of a key's text. */
export interface KeyText {
  keyId: string;
  secret: string;
}

/** Lower-case letters and digits without those that look alike: 32 of them, so that a random byte picks each as often. */
const idLetters = "abcdefghijkmnpqrstuvwxyz23456789";
const idLength = 12;
const secretBytes = 32;

/** Makes a new key's text of random bytes, which `randomBytes` must give from a source that nobody can foresee. */
export function makeKeyText(randomBytes: (size: number) => Uint8Array): KeyText {
  const keyId = Array.from(randomBytes(idLength), (byte) => idLetters[byte % idLetters.length]).join("");
  return { keyId, secret: Buffer.from(randomBytes(secretBytes)).toString("base64url") };
}

export function formatKeyText({ keyId, secret }: KeyText): string {
  return `gh_${keyId}_${secret}`;
}

/** The parts of a key's text; undefined for a text that is none. */
export function parseKeyText(text: string): KeyText | undefined {
  const [, keyId, secret] = /^gh_([a-z0-9]{8,32})_([\w-]{43,128})$/.exec(text) ?? [];
  return keyId === undefined || secret === undefined ? undefined : { keyId, secret };
}

/**
 * What is kept of a secret. One round of SHA-256 is enough: secrets are 256 random bits, so that nobody can find one by trying, which is what
 * slow digests are for.
 */
export function secretDigest(secret: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(secret).digest());
}
