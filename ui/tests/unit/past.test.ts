import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Backend } from "../../src/api/backend";
import type { Edge } from "../../src/api/generated/Edge";
import { edgesThen, PastState, samplesOf } from "../../src/state/past.svelte";
import { edgeKey, rateOf } from "../../src/state/rates";

const edge = (from: string, to: string, calls: number, more: Partial<Edge> = {}): Edge => ({
  from, to, protocol: "http/1", calls, errors: 0, bytes: 10, last: "2026-11-24T10:00:00Z", ...more,
});

describe("edges of a range", () => {
  it("have the numbers of then, and keep the places of those that were not used then", () => {
    const now = [edge("a", "b", 90, { p50_ms: 4, forbidden: true }), edge("a", "c", 5)];
    expect(edgesThen(now, [edge("a", "c", 2), edge("a", "d", 1)])).toEqual([
      edge("a", "c", 2),
      edge("a", "d", 1),
      edge("a", "b", 0, { bytes: 0 }),
    ]);
  });

  it("give rates over the span that was counted", () => {
    const samples = samplesOf([edge("a", "b", 30, { errors: 3 })], { from: 1000, to: 11_000 });
    expect(rateOf(samples, edgeKey({ from: "a", to: "b" }))).toEqual({ calls: 3, errors: 0.3 });
  });
});

describe("the past", () => {
  beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
  afterEach(() => void vi.useRealTimers());

  function played() {
    const asked: unknown[] = [];
    const call = async (_name: string, request: unknown) => {
      asked.push(request);
      return { edges: [edge("a", "b", asked.length)], counted: { since: new Date(0).toISOString(), until: new Date(5000).toISOString() } };
    };
    return { asked, past: new PastState({ call } as unknown as Backend) };
  }

  it("is asked for once a range stands still, and again only while calls of it may end", async () => {
    const { asked, past } = played();
    past.want({ from: 0, to: 4000 });
    past.want({ from: 0, to: 5000 });
    await vi.advanceTimersByTimeAsync(100);
    expect(asked).toEqual([{ since: "1970-01-01T00:00:00.000Z", until: "1970-01-01T00:00:05.000Z" }]);
    expect(past.span).toEqual({ from: 0, to: 5000 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toHaveLength(1);
    past.want({ from: 0, to: 1_000_000 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked.length).toBeGreaterThan(3);
  });

  it("gives way to the present at once, whatever is still on its way", async () => {
    const { past } = played();
    past.want({ from: 0, to: 1_000_000 });
    vi.advanceTimersByTime(70);
    past.want(undefined);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([past.edges, past.span]).toEqual([null, null]);
  });
});
