// What signals say of texts, as an evaluation sees it: answers that are there already, because an evaluation waits for nothing.

/** What a signal says of a text. */
export interface SignalAnswer {
  /** A finite number. */
  readonly value: number;
  /** Why there is no answer and the value stands for it, in a word; empty when it answered. */
  readonly failure: string;
}

/** The answers of signals. */
export interface SignalAnswers {
  /** What the signal says of the text; the same during one evaluation. */
  answerOf(signal: string, text: string): SignalAnswer;
}

/** For an evaluation that asks no signal. */
export const noSignals: SignalAnswers = {
  answerOf(signal) {
    throw new Error(`The signal "${signal}" is asked in a place where none is expected.`);
  },
};
