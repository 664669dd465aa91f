// The command line as a whole: help, version, wrong input, exit codes.
import { expect, test } from "vitest";
import { commands } from "../../src/cli/index.ts";
import { deadAddress, gatehouse } from "./harness.ts";

test.each([[[]], [["help"]], [["--help"]], [["-h"]]])("%j shows every command", async (args) => {
  const { code, stdout, stderr } = await gatehouse(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const command of commands) expect(stdout).toContain(`${command.name} `);
});

test.each(commands.map((command) => [command.name, command] as const))(
  "%s --help shows its usage and runs nothing",
  async (name, command) => {
    for (const args of [
      [name, "--help"],
      [name, "anything", "-h"],
      ["help", name],
    ]) {
      expect(await gatehouse(args)).toEqual({ code: 0, stdout: command.usage, stderr: "" });
    }
    expect(command.usage).toMatch(/Usage: gatehouse /);
    expect(command.usage.endsWith("\n")).toBe(true);
  },
);

test("--version says which", async () => {
  const { code, stdout } = await gatehouse(["--version"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^gatehouse \d+\.\d+\.\d+ \(Node v\d+/);
});

const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
  ["an unknown command", ["snd"], /no command snd\. Did you mean "send"\?/],
  ["an unknown command that is near nothing", ["xylophone"], /no command xylophone\.\n/],
  ["help about an unknown command", ["help", "list"], /no command list\. Did you mean "lists"\?/],
  ["an unknown flag before the command", ["--versoin"], /no flag --versoin\. Did you mean "--version"\?/],
  ["an unknown flag", ["decisions", "list", "--verdit", "deny"], /no flag --verdit\. Did you mean "--verdict"\?/],
  ["no subcommand", ["accounts"], /accounts needs one of: list, get/],
  ["no subcommand of the policy", ["policy", "--json"], /policy needs one of: check, test, functions, publish/],
  ["an unknown subcommand", ["lists", "ad", "x", "y"], /no `lists ad`\. Did you mean "add"\?/],
  ["a subcommand of Object", ["lists", "constructor"], /no `lists constructor`/],
  [
    "a verdict that is none",
    ["decisions", "list", "--verdict", "denny"],
    /--verdict must be allow or deny or discard, not "denny"\. Did you mean "deny"\?/,
  ],
  ["a state that is none", ["accounts", "list", "--state", "alive"], /--state must be live or destroyed/],
  ["a limit of 0", ["decisions", "list", "--limit", "0"], /--limit must be a whole number from 1/],
  ["a limit that is no number", ["lists", "show", "x", "--limit", "1e3"], /--limit must be a whole number/],
  ["an app that is too large", ["accounts", "list", "--app", "4294967296"], /--app must be a whole number from 1 to 4294967295/],
  ["an app in the environment's place that is none", ["decisions", "list", "--app", "x"], /--app must be/],
  ["no app where it is needed", ["accounts", "get", "@TOA#_a"], /needs --app \(or GATEHOUSE_APP\)/],
  ["no account", ["accounts", "get", "--app", "1"], /exactly one account id/],
  ["two decisions", ["decisions", "get", "a", "b"], /exactly one decision id/],
  ["an argument too many", ["decisions", "list", "x"], /takes no arguments/],
  ["no value", ["lists", "add", "banned_users"], /needs a list and at least one value/],
  ["no file", ["lists", "import", "banned_users"], /needs a list and a file/],
  ["a format that is none", ["lists", "import", "x", "f", "--format", "xml"], /--format must be lines or ndjson or csv, not "xml"/],
  ["an expiry that is none", ["lists", "add", "x", "y", "--expires", "soon"], /--expires must be a time such as/],
  ["no list to export", ["lists", "export"], /needs exactly one list/],
  ["too much history", ["lists", "history", "x", "y", "z"], /at most one value/],
  ["no decision to explain", ["decisions", "explain"], /exactly one decision id/],
  ["no policy to publish", ["policy", "publish"], /exactly one file/],
  ["live and on trial at once", ["policy", "publish", "f", "--activate", "--shadow"], /--activate and --shadow are one or the other/],
  ["a version that is none", ["policy", "activate", "latest"], /first 8 to 64 hexadecimal digits, and "latest" is not/],
  ["a version that is too short", ["policy", "show", "abc"], /first 8 to 64/],
  ["a rollback to somewhere", ["policy", "rollback", "0123456789ab"], /takes no arguments\. For another one: policy activate/],
  ["nothing to put on trial", ["policy", "shadow"], /exactly one version, or "off"/],
  ["three versions to tell apart", ["policy", "diff", "a", "b", "c"], /at most two versions/],
  ["a time that is none", ["policy", "shadow-report", "--since", "yesterday"], /--since must be a time such as/],
  ["a flag without its value", ["lists", "show", "x", "--server"], /--server/],
  ["a server that is no address", ["lists", "show", "x", "--server", "http://"], /--server must be an address/],
  ["a server of another protocol", ["lists", "show", "x", "--server", "ftp://x"], /--server must be an address/],
  ["nothing to send", ["send"], /send needs something to send: a sample \(before-create/],
  ["an unknown sample", ["send", "before-creat"], /no sample before-creat\. Did you mean "before-create"\?/],
  ["a member without a value", ["send", "before-create", "--set", "Name"], /--set needs Key=text or Key:=json/],
  ["a member that is no JSON", ["send", "before-create", "--set", "Name:=x"], /--set Name:= needs JSON/],
  ["a parameter without a value", ["send", "before-create", "--query", "x"], /--query needs Key=value/],
  ["a time without a token", ["send", "before-create", "--request-time", "1"], /--request-time needs --token/],
  ["an event time that is none", ["send", "before-create", "--event-time", "soon"], /--event-time must be/],
];

test.each(wrong)("%s is said in one line and ends with 2", async (_name, args, message) => {
  const { code, stdout, stderr } = await gatehouse(args);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/^gatehouse: .*\nSee `gatehouse (\w+ )?--help`\.\n$/);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
});

test("a server that is not there is said in one line, with where and what to do, and ends with 1", async () => {
  const address = await deadAddress();
  for (const args of [
    ["lists", "show", "x", "--server", address],
    ["send", "before-create", "--url", address],
  ]) {
    const { code, stdout, stderr } = await gatehouse(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^gatehouse: nothing listens on .*`npm start`.*\n$/);
    expect(stderr).toContain(address);
  }
});

test("addresses are read from the environment, and http:// may be left out", async () => {
  const address = await deadAddress();
  const env = { GATEHOUSE_SERVER: address.slice("http://".length), GATEHOUSE_WEBHOOK_URL: address };
  expect((await gatehouse(["decisions", "list"], env)).stderr).toContain(address);
  expect((await gatehouse(["send", "before-create"], env)).stderr).toContain(address);
});
