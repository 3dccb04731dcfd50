import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Backend } from "../../src/api/backend";
import { Refusal } from "../../src/api/error";
import type { CallsRead } from "../../src/api/generated/CallsRead";
import type { LogsRead } from "../../src/api/generated/LogsRead";
import { CallsState, REFRESH_MS } from "../../src/state/calls.svelte";
import { LogsState } from "../../src/state/logs.svelte";
import { call, line } from "./make";

const backend = (answer: (name: string, request: never) => unknown): Backend => ({
  host: null,
  open: () => { throw new Error("no streams here"); },
  call: async (name, request) => Promise.resolve(answer(name, request as never)) as never,
});

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("following lines", () => {
  /** Every question is answered at once by ten more lines. */
  function talkative() {
    let next = 0;
    const asked: LogsRead[] = [];
    const logs = new LogsState(backend((_, request: LogsRead) => {
      asked.push(request);
      const lines = Array.from({ length: 10 }, () => line(next++));
      return { lines, after: `c${next - 1}`, more: false, scanned: 10 };
    }), { services: [] });
    return { logs, asked };
  }

  it("asks for the newest page first and then after its end, at most ten times a second", async () => {
    const { logs, asked } = talkative();
    logs.read({ services: ["web"] });
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked[0]?.from).toEqual({ at: "newest" });
    expect(asked[1]?.from).toEqual({ at: "after", cursor: "c9" });
    expect(asked[1]?.wait_ms).toBe(1000);
    expect(asked.every((a) => a.query.services[0] === "web")).toBe(true);
    expect(asked.length).toBeGreaterThan(15);
    expect(asked.length).toBeLessThanOrEqual(21);
    logs.stop();
  });

  it("counts what nobody sees, stops far ahead, and begins at the end again", async () => {
    let next = 0;
    const logs = new LogsState(backend(() => {
      const lines = Array.from({ length: 1000 }, () => line(next++));
      return { lines, after: `c${next - 1}`, more: false, scanned: 1000 };
    }), { services: [] });
    logs.read({ services: [] });
    await vi.advanceTimersByTimeAsync(50);
    logs.follow(false);
    await vi.advanceTimersByTimeAsync(5000);
    expect(logs.detached).toBe(true);
    const stopped = next;
    await vi.advanceTimersByTimeAsync(5000);
    expect(next).toBe(stopped);
    logs.follow(true);
    await vi.advanceTimersByTimeAsync(50);
    expect([logs.detached, logs.following, logs.unseen]).toEqual([false, true, 0]);
    expect(logs.buffer.lines.at(-1)?.cursor).toBe(`c${next - 1}`);
    logs.stop();
  });

  it("forgets the answer to a query that is no longer asked", async () => {
    const answers: ((value: unknown) => void)[] = [];
    const logs = new LogsState({ ...backend(() => null), call: async () => new Promise((resolve) => answers.push(resolve as never)) }, { services: [] });
    logs.read({ services: ["old"] });
    logs.read({ services: ["new"] });
    answers[1]?.({ lines: [line(2)], after: "c2" });
    answers[0]?.({ lines: [line(1)], after: "c1" });
    await vi.advanceTimersByTimeAsync(10);
    expect(logs.buffer.lines.map((l) => l.cursor)).toEqual(["c2"]);
    logs.stop();
  });

  it("does not repeat a query that cannot be read, but does repeat one that failed", async () => {
    for (const [code, atLeast, atMost] of [["bad-request", 1, 1], ["session-gone", 3, 6]] as const) {
      let asked = 0;
      const logs = new LogsState(backend(() => { asked += 1; throw new Refusal({ code, message: "no" }); }), { services: [] });
      logs.read({ services: [], where: "level ==" });
      await vi.advanceTimersByTimeAsync(5000);
      expect(logs.error?.code).toBe(code);
      expect(asked).toBeGreaterThanOrEqual(atLeast);
      expect(asked).toBeLessThanOrEqual(atMost);
      logs.stop();
    }
  });
});

describe("following calls", () => {
  it("reads at most four times a second however often something changes", async () => {
    let asked = 0;
    const calls = new CallsState(backend(() => { asked += 1; return { calls: [call(asked)], after: "" }; }), { services: [], failed: false });
    calls.read({ services: [], failed: false });
    for (let i = 0; i < 200; i += 1) {
      calls.revised(i);
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(asked).toBeGreaterThan(5);
    expect(asked).toBeLessThanOrEqual(2000 / REFRESH_MS + 1);
  });

  it("reads nothing while nothing changes", async () => {
    let asked = 0;
    const calls = new CallsState(backend(() => { asked += 1; return { calls: [], after: "" }; }), { services: [], failed: false });
    calls.revised(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toBe(1);
  });

  it("lets held rows finish where they stand", async () => {
    const pages = [[call(1), call(2, { pending: true })], [call(1), call(2), call(3)]];
    const calls = new CallsState(backend(() => ({ calls: pages.length > 1 ? pages.shift() : pages[0], after: "" })), { services: [], failed: false });
    calls.revised(1);
    await vi.advanceTimersByTimeAsync(300);
    calls.hold(true);
    calls.revised(2);
    await vi.advanceTimersByTimeAsync(300);
    expect(calls.rows.map((c) => [c.id, c.pending])).toEqual([["k2", undefined], ["k1", undefined]]);
    expect(calls.stale).toBe(true);
    calls.hold(false);
    await vi.advanceTimersByTimeAsync(300);
    expect(calls.rows.map((c) => c.id)).toEqual(["k3", "k2", "k1"]);
  });

  it("keeps held rows and says that there are newer ones", async () => {
    let asked = 0;
    const calls = new CallsState(backend((_, request: CallsRead) => { asked += 1; return { calls: [call(asked)], after: String(request.limit) }; }), { services: [], failed: false });
    calls.revised(1);
    await vi.advanceTimersByTimeAsync(300);
    calls.hold(true);
    calls.revised(2);
    await vi.advanceTimersByTimeAsync(300);
    expect([calls.rows.map((c) => c.id), calls.stale]).toEqual([["k1"], true]);
    calls.hold(false);
    await vi.advanceTimersByTimeAsync(300);
    expect([calls.rows.map((c) => c.id), calls.stale]).toEqual([["k2"], false]);
  });

  it("answers another question even while its rows are held", async () => {
    let n = 0;
    const calls = new CallsState(backend(() => { n += 1; return { calls: [call(n)], after: "" }; }), { services: [], failed: false });
    calls.revised(1);
    await vi.advanceTimersByTimeAsync(REFRESH_MS);
    calls.hold(true);
    calls.read({ services: [], failed: true });
    // The emptied list scrolls to its top, and a call is still selected.
    calls.hold(true);
    await vi.advanceTimersByTimeAsync(REFRESH_MS);
    expect([calls.rows.map((c) => c.id), calls.stale]).toEqual([["k2"], false]);
    calls.revised(2);
    await vi.advanceTimersByTimeAsync(REFRESH_MS * 2);
    expect([calls.rows.map((c) => c.id), calls.stale]).toEqual([["k2"], true]);
  });
});
