// The accounts, owners and users of the registry bench, by number.
import { idText } from "../harness/requests.ts";

/** A generator of numbers from 0 to below 1, the same ones in every run. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The app of every hundredth account. */
export const secondApp = 1400000001;

/** When the first event was received, and when the last. */
export const baseMs = Date.UTC(2026, 0, 1);
export const endMs = Date.UTC(2026, 6, 1);

/** Every so manieth account is of the one owner that has most. */
export const manyOf = 20;
export const ownerOfMany = "u-many";

/** Ids of accounts in no order, as they come in life. */
export function accountIdOf(n: number): string {
  return `@TOA#_${idText((n * 48_271) % 10_000_019)}`;
}

/** One user in ten owns accounts. */
export function ownerOf(n: number): string {
  return n % manyOf === 0 ? ownerOfMany : userOf(n - (n % 10));
}

export function userOf(n: number): string {
  return `u${idText(n)}`;
}

/** Names with first words that many share. */
export function nameOf(n: number): string {
  const topics = ["News", "Sports", "Music", "Travel", "Food", "Games", "官方", "Weather"];
  return `${topics[n % topics.length]} ${idText((n * 16_807) % 10_000_019)}`;
}
