// Installs the packages of package-lock.json when node_modules does not hold them; npm runs it before `start`, `test` and `check`. Plain
// JavaScript, because it runs on whatever Node the machine has (12.20 or later).
import { spawnSync } from "node:child_process";
import { existsSync, linkSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const lockFile = join(root, ".cache", "install.lock");
const pollMs = 200;
const longestInstallMs = 15 * 60 * 1000;

// To start, the tools of development need not be there: an image built with `npm ci --omit=dev` stays as it is.
const needsTools = process.env.npm_lifecycle_event !== "prestart";

/**
 * @typedef {{ version?: string, integrity?: string, os?: string[], cpu?: string[], link?: boolean, optional?: boolean, devOptional?: boolean,
 *   dev?: boolean }} LockedPackage
 */

/**
 * The packages that a lockfile names, by folder; undefined when it cannot be read.
 * @param {string} file
 * @returns {Record<string, LockedPackage> | undefined}
 */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), "utf8")).packages;
  } catch (_error) {
    return undefined;
  }
}

/**
 * Whether a package's `os` or `cpu` lets it run on `actual`.
 * @param {string[] | undefined} names
 * @param {string} actual
 */
function admits(names, actual) {
  return names === undefined || names.includes(actual) || names.every((name) => name.startsWith("!") && name !== `!${actual}`);
}

/**
 * Whether node_modules fits package-lock.json. npm writes node_modules/.package-lock.json as the last act of an install, so that an
 * interrupted one does not fit.
 */
function isInstalled() {
  const wanted = readPackages("package-lock.json");
  const found = readPackages("node_modules/.package-lock.json");
  if (wanted === undefined || found === undefined) return false;
  for (const folder of Object.keys(wanted)) {
    const want = wanted[folder];
    const have = found[folder];
    if (want === undefined || folder === "" || want.link) continue;
    if (have === undefined) {
      // An optional package is one that npm may leave out, mostly because it is for another platform.
      if (want.optional || want.devOptional || (want.dev && !needsTools)) continue;
      return false;
    }
    if (have.version !== want.version || have.integrity !== want.integrity) return false;
    // A node_modules that was copied from a machine of another kind holds that machine's binaries.
    if (!admits(have.os, process.platform) || !admits(have.cpu, process.arch)) return false;
    if (!existsSync(join(root, folder, "package.json"))) return false;
  }
  return true;
}

/** @param {number} ms */
function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * @param {unknown} error
 * @returns {string | undefined} The system's code of the error.
 */
function codeOf(error) {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/** Whether the install that holds the lock is still going on. */
function isHeld() {
  try {
    if (Date.now() - statSync(lockFile).mtimeMs > longestInstallMs) return false;
    process.kill(Number(readFileSync(lockFile, "utf8")), 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** Takes the lock, waiting while another install goes on; the lock of one that died is taken over. */
function lock() {
  mkdirSync(join(root, ".cache"), { recursive: true });
  const mine = `${lockFile}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    for (;;) {
      try {
        // A link appears with its content, so that nobody reads a lock without its owner.
        linkSync(mine, lockFile);
        return;
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
      if (isHeld()) sleep(pollMs);
      else remove(lockFile);
    }
  } finally {
    remove(mine);
  }
}

/** @param {string} file */
function remove(file) {
  try {
    unlinkSync(file);
  } catch (_error) {
    // Somebody else was faster.
  }
}

/**
 * Runs npm: the one that started this, or else the one on the path.
 * @param {string[]} command
 */
function runNpm(command) {
  const args = command.concat(["--no-audit", "--no-fund", "--loglevel=error"], needsTools ? ["--include=dev"] : []);
  /** @type {import("node:child_process").SpawnSyncOptionsWithStringEncoding} */
  const options = { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 };
  const npm = process.env.npm_execpath;
  if (npm !== undefined && /npm-cli\.c?js$/.test(npm)) {
    return spawnSync(process.env.npm_node_execpath || process.execPath, [npm].concat(args), options);
  }
  options.shell = process.platform === "win32";
  return spawnSync("npm", args, options);
}

/**
 * Installs what package-lock.json names. `npm ci` refuses, before it touches anything, where the registry does not have the packages of other
 * platforms; `npm install` then installs the locked versions of the rest, and `--no-save` keeps the lockfile as it is.
 */
function runInstall() {
  const result = runNpm(["ci"]);
  return result.status !== 0 && /EUSAGE/.test(result.stderr || "") ? runNpm(["install", "--no-save"]) : result;
}

function install() {
  lock();
  try {
    // Another install may have done it meanwhile.
    if (isInstalled()) return;
    process.stderr.write("gatehouse: installing the packages of package-lock.json; this can take a minute.\n");
    const result = runInstall();
    if (result.status === 0 && isInstalled()) return;
    process.stderr.write(result.stdout || "");
    process.stderr.write(result.stderr || "");
    if (result.error) throw result.error;
    throw new Error(
      result.status === 0
        ? "npm did not install what package-lock.json names. Remove node_modules and try again."
        : `npm ended with ${result.status}; its output is above. Run \`npm ci\` to try again.`,
    );
  } finally {
    remove(lockFile);
  }
}

if (!isInstalled()) {
  try {
    install();
  } catch (error) {
    process.stderr.write(`gatehouse: cannot install the packages: ${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  }
}
