// The function that answers questions, as the migrations make it: many questions of many kinds, all from one moment, in one round trip.

/*
 * Plans are made when tables may still be empty, and stay: where several indexes could answer, all but the right one are ruled out by `+ 0` and the
 * like, which no index fits; or rows are asked for in an order that only the right one has, with a range of one value in the place of what they are
 * about, which leaves the order to be kept. The latest rows on a quiet account would else be looked for through the whole log.
 */

/** A decision `d` with what a fallback has answered instead, and what is kept of its follow-up. */
export const partedDecision = `json_build_object('seq', d.seq, 'app_id', app_id, 'account_id', account_id, 'verdict', verdict,
  'event_time', event_time, 'decide_time', decide_time, 'body', body,
  'answer', (SELECT json_build_array(g.verdict, answer_time) FROM degraded_answers AS g WHERE g.seq = d.seq),
  'stored', (SELECT json_build_array(follow_up, follow_up_event_seq, follow_up_time, parts, missing, abandon_time)
    FROM follow_ups WHERE decision_seq BETWEEN d.seq AND d.seq ORDER BY decision_seq LIMIT 1))`;

/** An event `e` with what it follows from. */
const followedEvent = `json_build_object('seq', e.seq, 'app_id', app_id, 'account_id', account_id, 'digest', encode(digest, 'hex'),
  'time', coalesce(event_time, receive_time, 0), 'body', body, 'follow_up', follow_up, 'decision_seq', decision_seq,
  'follow_up_parts', follow_up_parts)`;

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
  /**
   * [app, account, mark, from, limit]: of the latest decisions on the account, of all apps, no further back than to the first that was made before
   * `from`, those of the app on actions that have the mark in their bodies, the latest first; and whether none that was made since is left out.
   */
  decisionsOn: `(SELECT json_build_array(count(*) < (a->>4)::bigint OR max(old_seq) IS NOT NULL,
      json_agg(${partedDecision} ORDER BY d.seq DESC) FILTER (WHERE is_meant AND d.seq > coalesce(old_seq, 0)))
    FROM (SELECT *, app_id = (a->>0)::bigint AND event_id IS NULL AND strpos(body, a->>2) > 0 AS is_meant,
        max(seq) FILTER (WHERE coalesce(decide_time, 0) < (a->>3)::bigint) OVER () AS old_seq
      FROM (SELECT * FROM decisions WHERE account_id BETWEEN a->>1 AND a->>1
        ORDER BY account_id DESC, seq DESC LIMIT (a->>4)::bigint) AS latest) AS d)`,
  /** [decision]: null when it is about no account, too. */
  partedDecision: `(SELECT ${partedDecision} FROM decisions AS d WHERE seq = (a->>0)::bigint AND account_id IS NOT NULL)`,
  /** [app, account, since, subscriber …]: those of them whom an event since then has added. */
  addedSince: `(SELECT json_agg(u.subscriber ORDER BY m) FROM jsonb_array_elements_text(a) WITH ORDINALITY AS u(subscriber, m)
    WHERE m > 3 AND (SELECT since_time FROM subscriptions AS s WHERE s.app_id = (a->>0)::bigint AND s.account_id = a->>1
      AND s.subscriber = u.subscriber) >= (a->>2)::bigint)`,
  /** [app, account, mark, since]: of the latest 256 events on the account, those since then that are followed up and have the mark in their bodies. */
  followedEvents: `CASE WHEN coalesce((SELECT last_event_time FROM accounts
        WHERE app_id = (a->>0)::bigint AND account_id BETWEEN a->>1 AND a->>1 ORDER BY account_id LIMIT 1), 0) >= (a->>3)::bigint
      OR EXISTS (SELECT 1 FROM events WHERE account_id = a->>1 AND app_id + 0 = (a->>0)::bigint AND event_time IS NULL
        AND receive_time >= (a->>3)::bigint)
    THEN (SELECT json_agg(${followedEvent} ORDER BY e.seq) FROM (SELECT * FROM events
        WHERE app_id = (a->>0)::bigint AND account_id BETWEEN a->>1 AND a->>1 ORDER BY account_id DESC, seq DESC LIMIT 256) AS e
      WHERE follow_up IS NOT NULL AND coalesce(event_time, receive_time, 0) >= (a->>3)::bigint AND strpos(body, a->>2) > 0) END`,
  /** [event]: null when it is about no account, too. */
  followedEvent: `(SELECT ${followedEvent} FROM events AS e WHERE seq = (a->>0)::bigint AND account_id IS NOT NULL)`,
} as const;

/** A kind of question. */
export type QuestionKind = keyof typeof answers;

/**
 * `gatehouse_answers(questions)`: an object with an array of arguments under each kind becomes one with an array of answers under it, in the
 * order of the questions. It is put together as text, because large arrays within jsonb take seconds to put into others.
 */
export const createAnswers = `
  CREATE OR REPLACE FUNCTION gatehouse_answers(questions jsonb) RETURNS text LANGUAGE plpgsql STABLE AS $function$
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
