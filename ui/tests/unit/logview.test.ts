import { describe, expect, it } from "vitest";

import { logAction } from "../../src/features/logs/keys";
import { ansi } from "../../src/lib/ansi";
import { fieldRows } from "../../src/lib/fieldtree";
import { atBottom, bottom, centred, placed, revealing, scrolled } from "../../src/lib/listview";
import { timeText } from "../../src/lib/logtime";
import { marks, momentAt, overTime, placeOf, span } from "../../src/lib/outline";
import { columns, folded, pieces, rowText } from "../../src/lib/rowtext";
import { justAfter } from "../../src/lib/time";
import { line } from "./make";

describe("a long list", () => {
  // Every third row is three lines high.
  const rows = { first: 100, end: 200, height: (row: number) => (row % 3 === 0 ? 60 : 20) };
  const VIEW = 300;

  it("scrolls by pixels over rows of any height, and back to where it was", () => {
    let anchor = { row: 120, skip: 0 };
    for (const by of [7, 33, 250, 1, -41, -250]) anchor = scrolled(anchor, by, rows, VIEW);
    expect(anchor).toEqual({ row: 120, skip: 0 });
  });

  it("fills the view without gap or overlap wherever it stands", () => {
    for (let at = 0; at < 4000; at += 37) {
      const anchor = scrolled({ row: 100, skip: 0 }, at, rows, VIEW);
      const list = placed(anchor, rows, VIEW);
      expect(list[0]!.y).toBeLessThanOrEqual(0);
      expect(list.at(-1)!.y + list.at(-1)!.height).toBeGreaterThanOrEqual(VIEW);
      list.slice(1).forEach((row, i) => expect([row.row, row.y]).toEqual([list[i]!.row + 1, list[i]!.y + list[i]!.height]));
    }
  });

  it("ends at its ends", () => {
    expect(scrolled({ row: 150, skip: 3 }, -1e9, rows, VIEW)).toEqual({ row: 100, skip: 0 });
    const end = scrolled({ row: 150, skip: 3 }, 1e9, rows, VIEW);
    expect(end).toEqual(bottom(rows, VIEW));
    expect(placed(end, rows, VIEW).at(-1)).toEqual({ row: 199, y: 280, height: 20 });
    expect([atBottom(end, rows, VIEW), atBottom(scrolled(end, -1, rows, VIEW), rows, VIEW)]).toEqual([true, false]);
  });

  it("starts at the top when it is shorter than the view", () => {
    const few = { ...rows, end: 103 };
    expect([bottom(few, VIEW), scrolled({ row: 101, skip: 5 }, 99, few, VIEW)]).toEqual([{ row: 100, skip: 0 }, { row: 100, skip: 0 }]);
  });

  it("moves as little as it can to show a row", () => {
    const anchor = { row: 120, skip: 10 };
    expect(revealing(122, anchor, rows, VIEW)).toBe(anchor);
    expect(revealing(120, anchor, rows, VIEW)).toEqual({ row: 120, skip: 0 });
    const below = placed(revealing(150, anchor, rows, VIEW), rows, VIEW).at(-1)!;
    expect([below.row, below.y + below.height]).toEqual([150, VIEW]);
    expect(placed(centred(150, rows, VIEW), rows, VIEW).find((row) => row.row === 150)!.y).toBe(100);
  });
});

