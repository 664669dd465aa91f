// The servers that a URL names, and which of them is used.
import { expect, it } from "vitest";
import { createServers, serverUrls } from "../../../src/storage/postgres/servers.ts";

it("a URL with one server is left as it is, whatever is in it", () => {
  for (const url of ["postgres://u:p,w@db:5432/d", "postgresql:///d?host=/a,b", "postgres://db/d,e?options=x,y"])
    expect(serverUrls(url)).toEqual([url]);
});

it("each of several servers has the user, the database and the parameters", () => {
  expect(serverUrls("postgres://u:p,w@one:5432,[::1],two:5433/d?sslmode=require")).toEqual([
    "postgres://u:p,w@one:5432/d?sslmode=require",
    "postgres://u:p,w@[::1]/d?sslmode=require",
    "postgres://u:p,w@two:5433/d?sslmode=require",
  ]);
});

it("passing over goes round, and once for all who found the same server bad", () => {
  const servers = createServers("postgres://a,b/d");
  servers.passOver("postgres://a/d");
  servers.passOver("postgres://a/d");
  expect(servers.url()).toBe("postgres://b/d");
  servers.passOver("postgres://b/d");
  expect(servers.url()).toBe("postgres://a/d");
});
