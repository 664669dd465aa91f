// What a classifier is to Gatehouse, however it is called.

/** What came of asking a classifier. */
export type SignalReply =
  /** A finite number. */
  | { kind: "answered"; value: number }
  /** `down`: it could not be reached; `rubbish`: it answered something that is no number. The message is for people and without the text. */
  | { kind: "failed"; cause: "down" | "timeout" | "rubbish"; message: string };

/** A classifier. */
export interface SignalSource {
  /** Asks it about a text, and waits so many milliseconds at most. Never rejects. */
  ask(text: string, timeoutMs: number): Promise<SignalReply>;
  /** Ends its connections. */
  close(): void;
}
