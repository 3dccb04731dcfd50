import { describe, expect, it } from "vitest";

import { buildGraph } from "../../src/lib/graph";
import { bendKey, bounds, edgePath, placeAll } from "../../src/lib/layout";
import { noteLines, noteSize, placeNotes } from "../../src/lib/notes";
import { along } from "../../src/lib/pathpoints";
import { edge, service } from "./make";

describe("points along an edge", () => {
  it("are where a browser would find them", () => {
    expect(along("M0 0 H100")(0.25)).toEqual({ x: 25, y: 0 });
    expect(along("M10 0 V50")(1)).toEqual({ x: 10, y: 50 });
    const middle = along("M0 0 C50 0 50 100 100 100")(0.5);
    expect(Math.hypot(middle.x - 50, middle.y - 50)).toBeLessThan(1e-6);
    const corner = along("M0 0 V80 Q0 100 20 100 H100")(1);
    expect(corner).toEqual({ x: 100, y: 100 });
  });
});

describe("the numbers of an edge", () => {
  const [pair] = buildGraph([], [edge("a", "b", { p50_ms: 4.5, forbidden: true, recent: { calls: 1, errors: 0, p50_ms: 4.5, until: "2026-11-23T06:00:00Z" } })]).pairs;
  const at = Date.parse("2026-11-23T06:00:00Z");
  const texts = (now: number, whole: boolean, errors = 0) => noteLines(pair!, { calls: 12, errors }, now, whole).map((line) => line.map((part) => part.text).join(" "));

  it("are few for many edges, and whole for one", () => {
    expect(texts(at, false)).toEqual(["12/s", "4.5 ms"]);
    expect(texts(at, false, 2)).toEqual(["12/s", "4.5 ms", "× 2/s"]);
    expect(texts(at, true, 2)).toEqual(["12/s 4.5 ms 2/s failed", "http/1 forbidden by [[allow]]"]);
  });

  it("say of an edge that rests how it was", () => expect(texts(at + 60_000, false)).toEqual(["12/s", "was 4.5 ms"]));
});

describe("their places", () => {
  // A hub that everybody calls, and a chain: no room between many of them.
  const names = Array.from({ length: 30 }, (_, i) => `service-${i}`);
  const edges = names.flatMap((name, i) => [edge(name, "hub", { p50_ms: 12.5 }), edge("hub", `s${i % 9}`, { p50_ms: 1200 }), ...(i > 0 ? [edge(name, names[i - 1]!)] : [])]);
  const graph = buildGraph([...names, "hub"].map((name) => service(name)), edges);
  const layout = placeAll(graph);
  const nodes = [...layout.places.values()];

  it.each([false, true])("are on no node and on no other (whole: %s)", (whole) => {
    const notes = graph.pairs.map((pair) => {
      const lines = noteLines(pair, { calls: 84, errors: 3 }, 0, whole);
      const [a, b] = [layout.places.get(pair.from)!, layout.places.get(pair.to)!];
      const key = bendKey(pair.from, pair.to);
      return { key, path: edgePath(layout.size, a, b, layout.bends.get(key), nodes), lines, ...noteSize(lines) };
    });
    const seen = bounds(layout);
    const placed = placeNotes(notes, nodes, layout.size, { x: seen.x - 2000, y: seen.y - 2000, width: seen.width + 4000, height: seen.height + 4000 });
    const covers = (a: { x: number; y: number; width: number; height: number }, b: typeof a) => Math.abs(a.x - b.x) < (a.width + b.width) / 2 && Math.abs(a.y - b.y) < (a.height + b.height) / 2;
    expect(placed.length).toBe(graph.pairs.length);
    for (const [i, note] of placed.entries()) {
      expect(nodes.filter((node) => covers(note, { ...node, ...layout.size })), note.key).toEqual([]);
      expect(placed.slice(i + 1).filter((other) => covers(note, other)), note.key).toEqual([]);
    }
  });

  it("stay when what comes after them changes", () => {
    const first = { key: "a>b", path: "M0 0 H400", lines: [], width: 60, height: 34 };
    const [alone] = placeNotes([first], [], layout.size, { x: -500, y: -500, width: 2000, height: 1000 });
    const [beside, other] = placeNotes([first, { ...first, key: "b>a" }], [], layout.size, { x: -500, y: -500, width: 2000, height: 1000 });
    expect(beside).toEqual(alone);
    expect(other?.x).not.toBe(alone?.x);
  });
});
