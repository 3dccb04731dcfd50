// What narrows the call view, and the calls that remain.
import type { Backend } from "../api/backend";
import type { CallsQuery } from "../api/generated/CallsQuery";
import { CALL_ROOTS, readSearch } from "../lib/search";
import { CallsState } from "./calls.svelte";
import type { SelectionState } from "./selection.svelte";

export class CallPanel {
  typed = $state("");
  failed = $state(false);
  protocol = $state("");
  readonly calls: CallsState;
  readonly search = $derived(readSearch(this.typed, CALL_ROOTS));

  constructor(
    backend: Backend,
    private readonly selection: SelectionState,
  ) {
    this.calls = new CallsState(backend, { services: [], failed: false });
  }

  readonly query: CallsQuery = $derived.by(() => {
    const { range, edge } = this.selection;
    return {
      services: edge === undefined ? [...this.selection.services] : [],
      failed: this.failed,
      ...(edge === undefined ? {} : { from: edge.from, to: edge.to }),
      ...(this.protocol === "" ? {} : { protocol: this.protocol }),
      ...(range === undefined ? {} : { since: new Date(range.from).toISOString(), until: new Date(range.to).toISOString() }),
      ...(this.search.kind === "text" ? { text: this.search.text } : {}),
      ...(this.search.kind === "where" ? { where: this.search.where } : {}),
      // Calls have no field for regular expressions, but their language has.
      ...(this.search.kind === "grep" ? { where: `operation.matches(${JSON.stringify(this.search.grep)})` } : {}),
    };
  });
}
