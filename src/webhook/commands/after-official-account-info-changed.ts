// OfficialAccount.CallbackAfterOfficialAccountInfoChanged. From "After Official Channel Profile Is Modified".
import type { AccountProfileChanged } from "../../../gen/gatehouse/v1/event_pb.ts";
import { optionalText, text } from "../body.ts";
import type { AfterCommand } from "./command.ts";

export const afterOfficialAccountInfoChanged: AfterCommand = {
  kind: "after",
  decode(body) {
    const value: AccountProfileChanged = {
      $typeName: "gatehouse.v1.AccountProfileChanged",
      accountId: text(body, "Official_Account"),
      operator: text(body, "Operator_Account"),
    };
    const name = optionalText(body, "Name");
    const introduction = optionalText(body, "Introduction");
    const faceUrl = optionalText(body, "FaceUrl");
    const organization = optionalText(body, "Organization");
    if (name !== undefined) value.name = name;
    if (introduction !== undefined) value.introduction = introduction;
    if (faceUrl !== undefined) value.faceUrl = faceUrl;
    if (organization !== undefined) value.organization = organization;
    return { case: "accountProfileChanged", value };
  },
};
