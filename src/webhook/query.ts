// Reads the parameters that Chat puts in a webhook's URL.

/** The parameters of a webhook's URL that mean something here; empty when not given. All values are strings. */
export interface WebhookQuery {
  /** `SdkAppid` */
  appId: string;
  /** `CallbackCommand` */
  command: string;
  /** `ClientIP` */
  clientIp: string;
  /** `OptPlatform` */
  platform: string;
  /** `Sign` */
  sign: string;
  /** `RequestTime`, Unix seconds. */
  requestTime: string;
  /** `RequestId` or `RequestID`: undocumented, seen in traces. */
  requestId: string;
  /** `token`: not Chat's, but part of the URL that was given to the console. */
  token: string;
}

const members = new Map<string, keyof WebhookQuery>([
  ["SdkAppid", "appId"],
  ["CallbackCommand", "command"],
  ["ClientIP", "clientIp"],
  ["OptPlatform", "platform"],
  ["Sign", "sign"],
  ["RequestTime", "requestTime"],
  ["RequestId", "requestId"],
  ["RequestID", "requestId"],
  ["token", "token"],
]);

/**
 * Reads a request target such as `/hook?SdkAppid=1400000000&…`. Unknown parameters are passed over; of a repeated one the first counts;
 * what is not proper percent-encoding is taken as it stands. Written out because URLSearchParams costs several times as much per webhook.
 */
export function readQuery(target: string): WebhookQuery {
  const query: WebhookQuery = { appId: "", command: "", clientIp: "", platform: "", sign: "", requestTime: "", requestId: "", token: "" };
  let start = target.indexOf("?") + 1;
  if (start === 0) return query;
  while (start < target.length) {
    let end = target.indexOf("&", start);
    if (end === -1) end = target.length;
    const equals = target.indexOf("=", start);
    if (equals !== -1 && equals < end) {
      const member = members.get(target.slice(start, equals));
      if (member !== undefined && query[member] === "") query[member] = decode(target.slice(equals + 1, end));
    }
    start = end + 1;
  }
  return query;
}

function decode(value: string): string {
  if (!value.includes("%") && !value.includes("+")) return value;
  try {
    return decodeURIComponent(value.replaceAll("+", " "));
  } catch {
    return value;
  }
}
