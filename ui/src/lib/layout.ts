// Where the map's nodes stand: layers from left to right, by dagre. Positions once taken are kept.
import { Graph as Dagre, layout } from "@dagrejs/dagre";

import { aroundPath } from "./around";
import type { Graph } from "./graph";

export interface Size {
  width: number;
  height: number;
}

const ROOMY = { width: 156, height: 46 };
const COMPACT = { width: 148, height: 28 };
/** With more nodes than this each has one line. */
const MANY = 20;

const sizeFor = (nodes: number): Size => (nodes > MANY ? COMPACT : ROOMY);

export interface Point {
  x: number;
  y: number;
}

/** The centre of each node. */
type Places = ReadonlyMap<string, Point>;

export interface Layout {
  size: Size;
  places: Places;
  /** By `from>to`: where an edge bends on its way around other nodes. */
  bends: ReadonlyMap<string, readonly Point[]>;
}

export const EMPTY_LAYOUT: Layout = { size: ROOMY, places: new Map(), bends: new Map() };

export const bendKey = (from: string, to: string): string => `${from}>${to}`;

/** Everything placed anew. */
export function placeAll(graph: Graph): Layout {
  const size = sizeFor(graph.nodes.length);
  const dagre = new Dagre({ multigraph: false });
  dagre.setGraph({ rankdir: "LR", nodesep: size === COMPACT ? 10 : 26, edgesep: 18, ranksep: 84, marginx: 24, marginy: 24 });
  dagre.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) dagre.setNode(node, { ...size });
  // What was observed says more about the order than what was declared.
  for (const { from, to, edges } of graph.pairs) if (from !== to) dagre.setEdge(from, to, { weight: edges.length > 0 ? 2 : 1 });
  layout(dagre);
  const places = new Map(graph.nodes.map((node) => [node, { x: dagre.node(node).x ?? 0, y: dagre.node(node).y ?? 0 }]));
  const bends = new Map<string, readonly Point[]>();
  for (const { v, w } of dagre.edges()) {
    // The first and the last point lie on the nodes' borders, which the path finds for itself.
    const points = (dagre.edge(v, w) as { points?: Point[] }).points ?? [];
    if (points.length > 3) bends.set(bendKey(v, w), points.slice(1, -1).map(({ x, y }) => ({ x, y })));
  }
  putOutside(places, bends, size);
  return { size, places, bends };
}

/** The world is where reading begins: on the left, above whoever else stands there. */
function putOutside(places: Map<string, Point>, bends: Map<string, readonly Point[]>, size: Size): void {
  const outside = places.get("outside");
  if (outside === undefined) return;
  const others = [...places].filter(([node]) => node !== "outside").map(([, place]) => place);
  const left = Math.min(...others.map((place) => place.x));
  if (outside.x <= left) return;
  const top = Math.min(...others.filter((place) => place.x - left < size.width).map((place) => place.y));
  places.set("outside", { x: left, y: top - size.height - 26 });
  for (const key of bends.keys()) if (key.startsWith(bendKey("outside", ""))) bends.delete(key);
}

/**
 * Nodes that stand somewhere stay there. New ones get the place that a fresh layout gives them, or the next free one
 * below it.
 */
export function placeNew(known: Layout, graph: Graph): Layout {
  const kept = new Map([...known.places].filter(([node]) => graph.nodes.includes(node)));
  const fresh = graph.nodes.filter((node) => !kept.has(node));
  if (fresh.length === 0) return { ...known, places: kept };
  const wanted = placeAll(graph).places;
  for (const node of fresh) {
    const place = { ...(wanted.get(node) ?? { x: 0, y: 0 }) };
    while ([...kept.values()].some((other) => overlaps(other, place, known.size))) place.y += known.size.height + 18;
    kept.set(node, place);
  }
  return { ...known, places: kept };
}

const overlaps = (a: Point, b: Point, size: Size): boolean =>
  Math.abs(a.x - b.x) < size.width + 20 && Math.abs(a.y - b.y) < size.height + 8;

export interface Box extends Point, Size {}

/** The box around all nodes and the ways around them, with a margin. */
export function bounds({ places, size, bends }: Layout, margin = 28): Box {
  const all = [...places.values()];
  if (all.length === 0) return { x: 0, y: 0, width: 1, height: 1 };
  // A way stays between the columns of nodes, but may lead above or below all of them.
  const ways = [...bends.values()].flat().map((p) => p.y);
  const x = Math.min(...all.map((p) => p.x)) - size.width / 2 - margin;
  const y = Math.min(...all.map((p) => p.y - size.height / 2), ...ways) - margin;
  const right = Math.max(...all.map((p) => p.x)) + size.width / 2 + margin;
  const bottom = Math.max(...all.map((p) => p.y + size.height / 2), ...ways) + margin;
  return { x, y, width: right - x, height: bottom - y };
}

/**
 * An edge as an SVG path: from the right of one node to the left of the other, over its bends, where that is possible;
 * backwards between the rows of `nodes`.
 */
export function edgePath(size: Size, from: Point, to: Point, bends: readonly Point[] = [], nodes: readonly Point[] = []): string {
  const half = size.width / 2;
  if (from === to) return loop(from, size);
  if (from.x + half < to.x - half) {
    const start = { x: from.x + half, y: from.y };
    const end = { x: to.x - half - 5, y: to.y };
    const between = bends.filter((p) => p.x > start.x + 8 && p.x < end.x - 8);
    return [start, ...between, end].reduce((path, point, i, all) => path + (i === 0 ? `M${xy(point)}` : bend(all[i - 1] ?? point, point)), "");
  }
  if (to.x + half < from.x - half) return aroundPath(size, from, to, nodes);
  // Within a layer: around the outside, from right to right.
  const reach = Math.max(from.x, to.x) + half + 34;
  return `M${from.x + half} ${from.y} C${reach} ${from.y} ${reach} ${to.y} ${to.x + half + 5} ${to.y}`;
}

const xy = ({ x, y }: Point): string => `${x} ${y}`;

function bend(from: Point, to: Point): string {
  const middle = (from.x + to.x) / 2;
  return ` C${middle} ${from.y} ${middle} ${to.y} ${xy(to)}`;
}

/** A way back to the same node, over it: it stays below the row above, and the edges that pass between both. */
function loop({ x, y }: Point, size: Size): string {
  const top = y - size.height / 2;
  const high = top - (size.height > COMPACT.height ? 23 : 13);
  return `M${x + 20} ${top} C${x + 34} ${high} ${x - 34} ${high} ${x - 20} ${top - 4}`;
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
