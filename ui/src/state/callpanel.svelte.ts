// What narrows the call view, and the calls that remain.
import type { Backend } from "../api/backend";
import type { Refusal } from "../api/error";
import type { CallsQuery } from "../api/generated/CallsQuery";
import type { ReplayResult } from "../api/generated/ReplayResult";
import type { Route } from "../api/generated/Route";
import type { RoutesRequest } from "../api/generated/RoutesRequest";
import { answered } from "../lib/replay";
import type { RouteOrder } from "../lib/routesort";
import { CALL_ROOTS, readSearch } from "../lib/search";
import { allOf, equals, withTerm } from "../lib/where";
import { CallsState } from "./calls.svelte";
import { ChainState } from "./chain.svelte";
import { Comparison, type Remembered } from "./comparison.svelte";
import { Exports } from "./exports.svelte";
import { whenOf } from "./past.svelte";
import { RoutesState } from "./routes.svelte";
import type { SelectionState } from "./selection.svelte";

/** Calls one by one, grouped by what they have in common, or two of them set against each other. */
type CallsMode = "list" | "routes" | "compare";

export class CallPanel {
  typed = $state("");
  failed = $state(false);
  /** Health checks, scrapes and polls too. */
  background = $state(false);
  protocol = $state("");
  mode = $state<CallsMode>("list");
  order = $state.raw<RouteOrder>({ by: "calls", descending: true });
  readonly routes: RoutesState;
  /** The call that another one is to be compared with. */
  remembered = $state.raw<Remembered | null>(null);
  comparison = $state.raw<Comparison | null>(null);
  readonly calls: CallsState;
  /** The call whose chain is open in the list. */
  opened = $state<string | undefined>();
  readonly chain: ChainState;
  readonly exports: Exports;
  readonly search = $derived(readSearch(this.typed, CALL_ROOTS));

  constructor(
    private readonly backend: Backend,
    private readonly selection: SelectionState,
    complain: (attempt: string, error: Refusal) => void,
  ) {
    this.exports = new Exports(backend, complain);
    this.calls = new CallsState(backend, { services: [], failed: false });
    this.chain = new ChainState(backend);
    this.routes = new RoutesState(backend);
  }

  readonly routesRequest: RoutesRequest = $derived.by(() => {
    const { edge, services, range } = this.selection;
    const when = range === undefined ? {} : whenOf(range);
    return edge === undefined ? { services: [...services], ...when } : { services: [], from: edge.from, to: edge.to, ...when };
  });
  /** Whether anything but the usual hides calls. */
  readonly narrowed: boolean = $derived.by(() => {
    const { range, edge, services } = this.selection;
    const selected = range !== undefined || edge !== undefined || services.length > 0;
    return selected || this.failed || this.protocol !== "" || this.search.kind !== "none";
  });

  /** Opens the chain of a call in the list, or closes it. */
  open(id: string | undefined): void {
    this.opened = id;
    if (id !== undefined) this.chain.show(id);
  }

  /** One more condition for the list. */
  addTerm(term: string): void {
    this.typed = withTerm(this.typed, term, CALL_ROOTS);
    this.mode = "list";
  }

  /** All calls of one trace. */
  showTrace(trace: string): void {
    this.typed = equals("trace", trace);
    this.failed = false;
    this.background = true;
    this.protocol = "";
    this.mode = "list";
  }

  /** The call that was remembered, beside another one. */
  compare(id: string): void {
    if (this.remembered === null) return;
    this.comparison = Comparison.calls(this.backend, [this.remembered.id, id]);
    this.remembered = null;
    this.mode = "compare";
  }

  /** Both answers to a call that was made again. */
  compareAnswers(result: ReplayResult): void {
    this.comparison = Comparison.answers(result.was, answered(result));
    this.mode = "compare";
  }

  /** The calls of one route and no others. */
  showRoute(route: Route): void {
    this.typed = allOf([equals("route", route.route), equals("from", route.from), equals("to", route.to)]);
    this.mode = "list";
    if (this.protocol !== route.protocol) this.protocol = "";
  }

  readonly query: CallsQuery = $derived.by(() => {
    const { range, edge } = this.selection;
    return {
      services: edge === undefined ? [...this.selection.services] : [],
      failed: this.failed,
      ...(this.background ? {} : { background: false }),
      ...(edge === undefined ? {} : { from: edge.from, to: edge.to }),
      ...(this.protocol === "" ? {} : { protocol: this.protocol }),
      ...(range === undefined ? {} : whenOf(range)),
      ...(this.search.kind === "text" ? { text: this.search.text } : {}),
      ...(this.search.kind === "where" ? { where: this.search.where } : {}),
      // Calls have no field for regular expressions, but their language has.
      ...(this.search.kind === "grep" ? { where: `operation.matches(${JSON.stringify(this.search.grep)})` } : {}),
    };
  });
}
