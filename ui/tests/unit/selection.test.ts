import { describe, expect, it } from "vitest";

import { EVERYTHING, narrow, servicesOf, subject, toggleService, widen, without, type Selection } from "../../src/state/selection";

const range = { kind: "range", range: { from: 1, to: 2 } } as const;
const edge = { kind: "edge", from: "outside", to: "web" } as const;
const call = { kind: "call", id: "k1", label: "GET /" } as const;
const line = { kind: "line", cursor: "c1", label: "hello" } as const;

describe("the selection", () => {
  it("widens by one step, the newest first", () => {
    let now: Selection = [range, edge, call].reduce<Selection>(narrow, EVERYTHING);
    expect(now.map((s) => s.kind)).toEqual(["range", "edge", "call"]);
    now = widen(now);
    expect(now.map((s) => s.kind)).toEqual(["range", "edge"]);
    expect(widen(widen(widen(now)))).toEqual([]);
  });

  it("has one step of a kind, and the newest comes last", () => {
    const now = narrow(narrow(narrow(EVERYTHING, range), edge), { kind: "range", range: { from: 5, to: 6 } });
    expect(now).toEqual([edge, { kind: "range", range: { from: 5, to: 6 } }]);
  });

  it("looks closely at one thing at a time", () => {
    expect(narrow(narrow(EVERYTHING, call), line)).toEqual([line]);
  });

  it("loses any step by its chip", () => {
    expect(without([range, edge, call], "edge")).toEqual([range, call]);
  });

  it.each([
    [[], "web", false, ["web"]],
    [["web"], "web", false, []],
    [["web"], "db", false, ["db"]],
    [["web"], "db", true, ["web", "db"]],
    [["web", "db"], "db", true, ["web"]],
    [["web", "db"], "db", false, ["db"]],
  ] as const)("of %j a click on %s (adding: %s) leaves %j", (before, clicked, add, after) => {
    const start = narrow(EVERYTHING, { kind: "services", services: before });
    expect(servicesOf(toggleService(start, clicked, add))).toEqual(after);
  });

  it("narrows by the services of an edge, but not by the world outside", () => {
    expect(servicesOf([edge])).toEqual(["web"]);
    expect(servicesOf([edge, { kind: "services", services: ["db"] }])).toEqual(["db"]);
  });

  it("shows the closest look that was taken", () => {
    const services = { kind: "services", services: ["web"] } as const;
    expect(subject([services, call, edge])).toBe(call);
    expect(subject([services, edge])).toBe(edge);
    expect(subject([edge, services])).toBe(services);
    expect(subject([{ kind: "services", services: ["web", "db"] }])).toBeUndefined();
    expect(subject([range])).toBeUndefined();
  });
});
