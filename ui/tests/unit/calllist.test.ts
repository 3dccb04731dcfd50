import { describe, expect, it } from "vitest";

import { waterfall } from "../../src/lib/waterfall";
import { activeItem, callOf, mergeNewest, NO_CALLS, prependCalls, shown, withChain } from "../../src/state/calllist";
import { call } from "./make";

const calls = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => call(from + i));
const ids = (list: { calls: readonly { id: string }[] }) => list.calls.map((c) => c.id);

describe("the calls in view", () => {
  it("take what is new and what changed, and keep what is older", () => {
    const first = mergeNewest(NO_CALLS, { calls: calls(0, 4), before: "k0", after: "k3" });
    const older = prependCalls(first, { calls: calls(-2, 0), after: "k-1" });
    const next = mergeNewest(older, { calls: [call(2, { status: "200" }), ...calls(3, 6)], before: "k2", after: "k5" });
    expect(ids(next)).toEqual(["k-2", "k-1", "k0", "k1", "k2", "k3", "k4", "k5"]);
    expect(next.calls[4]?.status).toBe("200");
    expect(next.before).toBeUndefined();
  });

  it("begin anew when more passed than a page holds", () => {
    const list = mergeNewest({ calls: calls(0, 4), before: "k0", hidden: 0 }, { calls: calls(100, 103), before: "k100", after: "k102" });
    expect([ids(list), list.before]).toEqual([["k100", "k101", "k102"], "k100"]);
  });

  it("are all there are when nothing lies before the page", () => {
    expect(ids(mergeNewest({ calls: calls(0, 4), before: "k0", hidden: 0 }, { calls: calls(2, 3), after: "k2" }))).toEqual(["k2"]);
  });

  it("never grow beyond what is kept", () => {
    const list = mergeNewest({ calls: calls(0, 8), before: undefined, hidden: 0 }, { calls: calls(7, 12), before: "k7", after: "k11" }, 10);
    expect(list.calls.length).toBeLessThanOrEqual(10);
    expect(list.before).toBe("k7");
  });

  it("show pending ones on top and the newest first", () => {
    const list = { calls: [call(1, { pending: true }), call(2), call(3, { pending: true }), call(4)], before: undefined, hidden: 0 };
    expect(shown(list).map((c) => c.id)).toEqual(["k3", "k1", "k4", "k2"]);
  });

  it("keeps what merely waits in its place, and puts what is awaited on top", () => {
    const calls = [call(1, { pending: true, waits: true }), call(2, { pending: true, protocol: "tls" }), call(3, { pending: true }), call(4)];
    expect(shown({ calls, before: undefined, hidden: 0 }).map((c) => c.id)).toEqual(["k3", "k4", "k2", "k1"]);
  });

  it("opens a chain right below its call", () => {
    const rows = waterfall([{ call: call(1) }, { call: call(9), parent: "k1", link: "inferred" }]).rows;
    expect(withChain([call(2), call(1), call(0)], "k1", rows).map((item) => item.key)).toEqual(["k2", "k1", "in k1", "in k9", "k0"]);
    expect(withChain([call(2), call(1)], "k7", rows).map((item) => item.key)).toEqual(["k2", "k1"]);
  });

  it("knows in which row of it the keys are", () => {
    const rows = waterfall([{ call: call(1) }, { call: call(9), parent: "k1", link: "inferred" }]).rows;
    const items = withChain([call(2), call(1), call(0)], "k1", rows);
    expect(items.map((item) => callOf(item).id)).toEqual(["k2", "k1", "k1", "k9", "k0"]);
    expect(activeItem(items, undefined, "k2")).toBe(-1);
    expect(activeItem(items, "k1", "k1")).toBe(1);
    expect(activeItem(items, "k1", "in k1"), "the same call, in its chain").toBe(2);
    expect(activeItem(items, "k9", "in k1"), "selected elsewhere").toBe(3);
    expect(activeItem(items, "k5", "k1")).toBe(-1);
  });
});
