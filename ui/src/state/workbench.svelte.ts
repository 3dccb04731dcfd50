// Everything one open stack has on the screen, made once and handed to the views.
import type { Backend } from "../api/backend";
import type { Edge } from "../api/generated/Edge";
import { CallPanel } from "./callpanel.svelte";
import { ChainState } from "./chain.svelte";
import { FindingsState } from "./findings.svelte";
import { LogPanel } from "./logpanel.svelte";
import { MapState } from "./map.svelte";
import { OneCall } from "./onecall.svelte";
import { edgesThen, PastState, samplesOf } from "./past.svelte";
import type { Sample } from "./rates";
import { RoutesState } from "./routes.svelte";
import type { Selection } from "./selection";
import { SelectionState } from "./selection.svelte";
import { StackState } from "./stack.svelte";
import { TerminalsState } from "./terminals.svelte";
import { TimelineState } from "./timeline.svelte";

export type View = "map" | "calls" | "logs" | "terminal";

export const VIEWS: readonly { id: View; label: string }[] = [
  { id: "map", label: "Map" },
  { id: "calls", label: "Calls" },
  { id: "logs", label: "Logs" },
  { id: "terminal", label: "Terminal" },
];

export class WorkbenchState {
  readonly selection = new SelectionState();
  readonly stack: StackState;
  readonly logs: LogPanel;
  readonly calls: CallPanel;
  readonly chain: ChainState;
  readonly findings: FindingsState;
  /** Of the edge that is looked at. */
  readonly edgeRoutes: RoutesState;
  readonly map: MapState;
  readonly timeline: TimelineState;
  readonly past: PastState;
  readonly terminals = new TerminalsState();
  view = $state<View>("map");
  /** What the lower pane shows; null: there is none. */
  second = $state<View | null>("logs");
  inspecting = $state(false);
  /** The findings are looked at for as long as nothing else is selected. */
  #findingsAt = $state.raw<Selection | null>(null);
  readonly findingsShown = $derived(this.#findingsAt === this.selection.steps);

  /** Who called whom, in the selected range of time. */
  readonly edges: readonly Edge[] = $derived.by(() => {
    const then = this.past.edges;
    return then === null ? this.stack.edges : edgesThen(this.stack.edges, then);
  });
  /** Rates of the edges: those of this moment, or over the selected range. */
  readonly samples: readonly Sample[] = $derived.by(() => {
    const { edges, span } = this.past;
    if (edges === null) return this.stack.samples;
    return span === null ? [] : samplesOf(edges, span);
  });

  constructor(readonly backend: Backend) {
    this.stack = new StackState(backend);
    this.logs = new LogPanel(backend, this.selection, {
      names: () => this.stack.services.map((service) => service.service),
      revision: () => this.stack.snapshot?.counters.lines ?? 0,
    });
    this.calls = new CallPanel(backend, this.selection, this.stack.complain);
    this.chain = new ChainState(backend);
    this.findings = new FindingsState(backend);
    this.edgeRoutes = new RoutesState(backend);
    this.past = new PastState(backend);
    this.map = new MapState(() => ({ services: this.stack.services, edges: this.edges }));
    this.timeline = new TimelineState(backend, () => this.stack.snapshot?.events ?? []);
  }

  /** Shows a view above; it is never above and below at once. */
  show(view: View): void {
    if (this.second === view) this.second = this.view === view ? null : this.view;
    this.view = view;
  }

  showBelow(view: View | null): void {
    if (view === this.view) this.view = this.second ?? (view === "map" ? "calls" : "map");
    this.second = view;
  }

  /** A second view below the first, or none. */
  toggleBelow(): void {
    const beside = this.view === "logs" ? "calls" : "logs";
    this.showBelow(this.second === null ? beside : null);
  }

  /** Brings a view to the screen, wherever it already is. */
  reveal(view: View): void {
    if (this.view !== view && this.second !== view) this.show(view);
  }

  terminal(service: string): void {
    this.terminals.add(service);
    this.reveal("terminal");
  }

  /** A service alone, looked at closely. */
  inspectService(service: string): void {
    this.selection.narrow({ kind: "services", services: [service] });
    this.selection.remove("call");
    this.selection.remove("line");
    this.selection.remove("event");
    this.inspecting = true;
  }

  /** An edge alone, looked at closely. */
  inspectEdge(from: string, to: string): void {
    for (const kind of ["services", "call", "line", "event"] as const) this.selection.remove(kind);
    this.selection.narrow({ kind: "edge", from, to });
    this.inspecting = true;
  }

  toggleFindings(): void {
    const open = !(this.findingsShown && this.inspecting);
    this.#findingsAt = open ? this.selection.steps : null;
    this.inspecting = open || this.selection.subject !== undefined;
  }

  oneCall(id: string): OneCall {
    return new OneCall(this.backend, id, this.stack.complain);
  }
}
