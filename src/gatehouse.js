#!/usr/bin/env node
// The entry and the package's bin: on a Node that can run the rest it starts main.ts, on an older one it says what to do. Plain JavaScript
// without static imports, so that an old Node parses it.
const neededMajor = 24;

if (Number.parseInt(process.versions.node, 10) < neededMajor) {
  process.stderr.write(
    `gatehouse: this is Node ${process.version}, but Gatehouse needs Node ${neededMajor} or later: ` +
      "run `npm install` in the checkout, then use `npm start` or `npx gatehouse …`, which bring their own Node.\n",
  );
  process.exitCode = 1;
} else {
  // What is compiled is kept for the next start, which then reads no TypeScript: less time, and less memory in every thread. Where nothing can be
  // written nothing is kept, and nothing else is different. Threads look for it in the environment.
  process.env.NODE_COMPILE_CACHE ??= process.getBuiltinModule("node:path").join(import.meta.dirname, "../.cache/node");
  process.getBuiltinModule("node:module").enableCompileCache(process.env.NODE_COMPILE_CACHE);
  import("./main.ts");
}
