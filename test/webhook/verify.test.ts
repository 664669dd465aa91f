// Signatures, by the published examples.
import { expect, it } from "vitest";
import { readQuery } from "../../src/webhook/query.ts";
import { createVerify, signature } from "../../src/webhook/verify.ts";

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
  ["61 s later", 61, "rejected"],
  ["61 s earlier", -61, "rejected"],
])("takes a published signature %s: %s s", (_name, seconds, kind) => {
  const [{ token, time, sign }] = published as [(typeof published)[0]];
  const verify = createVerify([{ id: 1, tokens: ["another", token] }], () => (time + seconds) * 1000);
  expect(verify(readQuery(`/?SdkAppid=1&Sign=${sign}&RequestTime=${time}`)).kind).toBe(kind);
});

it("reads parameters as they come", () => {
  expect(readQuery("/a?x=1&SdkAppid=14&ClientIP=%31.2&OptPlatform=a+b&SdkAppid=15&RequestID=r&Sign")).toEqual({
    appId: "14",
    command: "",
    clientIp: "1.2",
    platform: "a b",
    sign: "",
    requestTime: "",
    requestId: "r",
  });
  expect(readQuery("/").appId).toBe("");
  expect(readQuery("/?ClientIP=%zz").clientIp).toBe("%zz");
});
