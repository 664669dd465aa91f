// The frame shared by normalize and skeleton: compatibility forms, invisible characters, marks and white space; each adds what becomes of a letter.

/** Characters without a visible form of their own: default ignorables, controls that are not white space, interlinear annotations. */
const invisible = /[\p{Default_Ignorable_Code_Point}\u{FFF9}-\u{FFFB}]|(?!\p{White_Space})\p{Cc}/u;
/** White space, and the braille pattern that is as blank. */
const blank = /[\p{White_Space}\u{2800}]/u;
const mark = /\p{M}/u;
/** Marks that no script's spelling outside of Latin, Greek, Cyrillic and scholarly use depends on: accents, strike-throughs, enclosures. */
const noise = /[\u{300}-\u{36F}\u{1AB0}-\u{1AFF}\u{1DC0}-\u{1DFF}\u{20D0}-\u{20FF}\u{FE20}-\u{FE2F}]/u;
/** What loses every mark that follows it. */
const bareBase = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{ASCII}]/u;

/** What one code point of the input becomes. */
interface Piece {
  /** Marks it starts with; they stay only after a base that keeps its marks. */
  head: string;
  text: string;
  /** Whether marks after it are dropped; undefined when that is as it was before. */
  dropsMarks: boolean | undefined;
}

/** A code point that goes together with what stands before it, when text is composed: a mark, or a vowel or final consonant of Hangul. */
const composes = /[\p{M}\u{1161}-\u{1175}\u{11A8}-\u{11C2}]/u;

/** Whether nothing of the text can be seen: it is empty, or all zero-width, control and other invisible characters. */
export function isInvisible(text: string): boolean {
  for (const character of text) if (!invisible.test(character)) return false;
  return true;
}

/** A folded text, and for each of its UTF-16 units from where to where in the original it comes, the end excluded. */
export interface FoldedText {
  text: string;
  starts: readonly number[];
  ends: readonly number[];
}

/** Folds text, with or without remembering what comes from where. */
export interface TextFolder {
  fold(text: string): string;
  /** The same text as `fold` gives. */
  map(text: string): FoldedText;
}

/** More code points than any living script has; beyond it the cache starts anew, so that hostile text cannot grow it without bound. */
const maxCachedAstral = 8192;

/**
 * Returns pure functions over text: compatibility decomposition; invisible characters removed; marks removed as the patterns above say; every
 * other character replaced by `letter(character)`; white space collapsed and trimmed; canonical composition. `letter` must be pure, must not
 * look at neighbours, and must return neither marks nor white space. Takes time linear in the text.
 */
export function createTextFolder(letter: (character: string) => string): TextFolder {
  const plane0: (Piece | undefined)[] = [];
  const astral = new Map<number, Piece>();

  const cut = (codePoint: number): Piece => {
    let head = "";
    let text = "";
    let dropsMarks: boolean | undefined;
    for (const character of String.fromCodePoint(codePoint).normalize("NFKD")) {
      if (invisible.test(character)) continue;
      if (mark.test(character)) {
        if (noise.test(character) || dropsMarks === true) continue;
        if (dropsMarks === undefined) head += character;
        else text += character;
        continue;
      }
      const base = blank.test(character) ? " " : character;
      const read = base === " " ? base : letter(base);
      text += read;
      // By what is read as well, or a second folding would drop what the first has kept.
      dropsMarks = bareBase.test(base) || bareBase.test(read);
    }
    return { head, text: text.normalize("NFC"), dropsMarks };
  };
  const pieceOf = (codePoint: number): Piece => {
    const known = codePoint < 0x10000 ? plane0[codePoint] : astral.get(codePoint);
    if (known !== undefined) return known;
    const piece = cut(codePoint);
    if (codePoint < 0x10000) plane0[codePoint] = piece;
    else {
      if (astral.size >= maxCachedAstral) astral.clear();
      astral.set(codePoint, piece);
    }
    return piece;
  };
  // In order, so that the array of pieces starts dense and ASCII is never cut while text is folded.
  for (let codePoint = 0; codePoint < 0x80; codePoint++) pieceOf(codePoint);

  const fold = (text: string): string => {
    let folded = "";
    let afterSpace = true;
    let dropsMarks = true;
    let beyondAscii = false;
    for (let i = 0; i < text.length; i++) {
      let codePoint = text.charCodeAt(i);
      if (codePoint >= 0x80) {
        beyondAscii = true;
        if (codePoint >= 0xd800 && codePoint < 0xdc00) {
          codePoint = text.codePointAt(i) ?? codePoint;
          if (codePoint > 0xffff) i++;
        }
      }
      const piece = pieceOf(codePoint);
      // A base that keeps its marks is no space, so `afterSpace` stays as it is.
      if (!dropsMarks) folded += piece.head;
      if (piece.dropsMarks === undefined) continue;
      dropsMarks = piece.dropsMarks;
      const added: string = afterSpace && piece.text.startsWith(" ") ? piece.text.slice(1) : piece.text;
      if (added === "") continue;
      folded += added;
      afterSpace = added.endsWith(" ");
    }
    if (afterSpace && folded !== "") folded = folded.slice(0, -1);
    return beyondAscii ? folded.normalize("NFC") : folded;
  };

  const map = (text: string): FoldedText => {
    let folded = "";
    const starts: number[] = [];
    const ends: number[] = [];
    let afterSpace = true;
    let dropsMarks = true;
    let at = 0;
    for (const character of text) {
      const [start, end] = [at, at + character.length];
      at = end;
      const piece = pieceOf(character.codePointAt(0) ?? 0);
      let added = dropsMarks ? "" : piece.head;
      if (piece.dropsMarks !== undefined) {
        dropsMarks = piece.dropsMarks;
        const own: string = afterSpace && piece.text.startsWith(" ") ? piece.text.slice(1) : piece.text;
        if (own !== "") afterSpace = own.endsWith(" ");
        added += own;
      }
      folded += added;
      for (let unit = 0; unit < added.length; unit++) {
        starts.push(start);
        ends.push(end);
      }
    }
    if (afterSpace && folded !== "") folded = folded.slice(0, -1);
    return compose({ text: folded, starts: starts.slice(0, folded.length), ends: ends.slice(0, folded.length) });
  };

  return { fold, map };
}

/** Composes a text part by part: what no composition reaches across can be composed by itself, and comes from all that is in it. */
function compose(folded: FoldedText): FoldedText {
  if (folded.text.normalize("NFC") === folded.text) return folded;
  let text = "";
  const starts: number[] = [];
  const ends: number[] = [];
  let partStart = 0;
  const endPart = (partEnd: number) => {
    const composed = folded.text.slice(partStart, partEnd).normalize("NFC");
    text += composed;
    for (let unit = 0; unit < composed.length; unit++) {
      starts.push(folded.starts[partStart] ?? 0);
      ends.push(folded.ends[partEnd - 1] ?? 0);
    }
    partStart = partEnd;
  };
  let at = 0;
  for (const character of folded.text) {
    if (at > partStart && !composes.test(character)) endPart(at);
    at += character.length;
  }
  endPart(at);
  return { text, starts, ends };
}
