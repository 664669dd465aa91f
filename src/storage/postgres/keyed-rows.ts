// Rows by keys of several parts, in the order in which their keys came.

type Part = string | number;

/** Rows by their keys. */
export interface KeyedRows<Row> {
  get(...key: Part[]): Row | undefined;
  set(row: Row, ...key: Part[]): void;
  values(): Row[];
}

/** Creates no rows. */
export function createKeyedRows<Row>(): KeyedRows<Row> {
  const rows = new Map<string, Row>();
  return {
    get: (...key) => (rows.size === 0 ? undefined : rows.get(JSON.stringify(key))),
    set: (row, ...key) => void rows.set(JSON.stringify(key), row),
    values: () => [...rows.values()],
  };
}
