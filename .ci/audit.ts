// Asks the registry for known weaknesses of the packages that Gatehouse runs with. Ends with 1 for high and critical ones only; a registry
// that does not answer is said and is no failure, so that the checks run anywhere.
import { spawnSync } from "node:child_process";

interface Advisory {
  title: string;
  url: string;
  severity: string;
  range: string;
}

/** A package of the report; `via` names packages that bring the weakness, or tells of it. */
interface Vulnerability {
  name: string;
  severity: string;
  via: (string | Advisory)[];
}

/** How long the registry may take, in milliseconds. */
const patienceMs = 20_000;
const grave = ["high", "critical"];

const flags = ["--omit=dev", "--json", "--fetch-retries=0", `--fetch-timeout=${patienceMs}`];
const { stdout, error } = spawnSync("npm", ["audit", ...flags], {
  encoding: "utf8",
  maxBuffer: 2 ** 26,
  shell: process.platform === "win32",
});
const vulnerabilities = readReport(stdout ?? "");
if (vulnerabilities === undefined) {
  const why = error?.message ?? /"(?:message|summary)": "([^"]+)"/.exec(stdout)?.[1] ?? "no report";
  say(`not audited: the registry does not answer (${why}).`);
} else {
  const found = vulnerabilities.filter(({ severity }) => grave.includes(severity));
  for (const vulnerability of found) say(describe(vulnerability));
  say(`${found.length} of the packages that Gatehouse runs with have a high or critical weakness.`);
  if (found.length > 0) process.exitCode = 1;
}

function readReport(json: string): Vulnerability[] | undefined {
  try {
    const { vulnerabilities }: { vulnerabilities?: Record<string, Vulnerability> } = JSON.parse(json);
    return vulnerabilities === undefined ? undefined : Object.values(vulnerabilities);
  } catch {
    return undefined;
  }
}

function describe({ name, severity, via }: Vulnerability): string {
  const causes = via.map((cause) => (typeof cause === "string" ? `by way of ${cause}` : `${cause.range}: ${cause.title} (${cause.url})`));
  return `${severity}: ${name} ${causes.join("; ")}`;
}

function say(line: string): void {
  process.stdout.write(`audit: ${line}\n`);
}
