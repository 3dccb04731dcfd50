import { describe, expect, it } from "vitest";

import { axisAt, bars, stackMarks, ticks, toTime, toX } from "../../src/lib/timeaxis";
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
