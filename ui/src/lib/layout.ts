// Where the map's nodes stand: layers from left to right, by dagre. Positions once taken are kept.
import { Graph as Dagre, layout } from "@dagrejs/dagre";

import type { Graph } from "./graph";

export const NODE = { width: 156, height: 46 } as const;

export interface Point {
  x: number;
  y: number;
}

/** The centre of each node. */
export type Places = ReadonlyMap<string, Point>;

/** All nodes placed anew. */
export function placeAll(graph: Graph): Places {
  const dagre = new Dagre({ multigraph: false });
  dagre.setGraph({ rankdir: "LR", nodesep: 22, ranksep: 92, marginx: 24, marginy: 24 });
  dagre.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) dagre.setNode(node, { ...NODE });
  // What was observed says more about the order than what was declared.
  for (const { from, to, edges } of graph.pairs) if (from !== to) dagre.setEdge(from, to, { weight: edges.length > 0 ? 2 : 1 });
  layout(dagre);
  return new Map(graph.nodes.map((node) => [node, { x: dagre.node(node).x ?? 0, y: dagre.node(node).y ?? 0 }]));
}

/**
 * Nodes that stand somewhere stay there. New ones get the place that a fresh layout gives them, or the next free one
 * below it.
 */
export function placeNew(known: Places, graph: Graph): Places {
  const kept = new Map([...known].filter(([node]) => graph.nodes.includes(node)));
  const fresh = graph.nodes.filter((node) => !kept.has(node));
  if (fresh.length === 0) return kept;
  const wanted = placeAll(graph);
  for (const node of fresh) {
    const place = { ...(wanted.get(node) ?? { x: 0, y: 0 }) };
    while ([...kept.values()].some((other) => overlaps(other, place))) place.y += NODE.height + 22;
    kept.set(node, place);
  }
  return kept;
}

const overlaps = (a: Point, b: Point): boolean => Math.abs(a.x - b.x) < NODE.width + 20 && Math.abs(a.y - b.y) < NODE.height + 10;

export interface Box extends Point {
  width: number;
  height: number;
}

/** The box around all nodes, with a margin. */
export function bounds(places: Places, margin = 28): Box {
  const all = [...places.values()];
  if (all.length === 0) return { x: 0, y: 0, width: 1, height: 1 };
  const x = Math.min(...all.map((p) => p.x)) - NODE.width / 2 - margin;
  const y = Math.min(...all.map((p) => p.y)) - NODE.height / 2 - margin;
  const right = Math.max(...all.map((p) => p.x)) + NODE.width / 2 + margin;
  const bottom = Math.max(...all.map((p) => p.y)) + NODE.height / 2 + margin;
  return { x, y, width: right - x, height: bottom - y };
}

/** An edge as an SVG path, leaving a node on its right and reaching the other on its left where that is possible. */
export function edgePath(from: Point, to: Point): string {
  const half = NODE.width / 2;
  if (from.x + half < to.x - half) return curve({ x: from.x + half, y: from.y }, { x: to.x - half - 5, y: to.y });
  if (from === to) return loop(from);
  // Backwards or within a layer: around the outside, from right to right.
  const reach = Math.max(from.x, to.x) + half + 34;
  return `M${from.x + half} ${from.y} C${reach} ${from.y} ${reach} ${to.y} ${to.x + half + 5} ${to.y}`;
}

function curve(from: Point, to: Point): string {
  const bend = Math.max(28, (to.x - from.x) / 2);
  return `M${from.x} ${from.y} C${from.x + bend} ${from.y} ${to.x - bend} ${to.y} ${to.x} ${to.y}`;
}

function loop({ x, y }: Point): string {
  const top = y - NODE.height / 2;
  return `M${x + 20} ${top} C${x + 34} ${top - 30} ${x - 34} ${top - 30} ${x - 20} ${top - 4}`;
}

/** The node next to `node` in a direction, for the arrow keys. */
export function neighbour(places: Places, node: string, dx: number, dy: number): string | undefined {
  const here = places.get(node);
  if (here === undefined) return undefined;
  let best: string | undefined;
  let least = Infinity;
  for (const [other, place] of places) {
    const along = (place.x - here.x) * dx + (place.y - here.y) * dy;
    const across = Math.abs((place.x - here.x) * dy) + Math.abs((place.y - here.y) * dx);
    if (other === node || along <= 1) continue;
    const cost = along + across * 2;
    if (cost < least) [best, least] = [other, cost];
  }
  return best;
}
