// Runs the command line with the real process around it. Imports the rest only once the Node and the installed packages are known to do.
const neededMajor = 24;
const missingPackage = /^Cannot find package '([^']+)'/;

function refuse(message: string): void {
  process.stderr.write(`gatehouse: ${message}\n`);
  process.exitCode = 1;
}

/** Lets `gatehouse … | head` end in silence when the reader goes away. */
function endWhenReaderLeaves(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
}

async function main(): Promise<void> {
  if (Number.parseInt(process.versions.node, 10) < neededMajor) {
    refuse(
      `this is Node ${process.version}, but Gatehouse needs Node ${neededMajor} or later: ` +
        "run `npm install` in the checkout, then use `npm start` or `npx gatehouse …`, which bring their own Node.",
    );
    return;
  }
  process.stdout.on("error", endWhenReaderLeaves);
  process.stderr.on("error", endWhenReaderLeaves);
  try {
    const { runCli } = await import("./cli/run.ts");
    process.exitCode = await runCli(process.argv.slice(2), {
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
      now: Date.now,
    });
  } catch (error) {
    const missing = error instanceof Error ? missingPackage.exec(error.message) : null;
    if (missing === null) throw error;
    refuse(`the package ${missing[1]} is not installed: run \`npm install\` in the checkout, or \`npm start\`, which does it.`);
  }
}

await main();
