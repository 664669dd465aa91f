// The function that answers questions, as the first migration makes it: many questions of many kinds, all from one moment, in one round trip.

/*
 * Plans are made when tables may still be empty, and stay: where several indexes could answer, all but the right one are ruled out by `+ 0` and the
 * like, which no index fits.
 */

/** For each kind of question an expression of its answer. `a` is the JSON array of its arguments; no answer is JSON's null. */
const answers = {
  /** [list, value]: when the entry expires, 0 for never; null when it is not on the list. */
  entry: `(SELECT coalesce(expire_time, 0) FROM lists JOIN list_entries AS e USING (list_id) WHERE lists.name = a->>0 AND e.value = a->>1)`,
  /** [list, now]: its version, and when an entry last expired; null when there is no such list. */
  listVersion: `(SELECT json_build_array(version, (SELECT max(expire_time) FROM list_entries AS e
    WHERE e.list_id = lists.list_id AND expire_time <= (a->>1)::bigint)) FROM lists WHERE name = a->>0)`,
  /** [list, now]: the values that have not expired. */
  listValues: `(SELECT json_agg(value ORDER BY value) FROM lists JOIN list_entries USING (list_id)
    WHERE lists.name = a->>0 AND (expire_time IS NULL OR expire_time > (a->>1)::bigint))`,
  /** [app, owner, now]: live accounts and rooms that stand. */
  liveAccounts: `(SELECT count(*) FROM accounts WHERE app_id + 0 = (a->>0)::bigint AND owner = a->>1 AND state = 1)
    + (SELECT count(*) FROM creations
        WHERE app_id = (a->>0)::bigint AND owner = a->>1 AND standing = 1 AND lapse_time > (a->>2)::bigint)`,
  /** [app, normalized name, now]. */
  nameInUse: `(EXISTS (SELECT 1 FROM accounts WHERE app_id + 0 = (a->>0)::bigint AND normalized_name = a->>1 AND state = 1)
    OR EXISTS (SELECT 1 FROM reserved_names WHERE app_id = (a->>0)::bigint AND normalized_name = a->>1 AND lapse_time + 0 > (a->>2)::bigint))`,
  /** [app, user]. */
  subscriptionCount: "(SELECT count FROM subscription_counts WHERE app_id = (a->>0)::bigint AND subscriber = a->>1)",
  /** [app, account]. */
  subscriberCount: "(SELECT count FROM subscriber_counts WHERE app_id = (a->>0)::bigint AND account_id = a->>1)",
  /** [app, account, user]: since and until. */
  subscription: `(SELECT json_build_array(since_time, until_time) FROM subscriptions
    WHERE app_id = (a->>0)::bigint AND account_id = a->>1 AND subscriber = a->>2)`,
  /** [app, account]. */
  messagesSent: "(SELECT messages_sent FROM accounts WHERE app_id = (a->>0)::bigint AND account_id = a->>1)",
  /** [app, action, window, key, first start, last start]. */
  rate: `(SELECT sum(count) FROM rate_buckets WHERE app_id = (a->>0)::bigint AND action = a->>1 AND window_ms = (a->>2)::bigint
    AND key = a->>3 AND start BETWEEN (a->>4)::bigint AND (a->>5)::bigint)`,
  /** [app, request_id]: the decision's number and digest. */
  request: `(SELECT json_build_array(seq, encode(action_digest, 'hex')) FROM decisions
    WHERE app_id = (a->>0)::bigint AND request_id = a->>1)`,
  /** [digest]: the event's number. */
  eventByDigest: "(SELECT seq FROM events WHERE digest = decode(a->>0, 'hex'))",
  /** [app, owner, name, operator]. */
  hasEvents: `EXISTS (SELECT 1 FROM creations WHERE app_id = (a->>0)::bigint AND owner = a->>1 AND standing IN (4, 5)
    AND name = a->>2 AND operator = a->>3)`,
  /** [app, owner, name, operator]: of each standing the latest 64. */
  creations: `(SELECT json_agg(json_build_array(c.standing, c.seq, ask_time, lapse_time, event_seq, event_time, account_id)
      ORDER BY c.standing, c.seq)
    FROM generate_series(1, 5) AS s(standing), LATERAL (SELECT * FROM creations WHERE app_id = (a->>0)::bigint AND owner = a->>1
      AND standing = s.standing AND name = a->>2 AND operator = a->>3 ORDER BY seq DESC LIMIT 64) AS c)`,
  /** [app, account]. */
  account: "(SELECT to_json(accounts) FROM accounts WHERE app_id = (a->>0)::bigint AND account_id = a->>1)",
  /** [app, account]: what was said of its fields, in the order of the stamps. */
  accountChanges: `(SELECT json_agg(json_build_object('owner', owner, 'name', name, 'introduction', introduction,
      'face_url', face_url, 'organization', organization, 'state', state, 'time', time, 'rank', rank, 'digest', encode(digest, 'hex')) ORDER BY time, rank, digest)
    FROM account_changes WHERE app_id = (a->>0)::bigint AND account_id = a->>1)`,
  /** [app, account, key]. */
  message: `(SELECT json_build_array(sent_seq, sent_time, sent_digest, message_time, online_only, withdraw_time) FROM messages
    WHERE app_id = (a->>0)::bigint AND account_id = a->>1 AND message_key = a->>2)`,
  /** [decision]: its app, and whether a fallback is known to have answered instead. */
  decision: `(SELECT json_build_array(app_id, EXISTS (SELECT 1 FROM degraded_answers AS d WHERE d.seq = decisions.seq))
    FROM decisions WHERE seq = (a->>0)::bigint)`,
  /** [event, kind]: the open cases, each with its app and account. */
  openCasesOfEvent: `(SELECT json_agg(json_build_array(seq, app_id, account_id) ORDER BY seq) FROM cases
    WHERE event_seq = (a->>0)::bigint AND kind = (a->>1)::integer AND coalesce(close_time, -1) = -1)`,
} as const;

/** A kind of question. */
export type QuestionKind = keyof typeof answers;

/**
 * `gatehouse_answers(questions)`: an object with an array of arguments under each kind becomes one with an array of answers under it, in the
 * order of the questions. It is put together as text, because large arrays within jsonb take seconds to put into others.
 */
export const createAnswers = `
  CREATE FUNCTION gatehouse_answers(questions jsonb) RETURNS text LANGUAGE plpgsql STABLE AS $function$
  DECLARE
    answered text := '';
  BEGIN
    ${Object.entries(answers)
      .map(
        ([kind, answer]) => `IF questions ? '${kind}' THEN
      answered := answered || ',"${kind}":' || (SELECT json_agg(to_json(${answer}) ORDER BY n)::text
        FROM jsonb_array_elements(questions->'${kind}') WITH ORDINALITY AS q(a, n));
    END IF;`,
      )
      .join("\n    ")}
    RETURN '{' || substr(answered, 2) || '}';
  END $function$;
`;
