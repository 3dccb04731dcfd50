// Rates of edges, out of the totals that the session counts. Pure.
import type { Edge } from "../api/generated/Edge";

interface Total {
  calls: number;
  errors: number;
}

/** Totals at a moment, by edge. */
export interface Sample {
  /** In milliseconds. */
  at: number;
  totals: ReadonlyMap<string, Total>;
}

/** A rate is taken over so many milliseconds. */
const RATE_SPAN_MS = 5000;

export const edgeKey = (edge: { from: string; to: string }): string => `${edge.from}\u0000${edge.to}`;

export function sample(edges: readonly Edge[], at: number): Sample {
  const totals = new Map<string, Total>();
  for (const edge of edges) {
    const sum = totals.get(edgeKey(edge)) ?? { calls: 0, errors: 0 };
    totals.set(edgeKey(edge), { calls: sum.calls + edge.calls, errors: sum.errors + edge.errors });
  }
  return { at, totals };
}

/** `samples` with one more, without those that are no longer needed. */
export function remember(samples: readonly Sample[], next: Sample): Sample[] {
  const reaching = samples.findLastIndex((s) => s.at <= next.at - RATE_SPAN_MS);
  return [...samples.slice(Math.max(0, reaching)), next];
}

/** Calls and errors a second of one edge between the first and the last sample. */
export function rateOf(samples: readonly Sample[], key: string): { calls: number; errors: number } {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.at <= first.at) return { calls: 0, errors: 0 };
  const seconds = (last.at - first.at) / 1000;
  const [before, now] = [first.totals.get(key), last.totals.get(key)];
  return {
    calls: Math.max(0, (now?.calls ?? 0) - (before?.calls ?? 0)) / seconds,
    errors: Math.max(0, (now?.errors ?? 0) - (before?.errors ?? 0)) / seconds,
  };
}
