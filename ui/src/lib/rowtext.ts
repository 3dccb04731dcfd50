// What a row of the log view says, cut into pieces that differ in looks. Pure.
import type { LogLine } from "../api/generated/LogLine";
import { ansi, type Styled } from "./ansi";
import { lineParts } from "./lineparts";
import { hitPattern, type Search } from "./search";

export interface Piece {
  text: string;
  classes: string;
  hit: boolean;
}

/** A term that is marked wherever it stands, in one of eight colours. */
export interface Pin {
  text: string;
  colour: number;
}

export const PIN_COLOURS = 8;
/** Marks in one row: beyond that nobody counts them. */
const MOST_MARKS = 200;

export interface RowText {
  text: string;
  styled: readonly Styled[];
  /** What a carriage return wrote over, as progress bars do. */
  over: number;
}

/** The text that a row shows of a line, with the looks that the line gives itself. */
export function rowText(line: LogLine): RowText {
  const { text, rest } = lineParts(line);
  if (rest !== "") return { text: `${text}  ${rest}`, styled: [{ from: text.length, to: text.length + 2 + rest.length, classes: "rest" }], over: 0 };
  const { last, over } = folded(line.text);
  if (text !== line.text || over > 0 || line.raw === undefined) return { text: over > 0 ? last : text, styled: [], over };
  const coloured = ansi(line.raw.replace(/\r$/, ""));
  return { text, styled: coloured.text === text ? coloured.styled : [], over: 0 };
}

/** The last of what was written over itself, and how many times it was. */
export function folded(text: string): { last: string; over: number } {
  if (!text.includes("\r")) return { last: text, over: 0 };
  const parts = text.split("\r").filter((part) => part.trim() !== "");
  return { last: parts.at(-1) ?? "", over: Math.max(0, parts.length - 1) };
}

/** The pieces of the first `longest` letters. */
export function pieces(row: RowText, search: Search, pins: readonly Pin[], longest: number): Piece[] {
  const text = row.text.length > longest ? row.text.slice(0, longest) : row.text;
  const ranges: (Styled & { hit?: boolean })[] = [...row.styled];
  for (const pin of pins) ranges.push(...found(text, literal(pin.text), `pin-${pin.colour}`));
  ranges.push(...found(text, hitPattern(search), "").map((range) => ({ ...range, hit: true })));
  if (ranges.length === 0) return [{ text, classes: "", hit: false }];
  const cuts = [...new Set([0, text.length, ...ranges.flatMap((r) => [r.from, r.to])])].filter((at) => at <= text.length).sort((a, b) => a - b);
  return cuts.slice(0, -1).map((from, i) => {
    const over = ranges.filter((range) => range.from <= from && range.to > from);
    return { text: text.slice(from, cuts[i + 1]), classes: over.map((r) => r.classes).filter(Boolean).join(" "), hit: over.some((r) => r.hit === true) };
  });
}

function found(text: string, pattern: RegExp | null, classes: string): Styled[] {
  const ranges: Styled[] = [];
  if (pattern === null) return ranges;
  for (const match of text.matchAll(pattern)) {
    if (match[0] !== "") ranges.push({ from: match.index, to: match.index + match[0].length, classes });
    if (ranges.length >= MOST_MARKS) break;
  }
  return ranges;
}

const literal = (text: string): RegExp | null => hitPattern(text === "" ? { kind: "none" } : { kind: "text", text });

/** How many columns a text takes: wide letters take two. */
export function columns(text: string): number {
  // eslint-disable-next-line no-control-regex -- the common case is all of ASCII
  if (/^[\u0000-\u007f]*$/.test(text)) return text.length;
  let sum = 0;
  for (const letter of text) sum += WIDE.test(letter) ? 2 : 1;
  return sum;
}

const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;
