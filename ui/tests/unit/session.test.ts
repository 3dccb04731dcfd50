import { describe, expect, it } from "vitest";

import type { Change } from "../../src/api/generated/Change";
import type { Snapshot } from "../../src/api/generated/Snapshot";
import { EVENTS_KEPT, follow } from "../../src/state/session";
import { event, service, snapshot } from "./make";

const delta = (seq: number, ...changes: Change[]) => ({ kind: "delta", value: { seq, changes } }) as const;

describe("follow", () => {
  it("takes a snapshot whatever was known before", () => {
    const next = snapshot({ seq: 9 });
    expect(follow(snapshot({ seq: 3 }), { kind: "snapshot", value: next })).toBe(next);
  });

  it("asks for a new stream when a delta is missing or comes before the snapshot", () => {
    expect(follow(null, delta(1))).toBeNull();
    expect(follow(snapshot({ seq: 3 }), delta(5))).toBeNull();
  });

  it("leaves out deltas that the snapshot already holds", () => {
    const state = snapshot({ seq: 3 });
    expect(follow(state, delta(3, { kind: "service_gone", value: "db" }))).toBe(state);
  });

  it("changes only what a delta names", () => {
    const state = snapshot({ seq: 3, services: [service("a"), service("c")] });
    const next = follow(state, delta(4, { kind: "service", value: service("b") }, { kind: "service", value: service("c", { state: "failed" }) }));
    expect(next?.services.map((s) => [s.service, s.state])).toEqual([["a", "running"], ["b", "running"], ["c", "failed"]]);
    expect(next?.services[0]).toBe(state.services[0]);
    expect(next?.engine).toBe(state.engine);
    expect(next?.seq).toBe(4);
    expect(state.services).toHaveLength(2);
  });

  it("replaces each of the other parts", () => {
    const state = snapshot({ seq: 1, services: [service("db")] });
    const stack = { ...state.stack, trusted: true };
    const counters = { ...state.counters, calls: 7 };
    const edges = [{ from: "a", to: "b", protocol: "tcp", calls: 1, errors: 0, bytes: 2, last: "" }];
    const engine = { ok: false, address: "x" };
    const capture = { ...state.capture, state: "failed" as const };
    const next = follow(state, delta(2, { kind: "stack", value: stack }, { kind: "counters", value: counters }, { kind: "edges", value: edges },
      { kind: "engine", value: engine }, { kind: "capture", value: capture }, { kind: "service_gone", value: "db" }));
    expect(next).toEqual({ ...state, seq: 2, stack, counters, edges, engine, capture, services: [] });
  });

  it("keeps a bounded number of events, each once", () => {
    let state: Snapshot = snapshot({ seq: 0 });
    for (let i = 1; i <= EVENTS_KEPT + 10; i += 1) state = follow(state, delta(i, { kind: "event", value: event(i) })) ?? state;
    expect(state.events).toHaveLength(EVENTS_KEPT);
    expect(state.events.at(-1)?.seq).toBe(EVENTS_KEPT + 10);
    expect(follow(state, delta(state.seq + 1, { kind: "event", value: event(EVENTS_KEPT + 10) }))?.events).toBe(state.events);
  });
});
