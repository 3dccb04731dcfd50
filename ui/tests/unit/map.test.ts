import { describe, expect, it } from "vitest";

import { buildGraph, shapeOf, typical } from "../../src/lib/graph";
import { bounds, edgePath, EMPTY_LAYOUT, neighbour, placeAll, placeNew } from "../../src/lib/layout";
import { fit, pan, zoom } from "../../src/lib/viewport";
import { edge, service } from "./make";

const services = [service("db"), service("orders", { depends_on: ["db"] }), service("web", { depends_on: ["orders", "gone"] })];

describe("the graph", () => {
  it("joins what is declared with what was observed", () => {
    const graph = buildGraph(services, [edge("outside", "web"), edge("orders", "db", { protocol: "postgres", calls: 5 }), edge("orders", "db", { protocol: "tcp", calls: 2, errors: 1 })]);
    expect(graph.nodes).toEqual(["db", "orders", "outside", "web"]);
    expect(graph.pairs.map((p) => [p.from, p.to, p.edges.length, p.calls, p.errors])).toEqual([
      ["orders", "db", 2, 7, 1], ["outside", "web", 1, 10, 0], ["web", "orders", 0, 0, 0],
    ]);
  });

  it("has the same shape whatever its numbers and its order", () => {
    const a = buildGraph(services, [edge("web", "orders"), edge("outside", "web")]);
    const b = buildGraph([...services].reverse(), [edge("outside", "web", { calls: 99 }), edge("web", "orders")]);
    expect(shapeOf(a)).toBe(shapeOf(b));
    expect(shapeOf(a)).not.toBe(shapeOf(buildGraph(services, [])));
  });

  it("weighs medians by calls and does not invent one", () => {
    expect(typical([edge("a", "b", { calls: 3, p50_ms: 10 }), edge("a", "b", { calls: 1, p50_ms: 50 })], 0)).toEqual({ ms: 20, old: false });
    expect(typical([edge("a", "b"), edge("a", "b", { calls: 0, p50_ms: 4 })], 0)).toBeUndefined();
  });

  it("tells how slow it is now, however many fast calls went before", () => {
    const at = Date.parse("2026-11-23T06:00:00Z");
    const slow = edge("a", "b", { calls: 100_000, p50_ms: 2, recent: { calls: 4, errors: 0, p50_ms: 3000, until: "2026-11-23T06:00:00Z" } });
    expect(typical([slow], at + 2000)).toEqual({ ms: 3000, old: false });
    expect(typical([slow], at + 60_000), "the last that is known, and marked so").toEqual({ ms: 3000, old: true });
    const idle = edge("a", "b", { calls: 9, p50_ms: 9, protocol: "grpc", recent: { calls: 900, errors: 0, p50_ms: 1, until: "2026-11-23T05:00:00Z" } });
    expect(typical([slow, idle], at), "what rests does not weigh").toEqual({ ms: 3000, old: false });
  });
});