describe("the outline of a log", () => {
  // A quiet night of ten lines, then a second with ninety.
  const outline = { hits: 100, from_ms: [0, 1000_000], to_ms: [900_000, 1001_000], lines: [10, 90], warnings: [1, 0], errors: [0, 4], services: [] };

  it("tells places by lines and not by time, and moments back", () => {
    expect([placeOf(outline, 0), placeOf(outline, 950_000), placeOf(outline, 1000_000), placeOf(outline, 1001_000), placeOf(outline, -5)]).toEqual([0, 0.1, 0.1, 1, 0]);
    expect([momentAt(outline, 0), momentAt(outline, 0.55), momentAt(outline, 1), momentAt(outline, 7)]).toEqual([0, 1000_500, 1001_000, 1001_000]);
    for (let place = 0; place <= 1; place += 0.05) expect(placeOf(outline, momentAt(outline, place))).toBeCloseTo(place, 9);
  });

  it("marks hits beside the list, each once", () => {
    expect(marks(outline, "errors", outline, 10)).toEqual([0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    expect(marks(outline, "warnings", outline, 10).reduce((a, b) => a + b)).toBe(1);
  });

  it("spreads hits over time without losing one", () => {
    const bins = overTime(outline, "lines", 50);
    expect(bins.reduce((a, b) => a + b)).toBeCloseTo(100, 9);
    expect(bins.at(-1)).toBeCloseTo(90, 0);
    expect(span(outline)).toEqual([0, 1001_000]);
  });

  it("is nothing without lines", () => {
    const none = { hits: 0, from_ms: [], to_ms: [], lines: [], warnings: [], errors: [], services: [] };
    expect([placeOf(none, 5), momentAt(none, 0.5), marks(none, "lines", none, 2), overTime(none, "lines", 2)]).toEqual([0, 0, [0, 0], [0, 0]]);
  });
});

describe("the text of a row", () => {
  it("takes colours from escapes and leaves every other escape out", () => {
    const { text, styled } = ansi("\u001b[1;31mERROR\u001b[0m \u001b]8;;http://x\u0007link\u001b]8;;\u0007 \u001b[38;5;46mok\u001b[39m \u001b[48;2;200;0;0mbg\u001b[7mx\u001b[0m\u001b[2K!");
    expect(text).toBe("ERROR link ok bgx!");
    expect(styled.map((s) => [text.slice(s.from, s.to), s.classes])).toEqual([
      ["ERROR", "ansi-bold ansi-fg-1"], ["ok", "ansi-fg-10"], ["bg", "ansi-bg-1"], ["x", "ansi-fg-1 ansi-inverse"],
    ]);
  });

  it("keeps the line's own text when its escapes say something else", () => {
    expect(rowText(line(1, { text: "plain", raw: "\u001b[31mother\u001b[0m" }))).toEqual({ text: "plain", styled: [], over: 0 });
    expect(rowText(line(1, { text: "plain", raw: "\u001b[31mplain\u001b[0m\r" })).styled).toHaveLength(1);
  });

  it("shows the last of what a carriage return wrote over", () => {
    expect(folded("10 %\r50 %\r100 %\r")).toEqual({ last: "100 %", over: 2 });
    expect(rowText(line(1, { text: "10 %\r99 %" }))).toEqual({ text: "99 %", styled: [], over: 1 });
  });

  it("lays hits and pinned terms over the line's own colours, and loses no letter", () => {
    const row = { text: "GET /orders 500", styled: [{ from: 0, to: 3, classes: "ansi-fg-2" }], over: 0 };
    const all = pieces(row, { kind: "text", text: "orders" }, [{ text: "GET /o", colour: 3 }], Infinity);
    expect(all.map((p) => p.text).join("")).toBe(row.text);
    expect(all).toContainEqual({ text: "GET", classes: "ansi-fg-2 pin-3", hit: false });
    expect(all).toContainEqual({ text: "o", classes: "pin-3", hit: true });
    expect(pieces(row, { kind: "none" }, [], 3)).toEqual([{ text: "GET", classes: "ansi-fg-2", hit: false }]);
  });

  it("counts wide letters twice", () => expect([columns("abc"), columns("日本"), columns("é")]).toEqual([3, 4, 1]));
});

describe("the fields of a line", () => {
  it("are rows with the expression for each value", () => {
    expect(fieldRows({ msg: "a", http: { status: 500, "x-id": "7" }, tags: ["a"], none: {} })).toEqual([
      { depth: 0, name: "msg", value: "a", kind: "string", term: 'fields.msg == "a"' },
      { depth: 0, name: "http", value: "", kind: "group", term: undefined },
      { depth: 1, name: "status", value: "500", kind: "number", term: "fields.http.status == 500" },
      { depth: 1, name: "x-id", value: "7", kind: "string", term: 'fields.http["x-id"] == "7"' },
      { depth: 0, name: "tags", value: "", kind: "group", term: undefined },
      { depth: 1, name: "0", value: "a", kind: "string", term: 'fields.tags[0] == "a"' },
      { depth: 0, name: "none", value: "{}", kind: "group", term: undefined },
    ]);
  });
});

describe("the time of a line", () => {
  const ts = "2026-11-23T06:00:01.250300Z";
  it("comes in the form that was asked for", () => {
    expect(timeText(ts, "utc", undefined, undefined)).toBe("06:00:01.250Z");
    expect(timeText(ts, "relative", "2026-11-23T06:00:00Z", undefined)).toBe("+1.25 s");
    expect(timeText(ts, "relative", "2026-11-23T06:02:06.2503Z", undefined)).toBe("−2:05 min");
    expect(timeText(ts, "delta", undefined, "2026-11-23T06:00:01.250Z")).toBe("+0.30 ms");
    expect(timeText(ts, "delta", undefined, undefined)).toBe("");
  });

  it("has a next nanosecond", () => {
    expect(justAfter("2026-11-23T06:00:01.999999999Z")).toBe("2026-11-23T06:00:02.000000000Z");
    expect(justAfter("2026-11-23T06:00:01Z")).toBe("2026-11-23T06:00:01.000000001Z");
  });
});

describe("keys in the log view", () => {
  const key = (key: string, more: Partial<KeyboardEvent> = {}) => logAction({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });
  it("mean what the help says, and leave others' keys alone", () => {
    expect(key("j")).toEqual({ do: "move", by: 1, extend: false });
    expect(key("ArrowUp", { shiftKey: true })).toEqual({ do: "move", by: -1, extend: true });
    expect(key("N", { shiftKey: true })).toEqual({ do: "hit", forward: false });
    expect(key("c")).toEqual({ do: "context" });
    expect(key("c", { ctrlKey: true })).toEqual({ do: "copy" });
    expect([key("k", { ctrlKey: true }), key("1", { altKey: true }), key("i"), key("?")]).toEqual([undefined, undefined, undefined, undefined]);
  });
});
