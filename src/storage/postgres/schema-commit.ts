// The function that commits a batch, as the migrations make it: all rows of many writes in one round trip.

/**
 * `gatehouse_commit(...)` locks the head of the log and writes the rows of a batch. They were made of answers that were read at `seen_epoch`; when
 * others have committed since, the questions are asked again, and when the answers are others now, or the rows name numbers in texts, it raises GH001 and nothing
 * is written. With the rows it leaves the batch's number, by which its sender finds out what became of it when the answer is lost. Sequence numbers after `seen_position` are new ones: they are moved to where the log ends by now. Returns by how far.
 */
export const createCommit = `
  CREATE OR REPLACE FUNCTION gatehouse_moved(seq bigint, seen_position bigint, by bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    'SELECT CASE WHEN seq > seen_position THEN seq + by ELSE seq END';

  -- JSON of arrays with a sequence number at their second place.
  CREATE OR REPLACE FUNCTION gatehouse_moved_parts(parts text, seen_position bigint, by bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    $function$SELECT '[' || string_agg('[' || (v->>0) || ',' || gatehouse_moved((v->>1)::bigint, seen_position, by)
      || coalesce(',' || (v->>2), '') || ']', ',' ORDER BY n) || ']' FROM jsonb_array_elements(parts::jsonb) WITH ORDINALITY AS x(v, n)$function$;

  CREATE OR REPLACE FUNCTION gatehouse_commit(
    seen_epoch bigint, seen_position bigint, used integer, is_fixed boolean, questions jsonb, seen_answers text, r jsonb,
    by_committer text, batch_number bigint
  ) RETURNS bigint LANGUAGE plpgsql AS $function$
  DECLARE
    head log_head;
    p bigint := seen_position;
    m bigint;
  BEGIN
    UPDATE log_head SET epoch = epoch + 1, position = position + used RETURNING * INTO head;
    m := head.position - used - p;
    IF head.epoch <> seen_epoch + 1 THEN
      IF (is_fixed AND m <> 0) OR seen_answers IS DISTINCT FROM md5(gatehouse_answers(questions)) THEN
        RAISE EXCEPTION 'what was read is not so any more' USING ERRCODE = 'GH001';
      END IF;
    END IF;

    IF r ? 'policies' THEN
      INSERT INTO policies (version) SELECT v FROM jsonb_array_elements_text(r->'policies') AS v
        WHERE NOT EXISTS (SELECT 1 FROM policies WHERE version = v) ON CONFLICT DO NOTHING;
    END IF;
    IF r ? 'decisions' THEN
      INSERT INTO decisions (seq, app_id, request_id, action_digest, account_id, operator, owner, verdict, policy_id, event_time, decide_time,
          is_plain, body, event_id)
        SELECT gatehouse_moved(seq, p, m), app_id, request_id, decode(action_digest, 'hex'), account_id, operator, owner, verdict,
          (SELECT policy_id FROM policies WHERE version = policy_version), event_time, decide_time, is_plain, body,
          'evt-' || lpad(to_hex(gatehouse_moved(event_seq, p, m)), 12, '0')
        FROM jsonb_to_recordset(r->'decisions') AS d(seq bigint, app_id bigint, request_id text, action_digest text, account_id text,
          operator text, owner text, verdict integer, policy_version text, event_time bigint, decide_time bigint, is_plain boolean,
          body text, event_seq bigint);
    END IF;
    IF r ? 'counts' THEN
      DELETE FROM rate_buckets AS b USING jsonb_to_recordset(r->'counts') AS c(app_id bigint, action text, window_ms bigint, key text, first bigint)
        WHERE b.app_id = c.app_id AND b.action = c.action AND b.window_ms = c.window_ms AND b.key = c.key AND b.start < c.first;
      INSERT INTO rate_buckets AS b (app_id, action, window_ms, key, start, count, past_time)
        SELECT app_id, action, window_ms, key, start, count, start + 2 * window_ms
        FROM jsonb_to_recordset(r->'counts') AS c(app_id bigint, action text, window_ms bigint, key text, start bigint, count bigint)
        ON CONFLICT (app_id, action, window_ms, key, start) DO UPDATE SET count = b.count + excluded.count;
    END IF;
    IF r ? 'removedCreations' THEN
      DELETE FROM creations AS c USING jsonb_to_recordset(r->'removedCreations') AS d(app_id bigint, owner text, standing integer, name text,
          operator text, seq bigint)
        WHERE c.app_id = d.app_id AND c.owner = d.owner AND c.standing = d.standing AND c.name = d.name AND c.operator = d.operator
          AND c.seq = d.seq;
    END IF;
    IF r ? 'creations' THEN
      INSERT INTO creations (app_id, owner, standing, name, operator, seq, ask_time, lapse_time, event_seq, event_time, account_id)
        SELECT app_id, owner, standing, name, operator, gatehouse_moved(seq, p, m), ask_time, lapse_time, gatehouse_moved(event_seq, p, m),
          event_time, account_id
        FROM jsonb_to_recordset(r->'creations') AS c(app_id bigint, owner text, standing integer, name text, operator text, seq bigint,
          ask_time bigint, lapse_time bigint, event_seq bigint, event_time bigint, account_id text);
    END IF;
    IF r ? 'releasedNames' THEN
      DELETE FROM reserved_names AS n USING jsonb_to_recordset(r->'releasedNames') AS d(app_id bigint, normalized_name text,
          lapse_time bigint, seq bigint)
        WHERE n.app_id = d.app_id AND n.normalized_name = d.normalized_name AND n.lapse_time = d.lapse_time AND n.seq = d.seq;
    END IF;
    IF r ? 'reservedNames' THEN
      INSERT INTO reserved_names (app_id, normalized_name, lapse_time, seq)
        SELECT app_id, normalized_name, lapse_time, gatehouse_moved(seq, p, m)
        FROM jsonb_to_recordset(r->'reservedNames') AS n(app_id bigint, normalized_name text, lapse_time bigint, seq bigint);
    END IF;
    IF r ? 'followUps' THEN
      INSERT INTO follow_ups (decision_seq, follow_up, follow_up_event_seq, follow_up_time, parts, missing, abandon_time)
        SELECT gatehouse_moved(decision_seq, p, m), follow_up, gatehouse_moved(event_seq, p, m), time, gatehouse_moved_parts(parts, p, m),
          missing, abandon_time
        FROM jsonb_to_recordset(r->'followUps') AS f(decision_seq bigint, follow_up integer, event_seq bigint, time bigint, parts text,
          missing integer, abandon_time bigint)
        ON CONFLICT (decision_seq) DO UPDATE SET follow_up = excluded.follow_up, follow_up_event_seq = excluded.follow_up_event_seq,
          follow_up_time = excluded.follow_up_time, parts = excluded.parts, missing = excluded.missing,
          abandon_time = excluded.abandon_time;
    END IF;
    IF r ? 'forgottenFollowUps' THEN
      DELETE FROM follow_ups
        WHERE decision_seq IN (SELECT gatehouse_moved(v::bigint, p, m) FROM jsonb_array_elements_text(r->'forgottenFollowUps') AS v);
    END IF;
    IF r ? 'degraded' THEN
      INSERT INTO degraded_answers (seq, cause, verdict, code, answer_time)
        SELECT seq, cause, verdict, code, answer_time
        FROM jsonb_to_recordset(r->'degraded') AS d(seq bigint, cause integer, verdict integer, code bigint, answer_time bigint);
      UPDATE decisions SET is_plain = false
        FROM jsonb_to_recordset(r->'degraded') AS d(seq bigint) WHERE decisions.seq = d.seq;
    END IF;
    IF r ? 'shadow' THEN
      INSERT INTO shadow_outcomes (seq, policy_id, body)
        SELECT seq, (SELECT policy_id FROM policies WHERE policies.version = s.version), body
        FROM jsonb_to_recordset(r->'shadow') AS s(seq bigint, version text, body text)
        WHERE EXISTS (SELECT 1 FROM decisions WHERE decisions.seq = s.seq) ON CONFLICT DO NOTHING;
    END IF;
    IF r ? 'events' THEN
      INSERT INTO events (seq, app_id, account_id, digest, event_time, receive_time, class, body, follow_up, decision_seq, follow_up_parts)
        SELECT gatehouse_moved(seq, p, m), app_id, account_id, decode(digest, 'hex'), event_time, receive_time, class, body, follow_up,
          gatehouse_moved(decision_seq, p, m), gatehouse_moved_parts(follow_up_parts, p, m)
        FROM jsonb_to_recordset(r->'events') AS e(seq bigint, app_id bigint, account_id text, digest text, event_time bigint,
          receive_time bigint, class integer, body text, follow_up integer, decision_seq bigint, follow_up_parts text);
    END IF;
    IF r ? 'eventUsers' THEN
      INSERT INTO event_users (app_id, "user", seq) SELECT app_id, "user", gatehouse_moved(seq, p, m)
        FROM jsonb_to_recordset(r->'eventUsers') AS u(app_id bigint, "user" text, seq bigint);
    END IF;
    IF r ? 'eventFollowUps' THEN
      UPDATE events SET follow_up = e.follow_up, decision_seq = gatehouse_moved(e.decision_seq, p, m),
          follow_up_parts = gatehouse_moved_parts(e.follow_up_parts, p, m)
        FROM jsonb_to_recordset(r->'eventFollowUps') AS e(seq bigint, follow_up integer, decision_seq bigint, follow_up_parts text)
        WHERE events.seq = e.seq;
    END IF;
    IF r ? 'accounts' THEN
      INSERT INTO accounts SELECT * FROM jsonb_populate_recordset(NULL::accounts, r->'accounts')
        ON CONFLICT (app_id, account_id) DO UPDATE SET owner = excluded.owner, name = excluded.name,
          normalized_name = excluded.normalized_name, introduction = excluded.introduction, face_url = excluded.face_url,
          organization = excluded.organization, state = excluded.state, created = excluded.created,
          first_event_time = excluded.first_event_time, last_event_time = excluded.last_event_time, full_time = excluded.full_time,
          stamps = excluded.stamps, revision = excluded.revision, messages_sent = excluded.messages_sent,
          messages_withdrawn = excluded.messages_withdrawn;
    END IF;
    IF r ? 'accountChanges' THEN
      INSERT INTO account_changes (app_id, account_id, time, rank, digest, seq, timed, receive_time, operator, owner, name, introduction,
          face_url, organization, state)
        SELECT app_id, account_id, time, rank, decode(c.digest, 'hex'), gatehouse_moved(seq, p, m), timed, receive_time, operator, owner, name,
          introduction, face_url, organization, state
        FROM jsonb_to_recordset(r->'accountChanges') AS c(app_id bigint, account_id text, time bigint, rank integer, digest text, seq bigint,
          timed integer, receive_time bigint, operator text, owner text, name text, introduction text, face_url text, organization text,
          state integer)
        ON CONFLICT DO NOTHING;
    END IF;
    IF r ? 'accountOwners' THEN
      INSERT INTO account_owners (app_id, owner, account_id) SELECT app_id, owner, account_id
        FROM jsonb_to_recordset(r->'accountOwners') AS o(app_id bigint, owner text, account_id text) ON CONFLICT DO NOTHING;
    END IF;
    IF r ? 'subscriptions' THEN
      INSERT INTO subscriptions (app_id, account_id, subscriber, since_time, until_time)
        SELECT app_id, account_id, subscriber, since_time, until_time
        FROM jsonb_to_recordset(r->'subscriptions') AS s(app_id bigint, account_id text, subscriber text, since_time bigint, until_time bigint)
        ON CONFLICT (app_id, account_id, subscriber) DO UPDATE SET since_time = excluded.since_time, until_time = excluded.until_time;
    END IF;
    IF r ? 'subscriberCounts' THEN
      INSERT INTO subscriber_counts AS c (app_id, account_id, count) SELECT app_id, account_id, more
        FROM jsonb_to_recordset(r->'subscriberCounts') AS s(app_id bigint, account_id text, more bigint)
        ON CONFLICT (app_id, account_id) DO UPDATE SET count = c.count + excluded.count;
    END IF;
    IF r ? 'subscriptionCounts' THEN
      INSERT INTO subscription_counts AS c (app_id, subscriber, count) SELECT app_id, subscriber, more
        FROM jsonb_to_recordset(r->'subscriptionCounts') AS s(app_id bigint, subscriber text, more bigint)
        ON CONFLICT (app_id, subscriber) DO UPDATE SET count = c.count + excluded.count;
    END IF;
    IF r ? 'messages' THEN
      INSERT INTO messages (app_id, account_id, message_key, sent_seq, sent_time, sent_digest, message_time, online_only, withdraw_time)
        SELECT app_id, account_id, message_key, gatehouse_moved(sent_seq, p, m), sent_time, sent_digest, message_time, online_only,
          withdraw_time
        FROM jsonb_to_recordset(r->'messages') AS s(n bigint, app_id bigint, account_id text, message_key text, sent_seq bigint,
          sent_time bigint, sent_digest text, message_time bigint, online_only integer, withdraw_time bigint) ORDER BY n
        ON CONFLICT (app_id, account_id, message_key) DO UPDATE SET sent_seq = excluded.sent_seq, sent_time = excluded.sent_time,
          sent_digest = excluded.sent_digest, message_time = excluded.message_time, online_only = excluded.online_only,
          withdraw_time = excluded.withdraw_time;
    END IF;
    IF r ? 'cases' THEN
      INSERT INTO cases (seq, app_id, kind, decision_seq, event_seq, account_id, "user", open_time, close_time, closed_by, close_reason)
        SELECT gatehouse_moved(seq, p, m), app_id, kind, gatehouse_moved(decision_seq, p, m), gatehouse_moved(event_seq, p, m), account_id,
          "user", open_time, close_time, closed_by, close_reason
        FROM jsonb_to_recordset(r->'cases') AS c(seq bigint, app_id bigint, kind integer, decision_seq bigint, event_seq bigint,
          account_id text, "user" text, open_time bigint, close_time bigint, closed_by text, close_reason text);
    END IF;
    IF r ? 'caseClosings' THEN
      UPDATE cases SET close_time = c.close_time, closed_by = c.closed_by, close_reason = c.close_reason
        FROM jsonb_to_recordset(r->'caseClosings') AS c(case_seq bigint, close_time bigint, closed_by text, close_reason text)
        WHERE cases.seq = gatehouse_moved(c.case_seq, p, m);
      INSERT INTO case_closings (seq, case_seq, app_id, account_id)
        SELECT gatehouse_moved(seq, p, m), gatehouse_moved(case_seq, p, m), app_id, account_id
        FROM jsonb_to_recordset(r->'caseClosings') AS c(seq bigint, case_seq bigint, app_id bigint, account_id text);
    END IF;
    IF r ? 'openCaseCounts' THEN
      INSERT INTO open_case_counts AS c (kind, count) SELECT kind, more
        FROM jsonb_to_recordset(r->'openCaseCounts') AS o(kind integer, more bigint)
        ON CONFLICT (kind) DO UPDATE SET count = c.count + excluded.count;
    END IF;
    INSERT INTO committers AS c (committer, batch, moved_by) VALUES (by_committer, batch_number, m)
      ON CONFLICT (committer) DO UPDATE SET batch = excluded.batch, moved_by = excluded.moved_by;
    RETURN m;
  END $function$;
`;
