// Sends single requests of the benches, by ordinary clients, to look at their answers.
import { credentials, Client as GrpcClient } from "@grpc/grpc-js";
import { type HttpRequest, render, type Template } from "./requests.ts";

/** The body that answers request `n`. Throws when its status is not 200. */
export async function askHttp(port: number, { path, body }: HttpRequest, n: number): Promise<Buffer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: Buffer.from(render(body, n), "latin1"),
  });
  const answer = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`a request is answered ${response.status}: ${answer.toString("utf8").slice(0, 300)}`);
  return answer;
}

/** The message that answers call `n`. Rejects with what the call failed with. */
export async function askGrpc(port: number, { path, message }: { path: string; message: Template }, n: number): Promise<Buffer> {
  const client = new GrpcClient(`127.0.0.1:${port}`, credentials.createInsecure());
  const asItIs = (bytes: Buffer) => bytes;
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, asItIs, asItIs, Buffer.from(render(message, n), "latin1"), (error, answer) => {
        if (error || answer === undefined) reject(error ?? new Error("a call is answered without a message"));
        else resolve(answer);
      });
    });
  } finally {
    client.close();
  }
}
