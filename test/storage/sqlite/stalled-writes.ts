// Makes the writer thread of a store stall: a trigger that another connection leaves in the database keeps it busy.
import Database from "better-sqlite3";

const counting = (rows: number) =>
  `SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${rows}) SELECT i FROM n)`;

const sampleRows = 300_000;

/** From now on every write of a decision by the operator `stall` takes the thread at least about so long, until the returned function is called. */
export function stallWrites(path: string, stallMs: number): () => void {
  const db = new Database(path, { fileMustExist: true, timeout: 30_000 });
  // The fastest of some counts: a machine that is busy just now must not make the stall shorter.
  const samplesMs = Array.from({ length: 5 }, () => {
    const beginMs = performance.now();
    db.prepare(counting(sampleRows)).get();
    return performance.now() - beginMs;
  });
  const rows = Math.round((sampleRows * stallMs) / Math.min(...samplesMs));
  db.exec(`CREATE TRIGGER stall AFTER INSERT ON decisions WHEN NEW.operator = 'stall' BEGIN ${counting(rows)}; END`);
  return () => {
    db.exec("DROP TRIGGER stall");
    db.close();
  };
}
