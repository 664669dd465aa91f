// A store in PostgreSQL that is moved elsewhere: read while its services run, and as a whole when they have stopped.
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import type { GivenNumbers, LogMoment, MovedSnapshot, MoveSource } from "../move.ts";
import { demandNewestSchema } from "./migrations.ts";
import { connectForMove, isServed, moveFailed, nameOfUrl, namingFailures } from "./move-connection.ts";
import { createMovedReader } from "./moved-reader.ts";
import { demandComplete } from "./moving-mark.ts";

const selectNumbers = `SELECT position, earliest,
    coalesce(pg_sequence_last_value(pg_get_serial_sequence('audit_entries', 'audit_seq')::regclass), 0) AS "auditSeq",
    coalesce(pg_sequence_last_value(pg_get_serial_sequence('erasures', 'erasure_seq')::regclass), 0) AS "erasureSeq"
  FROM log_head`;

/** Events of creations change when they are joined with decisions, for which both must be among the creations. */
const selectMoment = `SELECT earliest,
    coalesce((SELECT min(least(seq, event_seq)) FROM creations), position + 1) AS "changesFrom"
  FROM log_head`;

/**
 * Connects to the database. A snapshot is the last one when no service is connected to it; until its end, nothing can be decided or recorded there then.
 * Rejects with STORE_UNAVAILABLE when it cannot be reached or is no database of this program's schema.
 */
export async function openPostgresMoveSource(url: string): Promise<MoveSource> {
  const name = nameOfUrl(url);
  const client = await connectForMove(url).catch((error) => {
    throw moveFailed(name, error);
  });

  const reader = createMovedReader(client);

  async function begin(): Promise<boolean> {
    const isLast = !(await isServed(client));
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    // Everything that is decided or recorded changes the head of the log, with this lock taken before the snapshot.
    if (isLast) await client.query("SET LOCAL lock_timeout = 5000; LOCK TABLE log_head IN SHARE ROW EXCLUSIVE MODE");
    return isLast;
  }

  async function snapshot(): Promise<MovedSnapshot> {
    const isLast = await begin();
    return {
      isLast,
      ...namingFailures(name, {
        ...reader,
        async givenNumbers() {
          const { rows } = await client.query<GivenNumbers>(selectNumbers);
          const [numbers] = rows;
          if (numbers === undefined)
            throw new GatehouseError(ErrorReason.STORE_UNAVAILABLE, `The database ${name} has no head of its log.`);
          return numbers;
        },
        async logMoment() {
          const { rows } = await client.query<LogMoment>(selectMoment);
          return rows[0] ?? { changesFrom: 0, earliest: Number.MAX_SAFE_INTEGER };
        },
        async end() {
          await client.query("COMMIT");
        },
      }),
    };
  }

  try {
    await demandNewestSchema(client, name);
    await demandComplete(client);
  } catch (error) {
    await client.end();
    throw moveFailed(name, error);
  }
  return { name, ...namingFailures(name, { snapshot, close: () => client.end() }) };
}
