// Colours and weights that programs give to their lines by escapes, as classes that the design has colours for. Pure.

export interface Styled {
  from: number;
  to: number;
  classes: string;
}

interface Pen {
  fg: number | undefined;
  bg: number | undefined;
  words: ReadonlySet<string>;
}

const PLAIN: Pen = { fg: undefined, bg: undefined, words: new Set() };

// CSI, OSC, other strings, and short escapes; only CSI … m means anything here.
// eslint-disable-next-line no-control-regex -- escapes are what is looked for
const ESCAPE = /\u001b(?:\[([0-?]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[PX^_][^\u001b]*(?:\u001b\\)?|[ -/]*[0-~])/g;

/** The text without escapes, and which stretches of it have a style. */
export function ansi(raw: string): { text: string; styled: Styled[] } {
  const styled: Styled[] = [];
  let [text, at, pen] = ["", 0, PLAIN];
  const take = (piece: string) => {
    const classes = classesOf(pen);
    if (piece !== "" && classes !== "") styled.push({ from: text.length, to: text.length + piece.length, classes });
    text += piece;
  };
  for (const match of raw.matchAll(ESCAPE)) {
    take(raw.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === "m") pen = drawn(pen, match[1] ?? "");
  }
  take(raw.slice(at));
  return { text, styled };
}

function classesOf({ fg, bg, words }: Pen): string {
  const [front, back] = words.has("inverse") ? [bg, fg] : [fg, bg];
  const list = [...words].filter((word) => word !== "inverse").map((word) => `ansi-${word}`);
  if (front !== undefined) list.push(`ansi-fg-${front}`);
  if (back !== undefined) list.push(`ansi-bg-${back}`);
  else if (words.has("inverse")) list.push("ansi-inverse");
  return list.join(" ");
}

const WORDS: Record<number, string> = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const ENDS: Record<number, readonly string[]> = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"] };

function drawn(pen: Pen, parameters: string): Pen {
  const codes = parameters.split(/[;:]/).map(Number);
  let next = pen;
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i] ?? 0;
    const word = WORDS[code];
    if (code === 0) next = PLAIN;
    else if (word !== undefined) next = { ...next, words: new Set([...next.words, word]) };
    else if (ENDS[code] !== undefined) next = { ...next, words: new Set([...next.words].filter((w) => !ENDS[code]?.includes(w))) };
    else if (code === 38 || code === 48) {
      const direct = codes[i + 1] === 2;
      const colour = direct ? nearest(codes[i + 2] ?? 0, codes[i + 3] ?? 0, codes[i + 4] ?? 0) : of256(codes[i + 2] ?? 0);
      next = code === 38 ? { ...next, fg: colour } : { ...next, bg: colour };
      i += direct ? 4 : 2;
    } else if (code === 39) next = { ...next, fg: undefined };
    else if (code === 49) next = { ...next, bg: undefined };
    else if (code >= 30 && code <= 37) next = { ...next, fg: code - 30 };
    else if (code >= 90 && code <= 97) next = { ...next, fg: code - 82 };
    else if (code >= 40 && code <= 47) next = { ...next, bg: code - 40 };
    else if (code >= 100 && code <= 107) next = { ...next, bg: code - 92 };
  }
  return next;
}

function of256(index: number): number {
  if (index < 16) return index;
  if (index >= 232) return index < 238 ? 8 : index < 248 ? 7 : 15;
  const level = (step: number) => (step === 0 ? 0 : 55 + step * 40);
  const cube = index - 16;
  return nearest(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

/**
 * Which of the sixteen a colour is most like, by its hue: programs choose shades for their own ground, and on ours only
 * the palette's are sure to be readable.
 */
function nearest(red: number, green: number, blue: number): number {
  const [most, least] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  if (most - least < 40) return most < 80 ? 8 : most < 200 ? 7 : 15;
  const half = (most + least) / 2;
  const bits = (red > half ? 1 : 0) | (green > half ? 2 : 0) | (blue > half ? 4 : 0);
  return most > 200 ? bits + 8 : bits;
}
