// TLS files: what is taken, what is refused in which words, and when changed files are read.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { readTlsFiles, type TlsRead, watchTlsFiles } from "../../src/listener/tls-files.ts";
import { createCa, writePair } from "../certificates.ts";
import { until } from "../rpc/doors.ts";

const ca = createCa("a CA");
const good = ca.issue("good");
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-tls-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("readTlsFiles", () => {
  it("reads a pair and a client CA", () => {
    const files = { ...writePair(folder, good), clientCaFile: write("ca.crt", ca.certPem) };
    const read = readTlsFiles(files);
    if (read.kind === "refused") throw new Error(read.problem);
    const daysLeft = (read.material.expiresAtMs - Date.now()) / 86_400_000;
    expect(Math.round(daysLeft)).toBe(30);
    expect(read.material.ca?.toString()).toBe(ca.certPem);
  });

  const other = ca.issue("other");
  it.each([
    ["a certificate that is not there", undefined, good.keyPem, "/cert.pem cannot be read: ENOENT."],
    ["a key that is not there", good.certPem, undefined, "/key.pem cannot be read: ENOENT."],
    ["a certificate that is none", "rubbish", good.keyPem, "/cert.pem does not hold a certificate in PEM."],
    ["a key in the certificate's place", good.keyPem, good.keyPem, "/cert.pem does not hold a certificate in PEM."],
    ["a key that is none", good.certPem, good.certPem, "/key.pem does not hold a private key in PEM without a passphrase."],
    ["a key of another certificate", good.certPem, other.keyPem, "does not belong to the certificate in "],
  ])("refuses %s, and says so", (_name, cert, key, problem) => {
    const inner = mkdtempSync(join(folder, "pair-"));
    const files = { certFile: join(inner, "cert.pem"), keyFile: join(inner, "key.pem"), clientCaFile: undefined };
    if (cert !== undefined) writeFileSync(files.certFile, cert);
    if (key !== undefined) writeFileSync(files.keyFile, key);
    expect(readTlsFiles(files)).toEqual({ kind: "refused", problem: expect.stringContaining(problem) });
  });
});

describe("watchTlsFiles", () => {
  it("reads changed files once both are there, and refuses what is no pair or has ended", async () => {
    const inner = mkdtempSync(join(folder, "watched-"));
    const files = { ...writePair(inner, good), clientCaFile: undefined };
    const reads: TlsRead[] = [];
    const first = readTlsFiles(files);
    if (first.kind === "refused") throw new Error(first.problem);
    onTestFinished(watchTlsFiles(files, first.material, Date.now, (read) => reads.push(read)));
    const next = ca.issue("next");
    writeFileSync(files.certFile, next.certPem);
    await until(() => reads.length === 1);
    expect(reads[0]).toEqual({ kind: "refused", problem: expect.stringContaining("does not belong to") });
    writeFileSync(files.keyFile, next.keyPem);
    await until(() => reads.length === 2);
    expect(reads[1]).toMatchObject({ kind: "read", material: { key: Buffer.from(next.keyPem) } });
    writePair(inner, ca.issue("ended", { daysLeft: -1 }));
    await until(() => reads.length === 3);
    expect(reads[2]).toEqual({ kind: "refused", problem: expect.stringContaining("has ended") });
  });
});
