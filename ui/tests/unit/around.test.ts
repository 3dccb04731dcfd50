import { describe, expect, it } from "vitest";

import { edgePath, type Point } from "../../src/lib/layout";

const size = { width: 100, height: 40 };

/** Points along a path of `M V Q H Q V`, its corners cut. */
function points(path: string): Point[] {
  const [x = 0, y = 0, ...rest] = (path.match(/-?[\d.]+/g) ?? []).map(Number);
  const [, laneX = 0, lane = 0, , , , leftX = 0] = rest;
  const end = rest.at(-1) ?? 0;
  const between = (a: number, b: number) => Array.from({ length: 41 }, (_, i) => a + ((b - a) * i) / 40);
  return [
    ...between(y, lane).map((at) => ({ x: laneX, y: at })),
    ...between(x, leftX).map((at) => ({ x: at, y: lane })),
    ...between(lane, end).map((at) => ({ x: leftX, y: at })),
  ];
}

const inside = (node: Point) => (point: Point) => Math.abs(point.x - node.x) < size.width / 2 && Math.abs(point.y - node.y) < size.height / 2;

describe("an edge against the layers", () => {
  const to = { x: 0, y: 0 };
  const from = { x: 500, y: 0 };
  it.each<[string, Point[]]>([
    ["with nothing between", []],
    ["with a node in the way", [{ x: 250, y: 0 }]],
    ["with nodes above and below it", [{ x: 250, y: 0 }, { x: 250, y: 70 }, { x: 250, y: -70 }]],
    ["with nodes above its ends", [{ x: 500, y: -70 }, { x: 0, y: -70 }, { x: 250, y: 0 }]],
    ["with a node below each end and one above", [{ x: 500, y: 70 }, { x: 0, y: 70 }, { x: 500, y: -70 }]],
  ])("goes around %s", (_, others) => {
    const nodes = [from, to, ...others];
    const path = points(edgePath(size, from, to, [], nodes));
    for (const node of nodes) expect(path.some(inside(node))).toBe(false);
    // It begins and ends at its nodes.
    expect(Math.abs((path[0]?.y ?? 0) - from.y)).toBe(size.height / 2);
    expect(Math.abs((path.at(-1)?.y ?? 0) - to.y)).toBe(size.height / 2 + 5);
  });
});
