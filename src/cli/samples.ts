// The webhooks that `gatehouse send` knows by name, with the values of the vendor's published samples.

/** A JSON object. */
export type JsonObject = { [key: string]: unknown };

/** A webhook as a file or the table below gives it. */
export interface Vector {
  /** What must be true of the server for `want` to come back; for people. */
  note?: string;
  /** The parameters of the URL. */
  query: Readonly<Record<string, string>>;
  /** The body, sent as JSON. */
  body?: JsonObject;
  /** The body, sent as it stands; instead of `body`. */
  rawBody?: string;
  /** The answer that must come back, member for member. */
  want?: JsonObject;
}

/** A built-in webhook. */
export interface Sample {
  /** One line about it. */
  summary: string;
  /** Whether `--all` sends it: the life of one account. */
  inLife: boolean;
  /** `OptPlatform`. */
  platform: string;
  body: JsonObject & { CallbackCommand: string };
}

/** The time in every published sample, in milliseconds. */
const publishedTime = 1670574414123;

/** By short name, the life of an account in its order, then the rest. */
export const samples: Readonly<Record<string, Sample>> = {
  "before-create": {
    summary: "107867 is about to create TestOfficialAccount",
    inLife: true,
    platform: "RESTAPI",
    body: {
      CallbackCommand: "OfficialAccount.CallbackBeforeCreateOfficialAccount",
      Operator_Account: "107867",
      Owner_Account: "107867",
      Name: "TestOfficialAccount",
      EventTime: publishedTime,
    },
  },
  "after-create": {
    summary: "107867 created TestOfficialAccount",
    inLife: true,
    platform: "RESTAPI",
    body: {
      CallbackCommand: "OfficialAccount.CallbackAfterCreateOfficialAccount",
      Official_Account: "@TOA#_test_OA_for_penn",
      Operator_Account: "107867",
      Owner_Account: "107867",
      Name: "TestOfficialAccount",
      EventTime: publishedTime,
    },
  },
  "before-add-subscriber": {
    summary: "jared and leckie are about to subscribe",
    inLife: true,
    platform: "iOS",
    body: {
      CallbackCommand: "OfficialAccount.CallbackBeforeAddSubscriber",
      Official_Account: "@TOA#_test_for_penn",
      Operator_Account: "107867",
      SubscribeAccountList: [{ Subscriber_Account: "jared" }, { Subscriber_Account: "leckie" }],
      EventTime: publishedTime,
    },
  },
  "after-add-subscriber": {
    summary: "jared and leckie have subscribed",
    inLife: true,
    platform: "iOS",
    body: {
      CallbackCommand: "OfficialAccount.CallbackAfterAddSubscriber",
      Official_Account: "@TOA#_test_for_penn",
      Operator_Account: "107867",
      SubscribeAccountList: [{ Subscriber_Account: "jared" }, { Subscriber_Account: "leckie" }],
      EventTime: publishedTime,
    },
  },
  "after-full": {
    summary: "the account has as many subscribers as it can have",
    inLife: true,
    platform: "RESTAPI",
    body: {
      CallbackCommand: "OfficialAccount.CallbackAfterOfficialAccountFull",
      Official_Account: "@TOA#_test_OA_for_penn",
      EventTime: publishedTime,
    },
  },
  "before-send-message": {
    summary: "the account is about to send a text",
    inLife: true,
    platform: "RESTAPI",
    body: {
      CallbackCommand: "OfficialAccount.CallbackBeforeSendMsg",
      Official_Account: "@TOA#_2J4SZEAEL",
      OnlineOnlyFlag: 1,
      MsgBody: [{ MsgType: "TIMTextElem", MsgContent: { Text: "red packet" } }],
      CloudCustomData: "your cloud custom data",
      EventTime: publishedTime,
    },
  },
  "after-send-message": {
    summary: "the account sent it",
    inLife: true,
    platform: "RESTAPI",
    body: {
      CallbackCommand: "OfficialAccount.CallbackAfterSendMsg",
      Official_Account: "@TOA#_2J4SZEAEL",
      MsgKey: "71_1_1698741698",
      MsgTime: 1490686222,
      OnlineOnlyFlag: 1,
      MsgBody: [{ MsgType: "TIMTextElem", MsgContent: { Text: "red packet" } }],
      CloudCustomData: "your cloud custom data",
      EventTime: publishedTime,
    },
  },
  "after-message-withdrawn": {
    summary: "a message was withdrawn",
    inLife: true,
    platform: "RESTAPI",
    body: {
      CallbackCommand: "OfficialAccount.CallbackAfterMsgWithDraw",
      Official_Account: "#TOA#_123",
      WithdrawMsgList: [{ MsgKey: "71_1_1698741698" }],
      EventTime: publishedTime,
    },
  },
  "after-info-changed": {
    summary: "leckie changed name, introduction, picture and organization",
    inLife: true,
    platform: "RESTAPI",
    body: {
      CallbackCommand: "OfficialAccount.CallbackAfterOfficialAccountInfoChanged",
      Official_Account: "@TOA#_test_OA_for_penn",
      Operator_Account: "leckie",
      Introduction: "NewNotification",
      Name: "NewName",
      FaceUrl: "http://this.is.newface.url",
      Organization: "NewOrganization",
      EventTime: publishedTime,
    },
  },
  "after-delete-subscriber": {
    summary: "jared and leckie have unsubscribed",
    inLife: true,
    platform: "iOS",
    body: {
      CallbackCommand: "OfficialAccount.CallbackAfterDeleteSubscriber",
      Official_Account: "@TOA#_test_for_penn",
      Operator_Account: "107867",
      SubscribeAccountList: [{ Subscriber_Account: "jared" }, { Subscriber_Account: "leckie" }],
      EventTime: publishedTime,
    },
  },
  "after-destroyed": {
    summary: "the account was destroyed",
    inLife: true,
    platform: "RESTAPI",
    body: {
      CallbackCommand: "OfficialAccount.CallbackAfterOfficialAccountDestroyed",
      Official_Account: "@TOA#_test_OA_for_penn",
      Owner_Account: "107867",
      Name: "TestOfficialAccount",
      EventTime: publishedTime,
    },
  },
  "state-change": {
    summary: "jared logged in: a webhook of another family, to be answered and otherwise ignored",
    inLife: false,
    platform: "macOS",
    body: {
      CallbackCommand: "State.StateChange",
      EventTime: publishedTime,
      Info: { Action: "Login", To_Account: "jared", Reason: "Register" },
    },
  },
};
