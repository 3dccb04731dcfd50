import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Backend } from "../../src/api/backend";
import type { LogLine } from "../../src/api/generated/LogLine";
import type { LogsRead } from "../../src/api/generated/LogsRead";
import { LogPanel } from "../../src/state/logpanel.svelte";
import { linesAs } from "../../src/state/logrange";
import { LogsState } from "../../src/state/logs.svelte";
import { SelectionState } from "../../src/state/selection.svelte";
import { line } from "./make";

/** A log of `n` lines a second apart, read as the session's is. */
function log(n: number) {
  const all: LogLine[] = Array.from({ length: n }, (_, i) => line(i, { cursor: String(i).padStart(6, "0"), ts: new Date(i * 1000).toISOString() }));
  const asked: LogsRead[] = [];
  const read = (request: LogsRead) => {
    asked.push(request);
    const { query, from } = request;
    const wanted = all.filter((l) => (query.since === undefined || l.ts >= query.since) && (query.text === undefined || l.text.endsWith(query.text)));
    const part = from.at === "newest" ? wanted.slice(-request.limit)
      : from.at === "oldest" ? wanted.slice(0, request.limit)
      : from.at === "before" ? wanted.filter((l) => l.cursor < from.cursor).slice(-request.limit)
      : wanted.filter((l) => l.cursor > from.cursor).slice(0, request.limit);
    const rest = from.at === "newest" || from.at === "before" ? wanted[0] !== part[0] : wanted.at(-1) !== part.at(-1);
    const before = part[0] !== undefined && part[0] !== wanted[0] ? { before: part[0].cursor } : {};
    return { lines: part, after: part.at(-1)?.cursor ?? (from.at === "after" ? from.cursor : ""), more: rest && part.length > 0, scanned: part.length, ...before };
  };
  const backend: Backend = {
    host: null,
    open: () => { throw new Error("no streams here"); },
    call: async (_, request) => Promise.resolve(read(request as LogsRead)) as never,
  };
  return { all, asked, backend };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("jumping", () => {
  it("shows the lines of a moment, and both ends go on from there", async () => {
    const { backend } = log(10_000);
    const logs = new LogsState(backend, { services: [] });
    logs.read({ services: [] });
    await vi.advanceTimersByTimeAsync(10);
    await logs.jump({ moment: 5_000_000 });
    expect([logs.buffer.lines[0]?.text, logs.following, logs.detached]).toEqual(["line 5000", false, true]);
    expect(logs.landed).toEqual({ row: logs.buffer.dropped, centred: false });
    await logs.readOlder();
    await logs.readNewer();
    const texts = logs.buffer.lines.map((l) => l.text);
    expect([texts[0], texts.at(-1), new Set(texts).size]).toEqual(["line 4600", "line 5799", 1200]);
    logs.stop();
  });

  it("has one request under way, and of all that come meanwhile only the last counts", async () => {
    const { backend, asked } = log(10_000);
    const logs = new LogsState(backend, { services: [] });
    await Promise.all([1, 2, 3, 4, 5, 6].map((n) => logs.jump({ moment: n * 1_000_000 })));
    expect(asked.map((a) => a.query.since)).toEqual([1_000_000, 6_000_000].map((ms) => new Date(ms).toISOString()));
    expect(logs.buffer.lines[0]?.text).toBe("line 6000");
    logs.stop();
  });

  it("behind the last line means following", async () => {
    const { backend } = log(100);
    const logs = new LogsState(backend, { services: [] });
    await logs.jump({ moment: 1e9 });
    await vi.advanceTimersByTimeAsync(10);
    expect([logs.following, logs.detached, logs.buffer.lines.at(-1)?.text]).toEqual([true, false, "line 99"]);
    logs.stop();
  });

  it("to a line puts its neighbours around it, whatever the query before left out", async () => {
    const { backend, all } = log(1000);
    const logs = new LogsState(backend, { services: [], text: "77" });
    logs.read({ services: [], text: "77" });
    await vi.advanceTimersByTimeAsync(10);
    expect(logs.buffer.lines).toHaveLength(10);
    await logs.jump({ line: all[577]! }, { services: [] });
    expect(logs.buffer.lines[logs.landed!.row - logs.buffer.dropped]?.text).toBe("line 577");
    expect([logs.buffer.lines[0]?.text, logs.buffer.lines.at(-1)?.text]).toEqual(["line 377", "line 777"]);
    logs.stop();
  });

  it("is not undone by a search that was typed just before: the line is shown among the lines of that search", async () => {
    const { backend, all } = log(1000);
    const logs = new LogsState(backend, { services: [] });
    logs.read({ services: [] });
    await vi.advanceTimersByTimeAsync(10);
    logs.ask({ services: [], text: "7" });
    expect(logs.changing).toBe(true);
    await logs.jump({ line: all[577]! });
    expect(logs.changing).toBe(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect([logs.following, logs.buffer.lines.length, logs.buffer.lines.every((l) => l.text.endsWith("7"))]).toEqual([false, 100, true]);
    logs.stop();
  });

  it("from error to error passes over the rest of a stack trace", async () => {
    const { backend, all } = log(12);
    const logs = new LogsState(backend, { services: [] });
    for (const n of [3, 4, 7, 8, 9]) all[n]!.cont = true;
    const to = async (from: number, forward: boolean) => (await logs.next({ services: [] }, all[from]!, forward, true))?.text;
    expect([await to(2, true), await to(6, true), await to(6, false), await to(4, false)]).toEqual(["line 5", "line 10", "line 5", "line 2"]);
    expect((await logs.next({ services: [] }, all[2]!, true))?.text).toBe("line 3");
  });

  it("gives no row a number that another line had", async () => {
    const { backend } = log(1000);
    const logs = new LogsState(backend, { services: [] });
    await logs.jump({ moment: 0 });
    const end = logs.buffer.dropped + logs.buffer.lines.length;
    await logs.jump({ moment: 500_000 });
    expect(logs.buffer.dropped).toBeGreaterThanOrEqual(end);
    logs.stop();
  });
});

describe("a flood", () => {
  it("is followed by its last screen, and read whole once it slows down", async () => {
    let [next, rate] = [0, 5000];
    const asked: string[] = [];
    const backend: Backend = {
      host: null,
      open: () => { throw new Error("no streams here"); },
      call: async (_, request) => {
        const { from, limit } = request as LogsRead;
        asked.push(from.at);
        next += rate;
        const known = from.at === "after" ? Number(from.cursor) + 1 : next - limit;
        const first = Math.max(0, known);
        const end = from.at === "after" ? Math.min(next, first + limit) : next;
        const lines = Array.from({ length: end - first }, (_, i) => line(first + i, { cursor: String(first + i) }));
        return Promise.resolve({ lines, before: String(first), after: String(end - 1), more: from.at === "newest" || end < next, scanned: lines.length }) as never;
      },
    };
    const logs = new LogsState(backend, { services: [] });
    logs.read({ services: [] });
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked.filter((at) => at === "after").length).toBeLessThan(3);
    expect(logs.buffer.lines.at(-1)?.cursor).toBe(String(next - 1));
    rate = 10;
    await vi.advanceTimersByTimeAsync(1000);
    const cursors = logs.buffer.lines.map((l) => Number(l.cursor));
    cursors.slice(1).forEach((cursor, i) => expect(cursor).toBe(cursors[i]! + 1));
    expect(asked.slice(-3)).toEqual(["after", "after", "after"]);
    logs.stop();
  });
});

describe("what narrows the log view", () => {
  function panel(n = 100) {
    const { backend, asked, all } = log(n);
    return { panel: new LogPanel(backend, new SelectionState(), { names: () => ["db", "orders", "web"], revision: () => 0 }), asked, all };
  }

  it("mutes services, also the last", () => {
    const { panel: p } = panel();
    p.toggleMuted("db");
    expect(p.query.services).toEqual(["orders", "web"]);
    p.toggleMuted("orders");
    p.toggleMuted("web");
    expect(p.query.services).toEqual([""]);
    p.muted = [];
    expect(p.query.services).toEqual([]);
  });

  it("marks hits instead of leaving only them", () => {
    const { panel: p } = panel();
    p.typed = "order";
    expect([p.query.text, p.finding]).toEqual(["order", false]);
    p.mode = "find";
    expect([p.query.text, p.found.text, p.finding]).toEqual([undefined, "order", true]);
  });

  it("leaves a hit the record that it is part of, and goes from hit to hit", () => {
    const { panel: p } = panel();
    expect(p.query.records).toBeUndefined();
    p.typed = "order";
    expect([p.query.records, p.found.records]).toEqual([true, undefined]);
    p.mode = "find";
    expect(p.query.records).toBeUndefined();
  });

  it("clears the view and not the log", async () => {
    const { panel: p, all } = panel();
    p.lines.read(p.query);
    await vi.advanceTimersByTimeAsync(10);
    p.toggleCleared();
    expect(p.query.since).toBe("1970-01-01T00:01:39.000000001Z");
    expect(p.cleared).toBe(all.at(-1)?.ts);
    p.toggleCleared();
    expect(p.query.since).toBeUndefined();
    p.lines.stop();
  });

  it("shows a line's neighbours whatever the filter says, and goes back", () => {
    const { panel: p, all } = panel();
    p.typed = "/x/";
    p.level = "error";
    p.toggleContext(all[3]);
    expect(p.query).toEqual({ services: [] });
    p.toggleContext(all[3]);
    expect([p.context, p.query.grep, p.query.level]).toEqual([undefined, "x", "error"]);
  });

  it("highlights eight terms, each in a colour of its own; the ninth takes the oldest one's", () => {
    const { panel: p } = panel();
    for (const term of ["a", "b", "c", "d", "e", "f", "g", "h"]) p.pin(term);
    expect(p.pins.map((pin) => pin.colour)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    p.pin("c");
    p.pin("z");
    expect(p.pins.find((pin) => pin.text === "z")?.colour).toBe(2);
    p.pin("y");
    expect(p.pins.map((pin) => pin.text)).toEqual(["b", "d", "e", "f", "g", "h", "z", "y"]);
  });

  it("narrows by a field as an expression, whatever was searched before", () => {
    const { panel: p } = panel();
    p.addTerm("fields.ms == 4");
    expect(p.typed).toBe("fields.ms == 4");
    p.typed = "slow";
    p.addTerm("fields.ms == 4");
    expect(p.typed).toBe('text.matches("(?i)slow") && fields.ms == 4');
  });

  it("keeps bookmarks in the log's order", () => {
    const { panel: p, all } = panel();
    for (const n of [50, 7, 20, 7]) p.toggleBookmark(all[n]!);
    expect(p.bookmarks.map((l) => l.text)).toEqual(["line 20", "line 50"]);
  });
});

describe("lines that leave", () => {
  it("are the range and nothing but it, in either form", async () => {
    const { backend, all } = log(12_000);
    const { parts, lines, cut } = await linesAs(backend, { services: [] }, { from: all[10]!, to: all[9000]! }, "text");
    const text = parts.join("").split("\n");
    expect([lines, cut, text.length, text[0], text.at(-2)]).toEqual([8991, false, 8992, `${all[10]!.ts} web line 10`, `${all[9000]!.ts} web line 9000`]);
    const json = await linesAs(backend, { services: [], text: "00" }, undefined, "ndjson");
    expect(json.parts.join("").trim().split("\n").map((l) => (JSON.parse(l) as LogLine).text)).toEqual(all.filter((l) => l.text.endsWith("00")).map((l) => l.text));
  });
});
