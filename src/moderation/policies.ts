// Publishes versions of the policy, points at them, and reads them.
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import type { Policy } from "../../gen/gatehouse/v1/policy_pb.ts";
import type { RuleDifference } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { PolicyProblem } from "../policy/problems.ts";
import type { Lists, Page, PageRequest, PointerName, Policies, PolicyActivation, PublishedPolicy } from "../storage/storage.ts";
import { unifiedDiff } from "../text/text-diff.ts";
import { diffRules } from "./policy-diff.ts";
import { readLiveVersions, wayBack } from "./policy-history.ts";
import { undeclaredSignals } from "./undeclared-signals.ts";

/** What policies need. */
export interface PolicyDeps {
  store: Policies & Pick<Lists, "listLists">;
  compile: Compile;
  /**
   * Told after every change of a pointer, and told again when it was there already; what it returns is awaited before the change is answered.
   * Calls follow one another in the order of the changes.
   */
  onChanged(pointer: PointerName, version: string | undefined): Promise<void> | void;
  /** The signals that rules can ask. */
  signals: ReadonlySet<string>;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Compiles a text: either a policy or at least one problem. */
export type Compile = (text: string) => Promise<{ policy: PolicyText | undefined; problems: readonly PolicyProblem[] }>;

/** A text that compiles. */
export interface PolicyText {
  readonly version: string;
  readonly name: string;
  readonly text: string;
  readonly source: Policy;
  readonly lists: readonly { name: string; kind: ListKind }[];
  readonly signals: readonly { signal: string; rule: string; line: number; column: number }[];
  positionOf(path: string): { line: number; column: number };
}

/** A version, with what the text and the pointers say of it. */
export interface PolicyView extends PublishedPolicy {
  /** Empty when this engine does not understand the text any more. */
  name: string;
  /** What points at it. */
  pointers: PointerName[];
}

/** Who changes something, and why. */
export interface Authorship {
  author: string;
  reason: string;
}

/** A version by its name or the beginning of it, or the one under a pointer. */
export type PolicyChoice = { version: string } | { pointer: PointerName };

/** The versions of the policy. A change is on disk, and `onChanged` has dealt with it, when its promise resolves. */
export interface PolicyUseCases {
  /** What would keep the text from being published, in its order; and the version it would be, when nothing does. */
  check(text: string): Promise<{ problems: readonly PolicyProblem[]; version: string | undefined }>;
  /** Keeps a text, and points at it when asked to. Throws INVALID_POLICY. */
  publish(text: string, by: Authorship, pointer: PointerName | undefined): Promise<PolicyView>;
  /** Points at a version. Throws POLICY_NOT_FOUND, or INVALID_POLICY when this engine cannot run it. */
  activate(version: string, pointer: PointerName, by: Authorship): Promise<PolicyView>;
  /** Points live at the version before, as `wayBack` has it. Throws NO_EARLIER_POLICY, or INVALID_POLICY when this engine cannot run it. */
  rollBack(by: Authorship): Promise<PolicyView>;
  clearShadow(by: Authorship): Promise<void>;
  /** Throws POLICY_NOT_FOUND. */
  get(choice: PolicyChoice): Promise<PolicyView>;
  /** The latest published first. */
  list(page: PageRequest): Promise<Page<PolicyView>>;
  /** The latest first. */
  activations(page: PageRequest): Promise<Page<PolicyActivation>>;
  /** Throws POLICY_NOT_FOUND, or INVALID_POLICY when this engine does not understand one of the two. */
  diff(from: PolicyChoice, to: PolicyChoice): Promise<{ rules: RuleDifference[]; textDiff: string }>;
}

const kindNames: Readonly<Record<number, string>> = {
  [ListKind.UNSPECIFIED]: "exact",
  [ListKind.EXACT]: "exact",
  [ListKind.PATTERN]: "pattern",
  [ListKind.GLOB]: "glob",
  [ListKind.CIDR]: "cidr",
};

/** How many names of versions are remembered. */
const maxNames = 10_000;

/** Every change of a pointer in this process must be made through one of these, so that they follow one another. */
export function createPolicies({ store, compile, onChanged, signals, now }: PolicyDeps): PolicyUseCases {
  const names = new Map<string, string>();
  let lastChange: Promise<unknown> = Promise.resolve();

  function inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = lastChange.then(change);
    lastChange = changed.catch(() => undefined);
    return changed;
  }

  /** What keeps a policy from being used here although it compiles: signals that there are not, and lists that are there as another kind. */
  async function conflictsOf(policy: PolicyText): Promise<PolicyProblem[]> {
    return [...undeclaredSignals(policy.signals, signals), ...(await conflictsOfLists(policy))].sort(
      (a, b) => a.line - b.line || a.column - b.column,
    );
  }

  async function conflictsOfLists(policy: PolicyText): Promise<PolicyProblem[]> {
    if (policy.lists.length === 0) return [];
    const kinds = new Map((await store.listLists()).map(({ list, kind }) => [list, kindName(kind)]));
    return policy.lists.flatMap(({ name, kind }) => {
      const existing = kinds.get(name);
      if (existing === undefined || existing === kindName(kind)) return [];
      const message = `The list "${name}" is there already as ${existing}, and a list keeps its kind. Write "kind: ${existing}", or give the new list another name.`;
      return [{ ...policy.positionOf(`lists["${name}"].kind`), message }];
    });
  }

  async function usable(text: string, what: string): Promise<PolicyText> {
    const { policy, problems } = await compile(text);
    if (policy === undefined) throw invalidPolicy(what, problems);
    rememberName(policy.version, policy.name);
    const conflicts = await conflictsOf(policy);
    if (conflicts.length > 0) throw invalidPolicy(what, conflicts);
    return policy;
  }