describe("the layout", () => {
  const graph = buildGraph(services, [edge("outside", "web")]);

  it("goes from left to right along the calls", () => {
    const { places } = placeAll(graph);
    const x = (node: string) => places.get(node)?.x ?? NaN;
    expect(x("outside")).toBeLessThan(x("web"));
    expect(x("web")).toBeLessThan(x("orders"));
    expect(x("orders")).toBeLessThan(x("db"));
  });

  it("begins with the world outside, wherever it calls", () => {
    const { places } = placeAll(buildGraph(services, [edge("outside", "db")]));
    expect(Math.min(...[...places.values()].map((p) => p.x))).toBe(places.get("outside")?.x);
  });

  it("leaves standing what stands when services come and go", () => {
    const before = placeAll(graph);
    const more = buildGraph([...services, service("cache"), service("mailer", { depends_on: ["db"] })], [edge("outside", "web"), edge("orders", "cache")]);
    const after = placeNew(before, more);
    for (const node of graph.nodes) expect(after.places.get(node)).toEqual(before.places.get(node));
    expect([...after.places.keys()].sort()).toEqual(more.nodes);
    const less = placeNew(after, graph);
    expect([...less.places.keys()].sort()).toEqual(graph.nodes);
    expect(less.places.get("db")).toEqual(before.places.get("db"));
  });

  it("puts no node on another", () => {
    const many = Array.from({ length: 60 }, (_, i) => service(`s${i}`, { depends_on: i > 0 ? [`s${Math.floor(i / 3)}`] : [] }));
    let layout = EMPTY_LAYOUT;
    for (const n of [5, 12, 30, 60]) layout = placeNew(layout, buildGraph(many.slice(0, n), []));
    const all = [...layout.places.values()];
    for (const [i, a] of all.entries()) {
      for (const b of all.slice(i + 1)) expect(Math.abs(a.x - b.x) >= layout.size.width || Math.abs(a.y - b.y) >= layout.size.height).toBe(true);
    }
  });

  it("draws every edge as a path, backwards and onto itself as well", () => {
    const size = { width: 100, height: 40 };
    const [a, b] = [{ x: 0, y: 0 }, { x: 300, y: 50 }];
    for (const path of [edgePath(size, a, b), edgePath(size, b, a), edgePath(size, a, a), edgePath(size, a, b, [{ x: 150, y: 90 }])]) {
      expect(path).toMatch(/^M[-\d. ]+( ?[CHQV][-\d. ]+)+$/);
    }
    expect(edgePath(size, a, b)).toBe("M50 0 C147.5 0 147.5 50 245 50");
  });

  it("keeps the way of a service to itself out of the row above", () => {
    for (const count of [3, 60]) {
      const nodes = Array.from({ length: count }, (_, i) => service(`s${i}`));
      const { size } = placeAll(buildGraph(nodes, []));
      const here = { x: 0, y: 0 };
      // A curve reaches three quarters of the way to where its handles are.
      const [, from = 0, high = -Infinity] = /^M\d+ ([-\d.]+) C[-\d.]+ ([-\d.]+)/.exec(edgePath(size, here, here))?.map(Number) ?? [];
      expect((from - high) * 0.75).toBeLessThanOrEqual(count === 60 ? 10 : 18);
    }
  });

  it("finds the neighbour in a direction", () => {
    const places = new Map([["a", { x: 0, y: 0 }], ["b", { x: 200, y: 10 }], ["c", { x: 200, y: 300 }], ["d", { x: 0, y: 100 }]]);
    expect([neighbour(places, "a", 1, 0), neighbour(places, "a", 0, 1), neighbour(places, "a", -1, 0), neighbour(places, "b", -1, 0)]).toEqual(["b", "d", undefined, "a"]);
  });
});

describe("the viewport", () => {
  it("shows everything, centred, never larger than life", () => {
    const box = bounds({ ...EMPTY_LAYOUT, places: new Map([["a", { x: 100, y: 100 }]]) });
    const view = fit(box, 1000, 600);
    expect(view.scale).toBe(1);
    expect([view.x + 500, view.y + 300]).toEqual([100, 100]);
    expect(fit({ x: 0, y: 0, width: 1600, height: 100 }, 1000, 600).scale).toBe(0.625);
    const above = bounds({ ...EMPTY_LAYOUT, places: new Map([["a", { x: 100, y: 100 }]]), bends: new Map([["a>b", [{ x: 300, y: -40 }]]]) });
    expect([above.y, above.y + above.height]).toEqual([-68, box.y + box.height]);
  });

  it("zooms around the pointer and pans with it", () => {
    const view = { x: 10, y: 20, scale: 1 };
    const closer = zoom(view, 2, { x: 100, y: 50 });
    expect([closer.x + 100 / closer.scale, closer.y + 50 / closer.scale]).toEqual([110, 70]);
    expect(zoom(view, 1000, { x: 0, y: 0 }).scale).toBe(2);
    expect(pan(closer, 20, -10)).toEqual({ ...closer, x: closer.x - 10, y: closer.y + 5 });
  });
});
