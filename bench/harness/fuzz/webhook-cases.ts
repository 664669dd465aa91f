// Webhooks of every command with hostile members, addresses and bodies.
import fc from "fast-check";
import { samples } from "../../../src/cli/samples.ts";
import { benchApp } from "../requests.ts";
import { signedApp } from "./apps.ts";
import { hostileJson, hostileObject, hostileOrDeepJson, hostileString, hostileText, mutated } from "./hostile.ts";
import { type HttpCase, httpCases, type Request } from "./http-cases.ts";

/** Few ids and names, so that events meet each other. */
const id = fc.nat(30).map((n) => JSON.stringify(`@TOA#_${n}`));
const user = fc.nat(50).map((n) => JSON.stringify(`user-${n}`));
const time = fc.integer({ min: 1, max: 2 ** 41 }).map(String);

/** The default of `webhook.max_body_bytes`. */
const maxBodyBytes = 262_144;

/** How a member of that name is when nothing is wrong with it. */
function plain(name: string, value: unknown): fc.Arbitrary<string> {
  if (name === "Official_Account") return id;
  if (/_Account$/.test(name)) return user;
  if (/Time$/.test(name)) return time;
  const published = fc.constant(JSON.stringify(value));
  // A text that nothing is wrong with may be strange all the same, and then it is stored.
  return typeof value === "string" ? fc.oneof({ weight: 1, arbitrary: published }, { weight: 2, arbitrary: hostileString }) : published;
}

const commands = Object.values(samples).map(({ body }) => body);

function bodyOf(members: Readonly<Record<string, unknown>>): fc.Arbitrary<string> {
  // Which command it is must not be in doubt where an answer is due.
  const { CallbackCommand, ...others } = members;
  const object = hostileObject(Object.fromEntries(Object.entries(others).map(([name, value]) => [name, plain(name, value)])));
  return object.map((text) => `{"CallbackCommand":${JSON.stringify(CallbackCommand)}${text === "{}" ? "" : ","}${text.slice(1)}`);
}

const clean = fc.constantFrom(...commands).chain((members) => {
  const target = `/?SdkAppid=${benchApp}&CallbackCommand=${members.CallbackCommand}&contenttype=json`;
  return bodyOf(members).map((text): Request => {
    const body = Buffer.from(text);
    return { target, headers: "", body, due: body.length <= maxBodyBytes };
  });
});

/** Of these the command may come to be another one than the address says, which is refused. */
const strange = fc
  .tuple(
    fc.constantFrom(...commands).chain(({ CallbackCommand }) => fc.constantFrom(CallbackCommand, "Group.CallbackAfterSendMsg", "")),
    fc.oneof(hostileJson, hostileOrDeepJson, hostileText).map((text) => Buffer.from(text)),
    fc.array(
      fc.tuple(fc.constantFrom("ClientIP", "OptPlatform", "RequestId", "Sign", "RequestTime", "SdkAppid", "token", "x"), hostileText),
      {
        maxLength: 4,
      },
    ),
    fc.boolean(),
    fc.constantFrom(benchApp, benchApp, signedApp.id, 5),
  )
  .map(([command, body, parameters, isEncoded, app]): Request => {
    const encode = (text: string) => (isEncoded ? encodeURIComponent(text.toWellFormed()) : text.replaceAll(/[^\x21-\x7e]/g, "%"));
    const query = parameters.map(([name, value]) => `&${name}=${encode(value).slice(0, 3000)}`).join("");
    const target = `/a/b?SdkAppid=${app}&CallbackCommand=${command}${query}`;
    return { target, headers: "", body, due: false };
  });

const bent = mutated(clean.map(({ body }) => body)).map(
  (body): Request => ({ target: `/?SdkAppid=${benchApp}&CallbackCommand=${commands[0]?.CallbackCommand}`, headers: "", body, due: false }),
);

/** Everything that is sent to the webhook listener. */
export const webhookCases: fc.Arbitrary<HttpCase> = httpCases(
  fc.oneof({ weight: 6, arbitrary: clean }, { weight: 2, arbitrary: strange }, { weight: 1, arbitrary: bent }),
);
