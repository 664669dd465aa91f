// How much memory a server holds once everything that can be freed has been freed: asked through Node's inspector.

/** What is held, in MiB. */
export interface HeldMemory {
  /** Objects of the main thread. */
  heapMb: number;
  /** The process. */
  rssMb: number;
}

interface InspectorAnswer {
  id?: number;
  result?: { result?: { value?: unknown } };
}

/** The address of the inspector in what a Node with `--inspect` prints; undefined while it has not. */
export function inspectorUrl(output: string): string | undefined {
  return /Debugger listening on (ws:\S+)/.exec(output)?.[1];
}

/** Collects garbage and measures. Rejects when the process does not answer. */
export async function measureMemory(url: string): Promise<HeldMemory> {
  const socket = new WebSocket(url);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error("the inspector of the server does not answer"));
    });
    let id = 0;
    const ask = (method: string, params: object = {}) =>
      new Promise<InspectorAnswer>((resolve, reject) => {
        const own = ++id;
        socket.onmessage = ({ data }) => {
          const answer = JSON.parse(String(data)) as InspectorAnswer;
          if (answer.id === own) resolve(answer);
        };
        socket.onclose = () => reject(new Error("the inspector of the server has gone"));
        socket.send(JSON.stringify({ id: own, method, params }));
      });
    await ask("HeapProfiler.collectGarbage");
    await ask("HeapProfiler.collectGarbage");
    const { result } = await ask("Runtime.evaluate", { expression: "JSON.stringify(process.memoryUsage())" });
    const { heapUsed, rss } = JSON.parse(String(result?.result?.value)) as { heapUsed: number; rss: number };
    return { heapMb: heapUsed / 2 ** 20, rssMb: rss / 2 ** 20 };
  } finally {
    socket.onclose = null;
    socket.close();
  }
}
