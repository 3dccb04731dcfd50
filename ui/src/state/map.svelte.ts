// The map's graph and places, refreshed at most four times a second whatever the session sends.
import type { Edge } from "../api/generated/Edge";
import type { ServiceView } from "../api/generated/ServiceView";
import { buildGraph, shapeOf, type Graph } from "../lib/graph";
import { EMPTY_LAYOUT, placeAll, placeNew, type Layout } from "../lib/layout";

export const MAP_REFRESH_MS = 250;
/** While the first calls are seen the picture is allowed to settle; from then on nothing moves by itself. */
const SETTLING_MS = 15_000;

export class MapState {
  graph = $state.raw<Graph>({ nodes: [], pairs: [] });
  layout = $state.raw<Layout>(EMPTY_LAYOUT);
  /** When it was refreshed, in milliseconds since 1970. */
  now = $state(0);
  #shape = "";
  #observed = 0;
  #settledAt = Infinity;

  constructor(private readonly source: () => { services: readonly ServiceView[]; edges: readonly Edge[] }) {}

  refresh(now: number): void {
    const { services, edges } = this.source();
    const graph = buildGraph(services, edges);
    const shape = shapeOf(graph);
    const observed = graph.pairs.filter((pair) => pair.edges.length > 0).length;
    if (observed > 0 && this.#observed === 0) this.#settledAt = now + SETTLING_MS;
    if (shape !== this.#shape || (observed !== this.#observed && now < this.#settledAt)) {
      this.layout = now < this.#settledAt ? placeAll(graph) : placeNew(this.layout, graph);
    }
    this.#shape = shape;
    this.#observed = observed;
    this.graph = graph;
    this.now = now;
  }

  /** Everything is placed anew, since somebody asked for it. */
  tidy(): void {
    this.layout = placeAll(this.graph);
  }
}
