// docs/operations.md says of every metric what it means, and of none that does not exist.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { startGatehouse } from "../gatehouse.ts";

it("every metric is documented, and every documented one is there", async () => {
  await using gatehouse = await startGatehouse();
  const rendered = await (await fetch(`${gatehouse.apiUrl}/metrics`)).text();
  const served = [...rendered.matchAll(/^# HELP (gatehouse_\w+)/gm)].map(([, name]) => name);
  const page = readFileSync("docs/operations.md", "utf8");
  const documented = [...page.matchAll(/^\| `(gatehouse_\w+)` \|/gm)].map(([, name]) => name);
  expect(documented.toSorted()).toEqual(served.toSorted());
});
