// Numbers of the log that were passed over, because they may have been given before what came since was undone.

/** Those after the first up to the second of each pair, in their order; null for none. */
export type PassedOver = readonly (readonly [lastSeq: number, nextSeq: number])[] | null;

/** SQL for them. */
export const passedOverSql = "(SELECT jsonb_agg(jsonb_build_array(last_seq, next_seq) ORDER BY last_seq) FROM restores)";
