// A chain of calls as a tree whose rows share one scale of time. Pure.
import type { CallRow } from "../api/generated/CallRow";
import type { ChainCall } from "../api/generated/ChainCall";
import { millis } from "./time";

/** How it is known why a call was made. */
export type Link = "trace" | "inferred" | "ambiguous";

export interface WaterfallRow {
  call: CallRow;
  depth: number;
  /** Undefined for the first of a chain. */
  link: Link | undefined;
  /** Where its bar begins, and how much of the scale it covers; shares of one. */
  start: number;
  share: number;
  /** It goes on beyond what is drawn: it waits, or its answer is awaited. */
  open: boolean;
}

interface Waterfall {
  rows: WaterfallRow[];
  /** What the whole scale stands for, in milliseconds. */
  span: number;
}

/** No bar is so short that it cannot be seen. */
const LEAST = 0.004;

export function waterfall(chain: readonly ChainCall[]): Waterfall {
  const rows = inTree(chain);
  const timed = rows.map(({ call }) => ({ begin: millis(call.ts), end: millis(call.ts) + (call.ms ?? 0) }));
  // What merely waits may have begun long before and end long after: it must not squeeze the rest into nothing.
  const works = timed.filter((_, i) => rows[i]?.open === false);
  const measured = works.length > 0 ? works : timed;
  const first = Math.min(...measured.map((t) => t.begin));
  const last = Math.max(...measured.map((t) => t.end));
  const span = Math.max(last - first, 0.001);
  const at = (time: number) => Math.max(0, Math.min(1, (time - first) / span));
  return {
    span: measured.length === 0 ? 0 : span,
    rows: rows.map((row, i) => {
      const { begin, end } = timed[i] ?? { begin: first, end: first };
      const start = Math.min(at(begin), 1 - LEAST);
      const stop = row.open && row.call.ms === undefined ? 1 : at(end);
      return { ...row, start, share: Math.max(stop - start, LEAST) };
    }),
  };
}

/** Each call below the one that it was made for, those of one parent in the order of their beginning. */
function inTree(chain: readonly ChainCall[]): Omit<WaterfallRow, "start" | "share">[] {
  const known = new Set(chain.map(({ call }) => call.id));
  const below = new Map<string | undefined, ChainCall[]>();
  for (const one of chain) {
    const parent = one.parent !== undefined && known.has(one.parent) && one.parent !== one.call.id ? one.parent : undefined;
    below.set(parent, [...(below.get(parent) ?? []), one]);
  }
  for (const list of below.values()) list.sort((a, b) => millis(a.call.ts) - millis(b.call.ts));
  const rows: Omit<WaterfallRow, "start" | "share">[] = [];
  const place = (one: ChainCall, depth: number) => {
    const link = depth > 0 && isLink(one.link) ? one.link : undefined;
    rows.push({ call: one.call, depth, link, open: one.call.waits === true || one.call.pending === true });
    for (const child of below.get(one.call.id) ?? []) place(child, depth + 1);
  };
  for (const root of below.get(undefined) ?? []) place(root, 0);
  return rows;
}

const isLink = (link: string | undefined): link is Link => link === "trace" || link === "inferred" || link === "ambiguous";

/** How a link is known, as a sentence; undefined where nothing needs to be said. */
export function linkText(link: Link | undefined): string | undefined {
  if (link === "trace") return "Known by its trace headers";
  if (link === "inferred") return "Inferred from time: its caller was serving that one call and no other";
  if (link === "ambiguous") return "Inferred from time: its caller was serving several calls, this is the most likely one";
  return undefined;
}

/** A chain that grew: what both know as the second tells it, in the order of time. */
export function joinChains(known: readonly ChainCall[], more: readonly ChainCall[]): ChainCall[] {
  const fresh = new Set(more.map(({ call }) => call.id));
  const all = [...known.filter(({ call }) => !fresh.has(call.id)), ...more];
  return all.sort((a, b) => millis(a.call.ts) - millis(b.call.ts));
}
