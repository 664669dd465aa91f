// What notices that the database was restored to an earlier moment, or goes on at a standby, as a migration makes it.

/** How many numbers are passed over: more than were ever given since any moment to which somebody may want to go back. */
const passedOver = 2 ** 32;

/**
 * A server begins another timeline whenever it comes out of a recovery that may have left something out: when a standby is promoted, and after a restore to a
 * moment. Whoever locks the head of the log next finds it out, before any number is given: the numbers that may have been given since are passed over and
 * kept in `restores`, so that none is given twice and positions of what was undone are recognised; ids of the audit log and of erasures go on later, too. Where nothing was undone that changes nothing but numbers. The
 * epoch is raised as far, so that what was made of answers of an undone one is made anew.
 *
 * A copy that is loaded into another server has that server's timeline, which may be the same: then `timeline` is to be set to another text by hand.
 */
export const createTimelineWatch = `
  ALTER TABLE log_head ADD COLUMN timeline text COLLATE "C"; -- NULL: not noted yet

  CREATE FUNCTION gatehouse_timeline() RETURNS text LANGUAGE plpgsql AS $function$
  BEGIN
    -- The name of a file of the log begins with the timeline.
    RETURN left(pg_walfile_name(pg_current_wal_lsn()), 8);
  EXCEPTION WHEN OTHERS THEN
    -- Servers that keep their log in another way do not tell.
    RETURN '';
  END $function$;

  CREATE FUNCTION gatehouse_note_timeline() RETURNS trigger LANGUAGE plpgsql AS $function$
  BEGIN
    NEW.timeline := gatehouse_timeline();
    IF OLD.timeline IS NOT NULL THEN
      INSERT INTO restores (last_seq, next_seq, restore_time)
        VALUES (OLD.position, OLD.position + ${passedOver}, (extract(epoch FROM clock_timestamp()) * 1000)::bigint);
      NEW.position := NEW.position + ${passedOver};
      NEW.epoch := NEW.epoch + ${passedOver};
      PERFORM setval(name, nextval(name) + ${passedOver}) FROM (VALUES
          (pg_get_serial_sequence('audit_entries', 'audit_seq')::regclass), (pg_get_serial_sequence('erasures', 'erasure_seq')::regclass)
        ) AS sequences(name);
    END IF;
    RETURN NEW;
  END $function$;

  CREATE TRIGGER note_timeline BEFORE UPDATE ON log_head FOR EACH ROW
    WHEN (OLD.timeline IS NOT DISTINCT FROM NEW.timeline AND NEW.timeline IS DISTINCT FROM gatehouse_timeline())
    EXECUTE FUNCTION gatehouse_note_timeline();
`;
