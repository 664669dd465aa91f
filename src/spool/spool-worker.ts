// The spool's thread: changes the file in the order of the requests, and answers each when it is on disk.
import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";
import { openSpoolFile, type SpoolFile } from "./spool-file.ts";
import type { SpoolAnswer, SpoolRequest } from "./spool-requests.ts";

const port = parentPort;
if (port === null) throw new Error("This file is the thread of the spool; it cannot be run by itself.");

let file: SpoolFile | undefined;

port.on("message", (request: SpoolRequest) => {
  if (request.kind === "close") {
    file?.close();
    port.close();
    return;
  }
  port.postMessage(answer(request));
});

function answer(request: Exclude<SpoolRequest, { kind: "close" }>): SpoolAnswer {
  try {
    file ??= openSpoolFile(workerData as string);
    const items = run(file, request);
    return { kind: "done", items, totals: file.totals() };
  } catch (error) {
    // What is wrong with the file itself is seen again, or not, when it is opened anew; who holds it and what is full can be waited for.
    if (!(error instanceof Database.SqliteError && /^SQLITE_(BUSY|FULL)/.test(error.code))) letGo();
    return { kind: "failed", message: error instanceof Error ? error.message : String(error) };
  }
}

function run(opened: SpoolFile, request: Exclude<SpoolRequest, { kind: "close" }>) {
  switch (request.kind) {
    case "check":
      opened.check();
      return [];
    case "append":
      opened.append(request.items);
      return [];
    case "read":
      return opened.read(request.maxItems, request.maxBytes);
    case "settle":
      opened.settle(request.delivered, request.refused, request.nowMs);
      return [];
  }
}

function letGo(): void {
  try {
    file?.close();
  } catch {
    // It is given up in any case.
  }
  file = undefined;
}
