// Which versions were live before the one that is.
import type { Page, PageRequest, PolicyActivation } from "../storage/storage.ts";

/**
 * The way back from the live version, which comes last, given what was made live, the earliest first. Pointing at the version before the live
 * one, by rolling back or by hand, is a step back and forgets the live one; pointing at any other is a step forward. So rolling back again and
 * again comes to the first version and never turns round.
 */
export function wayBack(versions: Iterable<string>): string[] {
  const way: string[] = [];
  for (const version of versions) {
    if (version === way.at(-1)) continue;
    if (version === way.at(-2)) way.pop();
    else way.push(version);
  }
  return way;
}

/** Every version that was made live, the earliest first. */
export async function readLiveVersions(listActivations: (page: PageRequest) => Promise<Page<PolicyActivation>>): Promise<string[]> {
  const versions: string[] = [];
  for await (const { pointer, version } of eachActivation(listActivations)) {
    if (pointer === "live" && version !== undefined) versions.push(version);
  }
  return versions.reverse();
}

/** All activations, the latest first. */
export async function* eachActivation(
  listActivations: (page: PageRequest) => Promise<Page<PolicyActivation>>,
): AsyncGenerator<PolicyActivation> {
  let page = await listActivations({ size: 1000 });
  yield* page.items;
  while (page.next !== undefined) {
    page = await listActivations({ size: 1000, after: page.next });
    yield* page.items;
  }
}
