// Stands between a store and a PostgreSQL server, as a load balancer or a network does.
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";

/** A proxy on a port of its own. */
export interface PostgresProxy extends AsyncDisposable {
  /** Where it listens: host and port. */
  readonly address: string;
  /** The URL of the database through it. */
  readonly url: string;
  /** Loses the next answer, and with it the connection. */
  loseAnswer(): void;
  /** Leads connections that are made from now on to the server of another URL. */
  leadTo(url: string): void;
}

/** Starts one in front of the server of a URL that names a folder with a socket. */
export async function startPostgresProxy(target: string): Promise<PostgresProxy> {
  const { pathname, username } = new URL(target);
  let socket = socketOf(target);
  let isLosing = false;
  const proxy = createServer((near) => {
    const far = connect(socket);
    near.pipe(far);
    far.on("data", (answer) => {
      if (isLosing) {
        isLosing = false;
        near.destroy();
      } else near.write(answer);
    });
    for (const [one, other] of [[near, far] as const, [far, near] as const]) {
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return {
    address,
    url: `postgres://${username}@${address}${pathname}`,
    loseAnswer() {
      isLosing = true;
    },
    leadTo(url) {
      socket = socketOf(url);
    },
    async [Symbol.asyncDispose]() {
      proxy.close();
    },
  };
}

function socketOf(url: string): string {
  return join(new URL(url).searchParams.get("host") ?? "", ".s.PGSQL.5432");
}
