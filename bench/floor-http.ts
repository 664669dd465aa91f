// The floor of every webhook row: a bare node:http server that parses a JSON body and answers with JSON, and does nothing else.
import { createServer } from "node:http";

const answer = JSON.stringify({ ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 });

createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on("data", (chunk) => chunks.push(chunk));
  req.on("end", () => {
    const { CallbackCommand } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    const body = CallbackCommand === undefined ? "{}" : answer;
    res.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) }).end(body);
  });
}).listen(0, "127.0.0.1", function (this: import("node:net").Server) {
  process.stdout.write(`listening on ${(this.address() as import("node:net").AddressInfo).port}\n`);
});
