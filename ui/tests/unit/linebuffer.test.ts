import { describe, expect, it } from "vitest";

import { append, firstPage, prepend } from "../../src/state/linebuffer";
import { line } from "./make";

const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => line(from + i));
const page = (from: number, to: number, before?: string) => ({ lines: lines(from, to), after: `c${to - 1}`, ...(before === undefined ? {} : { before }) });
const cursors = (buffer: { lines: readonly { cursor: string }[] }) => buffer.lines.map((l) => l.cursor);

describe("the lines in view", () => {
  it("go on where the page before ended", () => {
    const buffer = append(firstPage(page(0, 3)), page(3, 5));
    expect(cursors(buffer)).toEqual(["c0", "c1", "c2", "c3", "c4"]);
    expect([buffer.before, buffer.after, buffer.dropped]).toEqual([undefined, "c4", 0]);
  });

  it("let the oldest go, and read on before the oldest that is left", () => {
    const buffer = append(firstPage(page(0, 3)), page(3, 6), 4);
    expect(cursors(buffer)).toEqual(["c2", "c3", "c4", "c5"]);
    expect([buffer.before, buffer.after, buffer.dropped]).toEqual(["c2", "c5", 2]);
  });

  it("count what came in front, so that rows keep their place", () => {
    const buffer = prepend(firstPage(page(10, 12, "c10")), page(5, 10, "c5"));
    expect(cursors(buffer).slice(0, 2)).toEqual(["c5", "c6"]);
    expect([buffer.before, buffer.dropped]).toEqual(["c5", -5]);
  });

  it("let the newest go when older ones come, and read on after the newest that is left", () => {
    const buffer = prepend(firstPage(page(10, 14, "c10")), page(7, 10), 5);
    expect(cursors(buffer)).toEqual(["c7", "c8", "c9", "c10", "c11"]);
    expect([buffer.before, buffer.after]).toEqual([undefined, "c11"]);
  });

  it("neither lose nor double a line whatever the order of reading", () => {
    let buffer = firstPage(page(500, 520, "c500"));
    let [low, high] = [500, 520];
    for (let i = 0; i < 200; i += 1) {
      if ((i * 7919) % 3 === 0 && low > 0) {
        const from = Math.max(0, low - 30);
        const before = buffer.lines.length;
        buffer = prepend(buffer, page(from, low, from > 0 ? `c${from}` : undefined), 100);
        high -= Math.max(0, before + low - from - 100);
        low = from;
      } else {
        const before = buffer.lines.length;
        buffer = append(buffer, page(high, high + 13), 100);
        low += Math.max(0, before + 13 - 100);
        high += 13;
      }
      expect(cursors(buffer)).toEqual(lines(low, high).map((l) => l.cursor));
      expect(buffer.after).toBe(`c${high - 1}`);
    }
  });
});
