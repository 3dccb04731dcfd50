// How hits lie along the log: what the scroll bar and the strip over time show. Pure.
import type { LogsOutline } from "../api/generated/LogsOutline";

export const NO_OUTLINE: LogsOutline = { hits: 0, from_ms: [], to_ms: [], lines: [], warnings: [], errors: [], services: [] };

/** The part that a moment falls into; -1 for one before the first. */
function partAt(outline: LogsOutline, ms: number): number {
  let [low, high] = [0, outline.from_ms.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((outline.from_ms[middle] ?? 0) <= ms) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** How far down the list a moment lies, from 0 to 1. */
export function placeOf(outline: LogsOutline, ms: number): number {
  const at = partAt(outline, ms);
  if (at < 0 || outline.hits === 0) return 0;
  let before = 0;
  for (let i = 0; i < at; i += 1) before += outline.lines[i] ?? 0;
  const [from, to] = [outline.from_ms[at] ?? 0, outline.to_ms[at] ?? 0];
  const share = to > from ? Math.min(1, (ms - from) / (to - from)) : 1;
  return Math.min(1, (before + share * (outline.lines[at] ?? 0)) / outline.hits);
}

/** The moment that lies so far down the list. */
export function momentAt(outline: LogsOutline, place: number): number {
  let left = Math.max(0, Math.min(1, place)) * outline.hits;
  let moment = outline.from_ms[0] ?? 0;
  for (let i = 0; i < outline.lines.length; i += 1) {
    const lines = outline.lines[i] ?? 0;
    if (lines === 0) continue;
    const [from, to] = [outline.from_ms[i] ?? 0, outline.to_ms[i] ?? 0];
    if (left <= lines) return from + (to - from) * (left / lines);
    left -= lines;
    moment = to;
  }
  return moment;
}

type Counted = "lines" | "warnings" | "errors";

/** Hits of `of` in `n` bins of equal height beside the list that `list` outlines. */
export function marks(of: LogsOutline, counted: Counted, list: LogsOutline, n: number): number[] {
  const bins = new Array<number>(n).fill(0);
  of[counted].forEach((hits, i) => {
    if (hits === 0) return;
    const at = Math.min(n - 1, Math.floor(placeOf(list, ((of.from_ms[i] ?? 0) + (of.to_ms[i] ?? 0)) / 2) * n));
    bins[at] = (bins[at] ?? 0) + hits;
  });
  return bins;
}

/** Hits in `n` bins of equal time; a part that spans several is spread over them. */
export function overTime(outline: LogsOutline, counted: Counted, n: number): number[] {
  const bins = new Array<number>(n).fill(0);
  const [since, until] = span(outline);
  const width = (until - since) / n || 1;
  const binOf = (ms: number) => Math.max(0, Math.min(n - 1, Math.floor((ms - since) / width)));
  outline[counted].forEach((hits, i) => {
    if (hits === 0) return;
    const [first, last] = [binOf(outline.from_ms[i] ?? 0), binOf(outline.to_ms[i] ?? 0)];
    for (let bin = first; bin <= last; bin += 1) bins[bin] = (bins[bin] ?? 0) + hits / (last - first + 1);
  });
  return bins;
}

/** From the first hit's part to the last hit, in milliseconds since 1970. */
export function span(outline: LogsOutline): [from: number, to: number] {
  const from = outline.from_ms[outline.lines.findIndex((n) => n > 0)] ?? 0;
  const to = outline.to_ms[outline.lines.findLastIndex((n) => n > 0)] ?? 0;
  return [from, to];
}
