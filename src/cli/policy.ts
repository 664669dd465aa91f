// `gatehouse policy`: the table of its subcommands.
import { serverUsage } from "./client.ts";
import { type Command, runSubcommand } from "./command.ts";
import { policyActivate, policyPublish, policyRollback, policyShadow } from "./policy/change.ts";
import { defaultLimit, policyDiff, policyHistory, policyList, policyShow } from "./policy/read.ts";
import { policyShadowReport } from "./policy/shadow-report.ts";

const usage = `Writes, tries, publishes and reads policies. A version is named by its content; its first 8 digits or more do.

Usage: gatehouse policy check <file>...           shows every mistake in policy files; asks no server
       gatehouse policy test [file...]            runs the test cases of policies (default: config/policy.yaml); asks no server
       gatehouse policy functions                 shows what conditions can ask; asks no server

       gatehouse policy publish <file>            keeps a policy; "-" is the standard input
       gatehouse policy activate <version>        makes a version live
       gatehouse policy rollback                  makes the version live that was before; again: the one before that
       gatehouse policy shadow <version|off>      puts a version on trial, or ends the trial

       gatehouse policy list                      all versions, the latest published first
       gatehouse policy history                   what was live or on trial, the latest first
       gatehouse policy show [version]            a version's text; "live" (the default) and "shadow" are versions too
       gatehouse policy diff [from] [to]          how two versions differ (default: from live to shadow; with one: from live to it)
       gatehouse policy shadow-report             what the policy and the rules on trial would have changed

A change is in force for the next decision when the command ends. Mistakes are shown as file:line:column.

How (check, test):
  --format F           text, json, or github for annotations (check)
  --watch              runs again whenever a file changes (test)
  --coverage           shows which rules the tests reach (test)
  --min-coverage N     fails when the tests reach less than N percent (test)
  --junit FILE         writes a JUnit report as well (test)

How (publish, activate, rollback, shadow):
  --activate           makes it live at once (publish)
  --shadow             puts it on trial (publish, activate)
  --reason R           why, for the record
  --author A           who (default: the user of the operating system)

Which:
  --since T            decisions since 24h, 7d or 2030-01-31T08:30:00Z (shadow-report; default: since the trial began)
  --until T            decisions until then (shadow-report; default: now)
  --limit N            at most this many (list, history; default: ${defaultLimit})
  --page-token T       goes on where an earlier run ended (list, history)

${serverUsage}
  --json               protobuf JSON
`;

/** The entry of the table of commands. */
export const policy: Command = {
  name: "policy",
  summary: "check, test, publish, activate, try and read policies",
  usage,
  run: (args, io) => runSubcommand("policy", subcommands, args, io),
};

const subcommands: Readonly<Record<string, Command["run"]>> = {
  // Loaded only when they are run: they bring the engine along, and the others are clients that start faster without it.
  check: async (args, io) => (await import("./policy/check.ts")).policyCheck(args, io),
  test: async (args, io) => (await import("./policy/test.ts")).policyTest(args, io),
  functions: async (args, io) => (await import("./policy/functions.ts")).policyFunctions(args, io),
  publish: policyPublish,
  activate: policyActivate,
  rollback: policyRollback,
  shadow: policyShadow,
  list: policyList,
  history: policyHistory,
  show: policyShow,
  diff: policyDiff,
  "shadow-report": policyShadowReport,
};
