import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Backend } from "../../src/api/backend";
import { buildGraph, objection, spoken } from "../../src/lib/graph";
import { CallPanel } from "../../src/state/callpanel.svelte";
import { ChainState } from "../../src/state/chain.svelte";
import { RoutesState } from "../../src/state/routes.svelte";
import { SelectionState } from "../../src/state/selection.svelte";
import { call, edge } from "./make";

const backend = (answer: (name: string, request: never) => unknown): Backend => ({
  host: null,
  open: () => { throw new Error("no streams here"); },
  call: async (name, request) => Promise.resolve(answer(name, request as never)) as never,
});

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("the chain of a call", () => {
  it("is read from its first call on, and stays while its calls are looked at", async () => {
    const asked: string[] = [];
    const all = [{ call: call(1) }, { call: call(2), parent: "k1", link: "inferred" }, { call: call(3), parent: "k1", link: "trace" }];
    const chain = new ChainState(backend((_, { id }: { id: string }) => {
      asked.push(id);
      return { calls: id === "k1" ? all : all.filter((one) => one.call.id === "k1" || one.call.id === id) };
    }));
    chain.show("k2");
    await vi.advanceTimersByTimeAsync(1);
    expect([asked, chain.waterfall.rows.map((r) => r.call.id)]).toEqual([["k2", "k1"], ["k1", "k2", "k3"]]);
    chain.show("k3");
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked).toEqual(["k2", "k1"]);
    chain.show("k9");
    expect(chain.calls).toEqual([]);
  });
});

describe("routes", () => {
  it("are read at once for another question, and else once a second", async () => {
    const asked: unknown[] = [];
    const routes = new RoutesState(backend((_, request) => { asked.push(request); return { routes: [] }; }));
    for (let i = 0; i < 20; i += 1) {
      routes.want({ services: [] });
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(asked.length).toBeLessThan(4);
    routes.want({ services: ["web"] });
    await vi.advanceTimersByTimeAsync(1);
    expect(asked.at(-1)).toEqual({ services: ["web"] });
    routes.stop();
    const before = asked.length;
    await vi.advanceTimersByTimeAsync(5000);
    expect(asked.length).toBe(before);
  });
});

describe("what narrows the calls", () => {
  const panel = () => new CallPanel(backend(() => ({ calls: [], after: "" })), new SelectionState(), () => undefined);

  it("leaves background calls out until they are asked for", () => {
    const calls = panel();
    expect([calls.query.background, calls.narrowed]).toEqual([false, false]);
    calls.background = true;
    expect(calls.query.background).toBeUndefined();
  });

  it("leads from a route and from a trace to their calls", () => {
    const calls = panel();
    calls.mode = "routes";
    calls.showRoute({ from: "web", to: "orders", protocol: "http/1", route: "GET /orders/{id}", calls: 1, errors: 0, per_second: 0, last: "" });
    expect([calls.mode, calls.query.where]).toEqual(["list", 'route == "GET /orders/{id}" && from == "web" && to == "orders"']);
    calls.showTrace("ab");
    expect([calls.query.where, calls.background]).toEqual(['trace == "ab"', true]);
    calls.addTerm("status == 500");
    expect(calls.query.where).toBe('trace == "ab" && status == 500');
  });
});

describe("what an edge says", () => {
  it("tells a pair that only a broker joins from one that also calls", () => {
    const via = edge("orders", "mailer", { protocol: "amqp", via: "broker", topic: "placed" });
    const [brokered] = buildGraph([], [via]).pairs;
    const [both] = buildGraph([], [via, edge("orders", "mailer")]).pairs;
    expect([brokered?.brokered, both?.brokered]).toEqual([true, false]);
    expect(spoken({ edges: [via, edge("orders", "mailer")] })).toBe("placed via broker, http/1");
    expect(spoken({ edges: ["a", "b", "c", "d", "e"].map((protocol) => edge("x", "y", { protocol })) })).toBe("a, b, c and 2 more");
  });

  it("says what the manifest has against it, the graver first", () => {
    const [pair] = buildGraph([], [edge("a", "b", { undeclared: true }), edge("a", "b", { protocol: "grpc", forbidden: true })]).pairs;
    expect(pair === undefined ? "" : objection(pair)).toBe("forbidden by [[allow]]");
    expect(objection({ forbidden: false, undeclared: true })).toBe("not in depends_on");
    expect(objection({ forbidden: false, undeclared: false })).toBeUndefined();
  });
});
