// The apps that are ours.
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";

/** Throws UNKNOWN_APP unless the app is one of ours. */
export type CheckApp = (appId: number) => void;

export function createCheckApp(appIds: readonly number[]): CheckApp {
  const known = new Set(appIds);
  return (appId) => {
    if (known.has(appId)) return;
    throw new GatehouseError(
      ErrorReason.UNKNOWN_APP,
      `App ${appId} is not configured here. Use one that is, or add it under "apps" in the configuration.`,
      { metadata: { app_id: String(appId) } },
    );
  };
}
