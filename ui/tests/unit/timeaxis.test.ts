import { describe, expect, it } from "vitest";

import { axisAt, bars, joinEvents, panTo, spanSeconds, stackMarks, stepRange, tickText, ticks, toTime, toX } from "../../src/lib/timeaxis";
import { event } from "./make";

const axis = axisAt(1_000_000_500, 300);

describe("the time axis", () => {
  it("has whole bins that are over", () => {
    expect(axis).toEqual({ since: 999_700_000, until: 1_000_000_000, bins: 300 });
    expect(axisAt(1_000_000_900, 300)).toEqual(axis);
    expect(axisAt(1_000_000_500, 7200).bins).toBe(300);
  });

  it("places times and reads them back", () => {
    expect(toX(axis, 600, axis.since)).toBe(0);
    expect(toTime(axis, 600, toX(axis, 600, 999_850_000))).toBe(999_850_000);
    expect(toTime(axis, 600, 9999)).toBe(axis.until);
  });

  it("draws a bar for each bin that has something, at least a pixel tall", () => {
    expect(bars([0, 5, 10], 30, 20, 10)).toBe("M10 20v-10h9v10zM20 20v-20h9v20z");
    expect(bars([1], 10, 20, 1000)).toBe("M0 20v-1h9v1z");
    expect(bars([1, 2], 10, 20, 0)).toBe("");
  });

  it("stacks marks that would overlap and shows the worst of them", () => {
    const at = (ms: number) => new Date(axis.since + ms).toISOString();
    const marks = stackMarks(
      [event(1, { ts: at(1000) }), event(2, { ts: at(9000), kind: "exited", exit_code: 1 }), event(3, { ts: at(200_000), kind: "reload", ok: true }), event(4, { ts: at(-5000) })],
      axis, 600,
    );
    expect(marks.map((m) => [m.kind, m.events.map((e) => e.seq)])).toEqual([["failed", [1, 2]], ["reload", [3]]]);
    for (let i = 1; i < marks.length; i += 1) expect(marks[i]!.x - marks[i - 1]!.x).toBeGreaterThanOrEqual(26);
  });

  it("writes the time where there is room", () => {
    for (const width of [300, 900, 2000]) {
      const found = ticks(axis, width);
      for (let i = 1; i < found.length; i += 1) expect(toX(axis, width, found[i]!) - toX(axis, width, found[i - 1]!)).toBeGreaterThanOrEqual(90);
      expect(found.every((at) => at >= axis.since && at <= axis.until)).toBe(true);
    }
  });
});

describe("its span and place", () => {
  const day = 86_400_000;

  it("covers all of the session, and the day that calls are counted for", () => {
    expect(spanSeconds(1800, 0, 9e9)).toBe(1800);
    expect(spanSeconds("session", 1_000_000, 1_000_000 + 3 * day)).toBe(3 * 86_400);
    expect(spanSeconds("session", 1_000_000, 1_001_000), "one that has just begun").toBe(60);
  });

  it("moves into the past as far as there was anything, and never into the future", () => {
    const now = 10 * day;
    expect(panTo(now + 1, 300_000, now - 1000, now)).toBeUndefined();
    expect(panTo(now - 60_000, 300_000, now - 1000, now)).toBe(now - 60_000);
    expect(panTo(0, 300_000, now - 1000, now), "calls of earlier sessions").toBe(now - day + 300_000);
    expect(panTo(0, 300_000, now - 3 * day, now), "events of a long one").toBe(now - 3 * day + 300_000);
    expect(panTo(now - 1000, day, now - 1000, now), "all of it is shown already").toBeUndefined();
  });

  it("keeps a range that keys move on the axis", () => {
    const [unit, last] = [15_000, { from: axis.until - 30_000, to: axis.until }];
    expect(stepRange(axis, last, 1, false), "not into the future").toEqual(last);
    expect(stepRange(axis, last, -1, false)).toEqual({ from: last.from - unit, to: last.to - unit });
    const first = { from: axis.since + 1000, to: axis.since + 31_000 };
    expect(stepRange(axis, first, -1, false), "not off the left edge").toEqual({ from: axis.since, to: axis.since + 30_000 });
    expect(stepRange(axis, last, 1, true)).toEqual(last);
    expect(stepRange(axis, last, -1, true)).toEqual({ from: last.from, to: last.to - unit });
    expect(stepRange(axis, { from: 5000, to: 5000 + unit }, -1, true), "never to nothing").toEqual({ from: 5000, to: 5000 + unit });
  });

  it("writes days where days are seen, and keeps room between the texts", () => {
    for (const seconds of [300, 86_400, 5 * 86_400, 90 * 86_400]) {
      const wide = axisAt(1_700_000_000_000, seconds);
      const found = ticks(wide, 1300);
      expect(found.length).toBeGreaterThan(2);
      expect(found.length).toBeLessThan(15);
    }
    expect(tickText(axis, axis.since)).toMatch(/^\d\d:\d\d:\d\d$/);
    expect(tickText(axisAt(1_700_000_000_000, 86_400), 0)).toMatch(/^\d\d:\d\d$/);
    expect(tickText(axisAt(1_700_000_000_000, 3 * 86_400), 0)).toMatch(/^\d+ \w+ \d\d:\d\d$/);
  });

  it("joins the events that were read with those that are told", () => {
    const seqs = (events: readonly { seq: number }[]) => events.map((e) => e.seq);
    const all = [1, 2, 3, 4, 5].map((seq) => event(seq));
    expect(seqs(joinEvents([], all))).toEqual([1, 2, 3, 4, 5]);
    expect(seqs(joinEvents(all.slice(0, 4), all.slice(2)))).toEqual([1, 2, 3, 4, 5]);
    expect(seqs(joinEvents(all, [])), "between two snapshots").toEqual([1, 2, 3, 4, 5]);
    expect(seqs(joinEvents(all, [event(1), event(2)])), "of another session").toEqual([1, 2]);
    expect(seqs(joinEvents(all, [5, 6].map((seq) => event(seq, { ts: "2027-01-01T00:00:00Z" }))))).toEqual([5, 6]);
  });
});
