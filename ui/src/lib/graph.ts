// The map as nodes and edges: what is declared, what was observed, and what may be drawn at all.
import type { Edge } from "../api/generated/Edge";
import type { Recent } from "../api/generated/Recent";
import type { ServiceView } from "../api/generated/ServiceView";

/** Everything between two services, over all protocols. */
export interface Pair {
  from: string;
  to: string;
  /** By protocol; empty for a pair that is declared by `depends_on` and was not observed. */
  edges: Edge[];
  calls: number;
  errors: number;
  /** Nothing passes directly, all of it through a broker. */
  brokered: boolean;
  /** The manifest's rules do not permit some of it. */
  forbidden: boolean;
  /** The caller does not say that it depends on the callee. */
  undeclared: boolean;
}

export interface Graph {
  nodes: string[];
  pairs: Pair[];
}

export function buildGraph(services: readonly ServiceView[], edges: readonly Edge[]): Graph {
  const pairs = new Map<string, Pair>();
  const pair = (from: string, to: string): Pair => {
    const key = `${from}\u0000${to}`;
    const known = pairs.get(key) ?? { from, to, edges: [], calls: 0, errors: 0, brokered: false, forbidden: false, undeclared: false };
    pairs.set(key, known);
    return known;
  };
  for (const edge of edges) {
    const known = pair(edge.from, edge.to);
    known.edges.push(edge);
    known.calls += edge.calls;
    known.errors += edge.errors;
    known.brokered = known.edges.every((e) => e.via !== undefined);
    known.forbidden ||= edge.forbidden === true;
    known.undeclared ||= edge.undeclared === true;
  }
  const names = new Set(services.map((s) => s.service));
  for (const service of services) {
    for (const other of service.depends_on) {
      if (names.has(other)) pair(service.service, other);
    }
  }
  // Who appears in a call belongs on the map even when the manifest no longer names it.
  for (const { from, to } of edges) names.add(from).add(to);
  return { nodes: [...names].sort(), pairs: [...pairs.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1)) };
}

export interface Typical {
  ms: number;
  /** Nothing has ended within the last ten seconds: it was so when something last did. */
  old: boolean;
}

/** Calls that ended so long ago say how it was, not how it is. In milliseconds. */
const RECENT_MS = 10_000;

/** Whether they say how it was rather than how it is. */
export const isOld = (recent: Recent, now: number): boolean => Date.parse(recent.until) < now - RECENT_MS;

/**
 * The median of what passed over the edges, weighed by how much each had: of the newest calls where those are known, else
 * of all, which are those of the range that is looked at.
 */
export function typical(edges: readonly Edge[], now: number): Typical | undefined {
  const known = edges.flatMap((edge) => {
    const { calls, p50_ms } = edge.recent ?? edge;
    return p50_ms === undefined || calls <= 0 ? [] : [{ calls, median: p50_ms, old: edge.recent !== undefined && isOld(edge.recent, now) }];
  });
  const fresh = known.filter((one) => !one.old);
  const counted = fresh.length > 0 ? fresh : known;
  const calls = counted.reduce((sum, one) => sum + one.calls, 0);
  return calls === 0 ? undefined : { ms: counted.reduce((sum, one) => sum + one.median * one.calls, 0) / calls, old: fresh.length === 0 };
}

/** What decides where things stand: the nodes and which pairs there are, not their numbers. */
export const shapeOf = (graph: Graph): string => `${graph.nodes.join(" ")}|${graph.pairs.map(key).join(" ")}`;

const key = (pair: { from: string; to: string }): string => `${pair.from}>${pair.to}`;

/** What a pair speaks, as few words: `postgres`, `http/1, grpc`, `orders.placed via broker`. */
export function spoken(pair: Pick<Pair, "edges">): string {
  const words = pair.edges.map((e) => (e.via === undefined ? e.protocol : `${e.topic ?? e.protocol} via ${e.via}`));
  const all = [...new Set(words)];
  return all.length > 3 ? `${all.slice(0, 3).join(", ")} and ${all.length - 3} more` : all.join(", ");
}

/** What the manifest has against a pair; undefined: nothing. */
export function objection(pair: Pick<Pair, "forbidden" | "undeclared">): string | undefined {
  if (pair.forbidden) return "forbidden by [[allow]]";
  return pair.undeclared ? "not in depends_on" : undefined;
}
