import { describe, expect, it } from "vitest";

import { Refusal } from "../../src/api/error";
import { complain, type Complaint } from "../../src/state/complaints";
import { health, isUp, remark, tally } from "../../src/state/health";
import { defaultSizes } from "../../src/state/prefs.svelte";
import { edgeKey, rateOf, remember, sample, type Sample } from "../../src/state/rates";
import { edge, service } from "./make";

describe("how a service is", () => {
  it.each([
    ["running", { ready: true }, "ready"],
    ["running", { ready: false }, "busy"],
    ["running", { ready: true, reload: { manual: true, pending: 2, failed: false } }, "reload"],
    ["waiting", {}, "waiting"], ["building", {}, "busy"], ["pulling", {}, "busy"], ["starting", {}, "busy"], ["stopping", {}, "busy"],
    ["stopped", {}, "stopped"], ["failed", {}, "failed"], ["completed", {}, "done"],
  ] as const)("%s with %j is %s", (state, more, kind) => expect(health(service("a", { state, ...more }))).toBe(kind));

  it("says why it is not simply ready", () => {
    expect(remark(service("a"))).toBeNull();
    expect(remark(service("a", { state: "waiting", waiting_for: "db to be ready" }))).toBe("waits for db to be ready");
    expect(remark(service("a", { state: "building", build: { step: "RUN make", done: 2, total: 5 } }))).toBe("2/5 RUN make");
    expect(remark(service("a", { state: "building", build: { step: "loading", done: 0, total: 0 } }))).toBe("loading");
    expect(remark(service("a", { state: "failed", exit_code: 3 }))).toBe("ended with exit code 3");
    expect(remark(service("a", { state: "failed", error: { code: "port-taken", message: "Port `1` is taken" } }))).toBe("Port `1` is taken");
  });

  it("counts the worst first and leaves out what there is none of", () => {
    const all = [service("a"), service("b", { state: "failed" }), service("c"), service("d", { state: "stopped" })];
    expect(tally(all).map((t) => [t.health, t.services.length])).toEqual([["failed", 1], ["ready", 2], ["stopped", 1]]);
    expect(all.map(isUp)).toEqual([true, false, true, false]);
  });
});

describe("rates of edges", () => {
  const key = edgeKey({ from: "a", to: "b" });

  it("are differences over time, summed over protocols", () => {
    let samples: Sample[] = [];
    for (let s = 0; s <= 20; s += 1) samples = remember(samples, sample([edge("a", "b", { calls: 10 * s, errors: s }), edge("a", "b", { protocol: "tcp", calls: s })], s * 1000));
    expect(rateOf(samples, key)).toEqual({ calls: 11, errors: 1 });
    expect(samples.length).toBeLessThanOrEqual(7);
  });

  it("fall to nothing when nothing comes", () => {
    let samples: Sample[] = [sample([edge("a", "b", { calls: 0 })], 0), sample([edge("a", "b", { calls: 100 })], 1000)];
    for (let s = 2; s < 9; s += 1) samples = remember(samples, sample([edge("a", "b", { calls: 100 })], s * 1000));
    expect(rateOf(samples, key).calls).toBe(0);
  });

  it("are never negative, not after the session began anew either", () => {
    expect(rateOf([sample([edge("a", "b", { calls: 50 })], 0), sample([edge("a", "b", { calls: 2 })], 1000)], key).calls).toBe(0);
    expect(rateOf([], key)).toEqual({ calls: 0, errors: 0 });
  });
});

describe("complaints", () => {
  it("count the same failure instead of repeating it, and stay few", () => {
    const failure = (message: string) => new Refusal({ code: "failed", message });
    let list: Complaint[] = [];
    for (let i = 0; i < 50; i += 1) list = complain(list, "restart", failure("no"));
    expect(list.map((c) => [c.error.message, c.times])).toEqual([["no", 50]]);
    for (let i = 0; i < 50; i += 1) list = complain(list, "stop", failure(`no ${i}`));
    expect(list.length).toBeLessThanOrEqual(5);
  });
});

describe("sizes", () => {
  it("leave the views most of a small window", () => {
    const { sidebar, inspector } = defaultSizes(1000);
    expect(1000 - sidebar - inspector).toBeGreaterThanOrEqual(430);
  });
});