  async function sourceOf({ version, text }: PublishedPolicy): Promise<Policy> {
    const { policy, problems } = await compile(text);
    if (policy === undefined) throw invalidPolicy(`The policy ${short(version)}`, problems);
    return policy.source;
  }

  async function find(choice: PolicyChoice): Promise<PublishedPolicy> {
    const found = await ("version" in choice ? store.getPolicy(choice.version) : store.getPointedPolicy(choice.pointer));
    if (found === undefined) throw policyNotFound(choice);
    return found;
  }

  async function point(pointer: PointerName, policy: PolicyText | undefined, by: Authorship): Promise<void> {
    const version = policy?.version;
    const isPointed = await store.pointPolicy(
      { pointer, version, author: by.author, reason: by.reason, timeMs: now() },
      policy?.lists ?? [],
    );
    if (!isPointed) throw policyNotFound({ version: version ?? "" });
    await onChanged(pointer, version);
  }

  async function readPointers(): Promise<(version: string) => PointerName[]> {
    const pointed = await Promise.all(
      (["live", "shadow"] as const).map(async (pointer) => [pointer, (await store.getPointedPolicy(pointer))?.version] as const),
    );
    return (version) => pointed.flatMap(([pointer, pointedVersion]) => (pointedVersion === version ? [pointer] : []));
  }

  async function nameOf({ version, text }: PublishedPolicy): Promise<string> {
    const known = names.get(version);
    if (known !== undefined) return known;
    const name = (await compile(text)).policy?.name ?? "";
    rememberName(version, name);
    return name;
  }

  function rememberName(version: string, name: string): void {
    if (names.size >= maxNames) names.clear();
    names.set(version, name);
  }

  async function view(policy: PublishedPolicy, pointersOf?: (version: string) => PointerName[]): Promise<PolicyView> {
    const pointers = (pointersOf ?? (await readPointers()))(policy.version);
    return { ...policy, name: await nameOf(policy), pointers };
  }

  return {
    async check(text) {
      const { policy, problems } = await compile(text);
      if (policy === undefined) return { problems, version: undefined };
      const conflicts = await conflictsOf(policy);
      return { problems: conflicts, version: conflicts.length === 0 ? policy.version : undefined };
    },

    publish: (text, by, pointer) =>
      inTurn(async () => {
        const policy = await usable(text, "The policy");
        await store.publishPolicy({ version: policy.version, text, author: by.author, reason: by.reason, publishTimeMs: now() });
        if (pointer !== undefined) await point(pointer, policy, by);
        return await view(await find({ version: policy.version }));
      }),

    activate: (version, pointer, by) =>
      inTurn(async () => {
        const published = await find({ version });
        await point(pointer, await usable(published.text, `The policy ${short(published.version)}`), by);
        return await view(published);
      }),

    rollBack: (by) =>
      inTurn(async () => {
        const target = wayBack(await readLiveVersions((page) => store.listActivations(page))).at(-2);
        if (target === undefined) throw noEarlierPolicy();
        const published = await find({ version: target });
        await point("live", await usable(published.text, `The policy ${short(target)}, which was live before,`), by);
        return await view(published);
      }),

    clearShadow: (by) => inTurn(() => point("shadow", undefined, by)),

    get: async (choice) => view(await find(choice)),

    async list(page) {
      const { items, ...rest } = await store.listPolicies(page);
      const pointersOf = await readPointers();
      const views: PolicyView[] = [];
      for (const policy of items) views.push(await view(policy, pointersOf));
      return { ...rest, items: views };
    },

    activations: (page) => store.listActivations(page),

    async diff(from, to) {
      const [before, after] = await Promise.all([find(from), find(to)]);
      return {
        rules: diffRules(await sourceOf(before), await sourceOf(after)),
        textDiff: unifiedDiff({ name: before.version, text: before.text }, { name: after.version, text: after.text }),
      };
    },
  };
}

function kindName(kind: ListKind): string {
  return kindNames[kind] ?? String(kind);
}

function short(version: string): string {
  return version.slice(0, 12);
}

function invalidPolicy(what: string, problems: readonly PolicyProblem[]): GatehouseError {
  const fields = problems.map(({ line, column, rule, message }) => ({
    field: `${line}:${column}`,
    description: rule === undefined ? message : `rule "${rule}": ${message}`,
  }));
  const first = fields[0] === undefined ? "" : `${fields[0].field}: ${fields[0].description}`;
  const count = problems.length === 1 ? "1 mistake:" : `${problems.length} mistakes, the first:`;
  return new GatehouseError(ErrorReason.INVALID_POLICY, `${what} has ${count} ${first}`, { fields });
}

function policyNotFound(choice: PolicyChoice): GatehouseError {
  if ("pointer" in choice) {
    const hint = choice.pointer === "shadow" ? "Activate one as shadow first." : "Activate one first.";
    return new GatehouseError(ErrorReason.POLICY_NOT_FOUND, `No policy is ${choice.pointer}. ${hint}`, {
      metadata: { pointer: choice.pointer },
    });
  }
  const { version } = choice;
  const why =
    version.length < 64 ? `No policy's version begins with "${version}", or more than one does` : `There is no policy "${version}"`;
  return new GatehouseError(ErrorReason.POLICY_NOT_FOUND, `${why}. ListPolicies shows those that there are.`, { metadata: { version } });
}

function noEarlierPolicy(): GatehouseError {
  return new GatehouseError(
    ErrorReason.NO_EARLIER_POLICY,
    "There is no earlier policy to go back to: the one that is live is the first. Activate the one that you want.",
  );
}
