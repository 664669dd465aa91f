// Questions that are asked before anybody can answer them: who asks runs again when the answers are there.

import { fromStoredJson, toStoredJson } from "../stored-text.ts";
import type { Reader } from "./connections.ts";
import type { Memory, PointedVersions } from "./memory.ts";
import type { QuestionKind } from "./schema-questions.ts";

/** An argument of a question. */
export type Argument = string | number;

/** Where the log was when questions were answered. */
export interface Head {
  epoch: number;
  position: number;
  pointed: PointedVersions;
}

/** Questions, and their answers as far as they are there: all from one moment. */
export interface Asking {
  /** The answer; undefined when it is not there yet, which is noted. */
  ask(kind: QuestionKind, ...args: Argument[]): unknown;
  /** The answer if it is there; asks nothing. */
  peek(kind: QuestionKind, ...args: Argument[]): unknown;
  /** Whether something was asked since the last answers that they do not answer, or nothing was answered yet. */
  isOpen(): boolean;
  /** Asks all questions, old and new ones, in one round trip. */
  fetch(reader: Reader): Promise<void>;
  /** When the answers were so; undefined before there are any. */
  head(): Head | undefined;
  /** The questions in JSON as they were asked last, and a digest of all answers. */
  asked(): { questions: string; digest: string };
}

interface Questions {
  places: Map<string, number>;
  args: Argument[][];
  answers: readonly unknown[];
}

interface AnswersRow {
  epoch: number;
  position: number;
  live_version: string | null;
  shadow_version: string | null;
  answers: string;
  digest: string;
}

// One statement sees one moment, and so does a function that it calls, when that is stable.
const selectAnswers = `SELECT epoch, position, live_version, shadow_version, answers, md5(answers) AS digest
  FROM log_head, gatehouse_answers(?::jsonb) AS answers`;

/** Creates questions; none is asked at first. What is read of pointers is kept in `memory`. */
export function createAsking(memory: Pick<Memory, "pointed">): Asking {
  const byKind = new Map<QuestionKind, Questions>();
  let isOpen = true;
  let head: Head | undefined;
  let asked = { questions: "{}", digest: "" };
  return {
    ask(kind, ...args) {
      let ofKind = byKind.get(kind);
      if (ofKind === undefined) {
        ofKind = { places: new Map(), args: [], answers: [] };
        byKind.set(kind, ofKind);
      }
      const key = JSON.stringify(args);
      const place = ofKind.places.get(key);
      if (place === undefined) {
        ofKind.places.set(key, ofKind.args.length);
        ofKind.args.push(args);
        isOpen = true;
        return undefined;
      }
      const answer = ofKind.answers[place];
      if (answer === undefined) isOpen = true;
      return answer;
    },
    peek(kind, ...args) {
      const ofKind = byKind.get(kind);
      const place = ofKind?.places.get(JSON.stringify(args));
      return place === undefined ? undefined : ofKind?.answers[place];
    },
    isOpen: () => isOpen,
    async fetch(reader) {
      const questions = toStoredJson(Object.fromEntries([...byKind].map(([kind, { args }]) => [kind, args])));
      const row = await reader.get<AnswersRow>(selectAnswers, questions);
      if (row === undefined) throw new Error("The head of the log is not there.");
      const answers = fromStoredJson(row.answers) as Partial<Record<QuestionKind, unknown[]>>;
      for (const [kind, ofKind] of byKind) ofKind.answers = answers[kind] ?? [];
      memory.pointed = { live: row.live_version, shadow: row.shadow_version };
      head = { epoch: row.epoch, position: row.position, pointed: memory.pointed };
      asked = { questions, digest: row.digest };
      isOpen = false;
    },
    head: () => head,
    asked: () => asked,
  };
}
