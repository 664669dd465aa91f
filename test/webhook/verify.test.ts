// Signatures, by the published examples, and secrets in the URL.
import { describe, expect, it } from "vitest";
import { readQuery } from "../../src/webhook/query.ts";
import { createVerify, signature, type Verify } from "../../src/webhook/verify.ts";

const published = [
  { token: "xxxxyyyy", time: 1669872112, sign: "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061" },
  {
    token: "e10adc3949ba59abbe56e057f20f883e",
    time: 1676091353,
    sign: "a5d271b35bd72858cdf1ad0b9dfbf037d19146062c0ecb712a0a3235489d6021",
  },
];

it.each(published)("signs $token at $time as published", ({ token, time, sign }) => {
  expect(signature(token, String(time))).toBe(sign);
});

it.each([
  ["at its time", 0, "accepted"],
  ["60 s later", 60, "accepted"],
  ["60 s earlier", -60, "accepted"],
  ["61 s later", 61, "stale_signature"],
  ["61 s earlier", -61, "stale_signature"],
])("takes a published signature %s: %s s", (_name, seconds, kind) => {
  const [{ token, time, sign }] = published as [(typeof published)[0]];
  const verify = createVerify([{ id: 1, tokens: ["another", token] }], () => (time + seconds) * 1000);
  expect(ask(verify, `/?SdkAppid=1&Sign=${sign}&RequestTime=${time}`)).toBe(kind);
});

it.each([
  [300, "accepted"],
  [301, "stale_signature"],
])("takes a signature of %s s ago in a window of 300 s: %s", (seconds, kind) => {
  const [{ token, time, sign }] = published as [(typeof published)[0]];
  const verify = createVerify([{ id: 1, tokens: [token] }], () => (time + seconds) * 1000, 300);
  expect(ask(verify, `/?SdkAppid=1&Sign=${sign}&RequestTime=${time}`)).toBe(kind);
});

it("takes one signature as often as it comes: it has one-second grain and is no nonce", () => {
  const verify = createVerify([{ id: 1, tokens: ["t"] }], () => 1_000_000);
  const target = `/?SdkAppid=1&Sign=${signature("t", "1000")}&RequestTime=1000`;
  expect([1, 2, 3].map(() => ask(verify, target))).toEqual(["accepted", "accepted", "accepted"]);
});

describe("secrets", () => {
  const pathSecret = "path-secret-of-the-app";
  const querySecret = "query-secret-of-the-app";
  const now = () => 1_000_000;
  const signed = `Sign=${signature("t", "1000")}&RequestTime=1000`;

  it.each([
    ["alone", `/${pathSecret}?SdkAppid=1`, "accepted"],
    ["after other segments, before a slash", `/chat/${pathSecret}/?SdkAppid=1`, "accepted"],
    ["before another segment", `/${pathSecret}/chat?SdkAppid=1`, "bad_secret"],
    ["as the beginning of a longer one", `/${pathSecret}x?SdkAppid=1`, "bad_secret"],
    ["cut short", `/${pathSecret.slice(0, -1)}?SdkAppid=1`, "bad_secret"],
    ["in another case", `/${pathSecret.toUpperCase()}?SdkAppid=1`, "bad_secret"],
    ["in the query", `/?SdkAppid=1&token=${pathSecret}`, "bad_secret"],
    ["not at all", "/?SdkAppid=1", "bad_secret"],
    ["of another app", "/another-secret-of-16?SdkAppid=1", "bad_secret"],
  ])("in the path: %s", (_name, target, wanted) => {
    const verify = createVerify([{ id: 1, tokens: [], pathSecret }], now);
    expect(ask(verify, target)).toBe(wanted);
  });

  it.each([
    ["right", `/?SdkAppid=1&token=${querySecret}`, "accepted"],
    ["given twice: the first counts", `/?SdkAppid=1&token=wrong&token=${querySecret}`, "bad_secret"],
    ["wrong", "/?SdkAppid=1&token=wrong", "bad_secret"],
    ["empty", "/?SdkAppid=1&token=", "bad_secret"],
    ["not there", "/?SdkAppid=1", "bad_secret"],
  ])("in the query: %s", (_name, target, wanted) => {
    const verify = createVerify([{ id: 1, tokens: [], querySecret }], now);
    expect(ask(verify, target)).toBe(wanted);
  });

  it("are needed beside a signature, all of them", () => {
    const verify = createVerify([{ id: 1, tokens: ["t"], pathSecret, querySecret }], now);
    expect(ask(verify, `/${pathSecret}?SdkAppid=1&token=${querySecret}&${signed}`)).toBe("accepted");
    expect(ask(verify, `/${pathSecret}?SdkAppid=1&token=${querySecret}`)).toBe("bad_signature");
    expect(ask(verify, `/${pathSecret}?SdkAppid=1&${signed}`)).toBe("bad_secret");
    expect(ask(verify, `/?SdkAppid=1&token=${querySecret}&${signed}`)).toBe("bad_secret");
  });

  it("of one app are nothing to another", () => {
    const verify = createVerify(
      [
        { id: 1, tokens: [], pathSecret },
        { id: 2, tokens: [] },
      ],
      now,
    );
    expect(ask(verify, "/?SdkAppid=2")).toBe("accepted");
    expect(ask(verify, "/?SdkAppid=1")).toBe("bad_secret");
  });
});

describe("a probe that names no app", () => {
  const now = () => 1_000_000;
  const signed = (token: string, seconds: number) => `Sign=${signature(token, String(seconds))}&RequestTime=${seconds}`;
  const apps = [
    { id: 1, tokens: ["t"] },
    { id: 2, tokens: ["u"], querySecret: "query-secret-of-the-app" },
    { id: 3, tokens: [] },
  ];

  it.each([
    ["signed for the first app", `/?${signed("t", 1000)}`, "probe"],
    ["signed for the second, with its secret", `/?token=query-secret-of-the-app&${signed("u", 1000)}`, "probe"],
    ["signed for the second, without its secret", `/?${signed("u", 1000)}`, "bad_signature"],
    ["not signed, although one app asks for nothing", "/", "bad_signature"],
    ["stale", `/?${signed("t", 900)}`, "stale_signature"],
  ])("passes only as one of the authenticated apps would: %s", (_name, target, wanted) => {
    expect(ask(createVerify(apps, now), target)).toBe(wanted);
  });

  it("passes when no app is authenticated", () => {
    expect(ask(createVerify([{ id: 3, tokens: [] }], now), "/")).toBe("probe");
  });
});

/** What comes of a request target: its kind, or why it is rejected. */
function ask(verify: Verify, target: string): string {
  const verified = verify(readQuery(target), target);
  return verified.kind === "rejected" ? verified.cause : verified.kind;
}

it("reads parameters as they come", () => {
  expect(readQuery("/a?x=1&SdkAppid=14&ClientIP=%31.2&OptPlatform=a+b&SdkAppid=15&RequestID=r&Sign")).toEqual({
    appId: "14",
    command: "",
    clientIp: "1.2",
    platform: "a b",
    sign: "",
    requestTime: "",
    requestId: "r",
    token: "",
  });
  expect(readQuery("/").appId).toBe("");
  expect(readQuery("/?ClientIP=%zz").clientIp).toBe("%zz");
});
