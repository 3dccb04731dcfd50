// What narrows the log view, and the lines that remain.
import type { Backend } from "../api/backend";
import type { LogsQuery } from "../api/generated/LogsQuery";
import { LOG_ROOTS, readSearch } from "../lib/search";
import { LogsState } from "./logs.svelte";
import type { SelectionState } from "./selection.svelte";

export class LogPanel {
  typed = $state("");
  level = $state("");
  readonly lines: LogsState;
  readonly search = $derived(readSearch(this.typed, LOG_ROOTS));

  constructor(
    backend: Backend,
    private readonly selection: SelectionState,
  ) {
    this.lines = new LogsState(backend, { services: [] });
  }

  readonly query: LogsQuery = $derived.by(() => {
    const range = this.selection.range;
    return {
      services: [...this.selection.services],
      ...(this.level === "" ? {} : { level: this.level }),
      ...(range === undefined ? {} : { since: new Date(range.from).toISOString(), until: new Date(range.to).toISOString() }),
      ...(this.search.kind === "text" ? { text: this.search.text } : {}),
      ...(this.search.kind === "grep" ? { grep: this.search.grep } : {}),
      ...(this.search.kind === "where" ? { where: this.search.where } : {}),
    };
  });
}
