// `gatehouse gateway` says what is missing or wrong before it serves.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { gatehouse } from "./harness.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-gateway-command-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (args: readonly string[], env: Record<string, string> = {}) =>
  gatehouse(["gateway", ...args], {
    GATEHOUSE_APPS: "5",
    GATEHOUSE_LOG_LEVEL: "silent",
    GATEHOUSE_SPOOL: join(folder, "spool.db"),
    ...env,
  });

describe("gatehouse gateway", () => {
  it.each([
    [[], {}, "service.address: the service must be given, such as --service dns:///gatehouse:9090"],
    [["--service", "http://a:1"], {}, "GATEHOUSE_SERVICE: must be a gRPC target with a port, such as dns:///gatehouse:9090"],
    [["--service", "a:1", "--ca-file", "/no/such.pem"], {}, "service.ca_file: /no/such.pem cannot be read: ENOENT"],
    [
      ["--service", "a:1"],
      {
        GATEHOUSE_SERVICE_CA_FILE: "package.json",
        GATEHOUSE_SERVICE_CERT_FILE: "package.json",
        GATEHOUSE_SERVICE_KEY_FILE: "package.json",
      },
      "service: the TLS files cannot be used",
    ],
    [
      ["--service", "a:1", "--ca-file", "system"],
      { GATEHOUSE_SERVICE_CERT_FILE: "x.pem" },
      "service.cert_file and service.key_file: set both, or neither",
    ],
    [["--service", "a:1"], { GATEHOUSE_SPOOL: "/dev/null/spool.db" }, "The spool /dev/null/spool.db cannot be read and written"],
    [["--service", "a:1"], { GATEHOUSE_WEBHOOK_LISTEN: "192.0.2.1:1" }, "webhook.listen: cannot listen on 192.0.2.1:1"],
  ])("%j with %j: %s", async (args, env, message) => {
    const { code, stdout, stderr } = await run(args, { GATEHOUSE_API_LISTEN: "127.0.0.1:0", ...env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(message);
  });

  it("takes no argument", async () => {
    expect(await run(["dns:///a:1"])).toMatchObject({ code: 2, stderr: expect.stringContaining('gateway takes no argument "dns:///a:1"') });
  });
});
