// What narrows the log view, what is marked in it, and the lines that remain.
import type { Backend } from "../api/backend";
import type { LogLine } from "../api/generated/LogLine";
import type { LogsQuery } from "../api/generated/LogsQuery";
import { PIN_COLOURS, type Pin } from "../lib/rowtext";
import { LOG_ROOTS, readSearch, type Search } from "../lib/search";
import { justAfter, millis } from "../lib/time";
import { withTerm } from "../lib/where";
import { OutlineState } from "./logoutline.svelte";
import type { Range } from "./logrange";
import { LogsState } from "./logs.svelte";
import { LogLooks } from "./prefs.svelte";
import type { SelectionState } from "./selection.svelte";

/** No service has this name: the query for nothing at all. */
const NOBODY = "";

export class LogPanel {
  typed = $state("");
  level = $state("");
  /** Whether the search leaves only its hits, or marks them among all lines. */
  mode = $state<"filter" | "find">("filter");
  muted = $state.raw<readonly string[]>([]);
  pins = $state.raw<readonly Pin[]>([]);
  bookmarks = $state.raw<readonly LogLine[]>([]);
  /** Lines up to this time were cleared from the view; they are still in the log. */
  cleared = $state<string | undefined>();
  /** The line whose neighbours are looked at, whatever the filter says. */
  context = $state.raw<LogLine | undefined>();
  /** The line that keys act on. */
  focus = $state.raw<LogLine | undefined>();
  /** Where the range began that ends at the focus. */
  mark = $state.raw<LogLine | undefined>();
  /** Cursors of lines that are shown with their fields, or whole. */
  expanded = $state.raw<ReadonlySet<string>>(new Set());
  /** Lines that came cut and were asked for whole. */
  wholes = $state.raw<ReadonlyMap<string, LogLine>>(new Map());
  readonly looks = new LogLooks();
  readonly lines: LogsState;
  /** Of the lines that the list holds. */
  readonly outline: OutlineState;
  /** Of the hits among them, where the search only marks. */
  readonly hits: OutlineState;
  readonly search: Search = $derived(readSearch(this.typed, LOG_ROOTS));

  constructor(
    readonly backend: Backend,
    private readonly selection: SelectionState,
    /** The services there are, and a number that changes with every new line. */
    private readonly stack: { names: () => readonly string[]; revision: () => number },
  ) {
    this.lines = new LogsState(backend, { services: [] });
    this.outline = new OutlineState(backend, stack.revision);
    this.hits = new OutlineState(backend, stack.revision);
  }

  readonly services: readonly string[] = $derived.by(() => {
    if (this.muted.length === 0) return [...this.selection.services];
    const asked = this.selection.services.length > 0 ? this.selection.services : this.stack.names();
    const left = asked.filter((name) => !this.muted.includes(name));
    return left.length === 0 ? [NOBODY] : left;
  });

  /** The lines among which there is anything to search. */
  readonly base: LogsQuery = $derived.by(() => {
    const range = this.selection.range;
    const since = [range === undefined ? undefined : new Date(range.from).toISOString(), this.cleared === undefined ? undefined : justAfter(this.cleared)];
    const latest = since.filter((at) => at !== undefined).sort().at(-1);
    return {
      services: [...this.services],
      ...(latest === undefined ? {} : { since: latest }),
      ...(range === undefined ? {} : { until: new Date(range.to).toISOString() }),
    };
  });

  readonly found: LogsQuery = $derived({
    ...this.base,
    ...(this.level === "" ? {} : { level: this.level }),
    ...(this.search.kind === "text" ? { text: this.search.text } : {}),
    ...(this.search.kind === "grep" ? { grep: this.search.grep } : {}),
    ...(this.search.kind === "where" ? { where: this.search.where } : {}),
  });

  /** The lines of the list. */
  readonly query: LogsQuery = $derived.by(() => {
    if (this.context !== undefined) return { services: [...this.services] };
    // A line of a stack trace says little without the others.
    if (this.mode === "filter") return this.search.kind === "none" ? this.found : { ...this.found, records: true };
    return this.level === "" ? this.base : { ...this.base, level: this.level };
  });

  readonly finding: boolean = $derived(this.search.kind !== "none" && (this.mode === "find" || this.context !== undefined));

  readonly range: Range | undefined = $derived.by(() => {
    if (this.mark === undefined || this.focus === undefined || this.mark.cursor === this.focus.cursor) return undefined;
    return inOrder(this.mark, this.focus);
  });

  toggleMuted(service: string): void {
    this.muted = toggled(this.muted, service);
  }

  /** Clears the view of the lines that there are, or shows them again. */
  toggleCleared(): void {
    this.cleared = this.cleared === undefined ? (this.lines.buffer.lines.at(-1)?.ts ?? new Date().toISOString()) : undefined;
  }

  /** Marks a term wherever it stands, in the first colour that is free; a term that is marked already no longer is. */
  pin(text: string): void {
    const term = text.trim();
    if (term === "") return;
    const rest = this.pins.filter((pin) => pin.text !== term);
    const free = Array.from({ length: PIN_COLOURS }, (_, i) => i).find((colour) => rest.every((pin) => pin.colour !== colour));
    if (rest.length < this.pins.length) this.pins = rest;
    else this.pins = free === undefined ? [...rest.slice(1), { text: term, colour: rest[0]?.colour ?? 0 }] : [...rest, { text: term, colour: free }];
  }

  toggleBookmark(line: LogLine): void {
    const rest = this.bookmarks.filter((mark) => mark.cursor !== line.cursor);
    this.bookmarks = rest.length < this.bookmarks.length ? rest : [...rest, line].sort((a, b) => (inOrder(a, b).from === a ? -1 : 1));
  }

  toggleExpanded(line: LogLine): void {
    const next = new Set(this.expanded);
    if (!next.delete(line.cursor)) next.add(line.cursor);
    this.expanded = next;
  }

  async showWhole(line: LogLine): Promise<void> {
    const whole = await this.lines.whole(line);
    if (whole !== undefined) this.wholes = new Map([...this.wholes, [line.cursor, whole]]);
  }

  /** Narrows by one more term of an expression. */
  addTerm(term: string): void {
    this.context = undefined;
    this.mode = "filter";
    this.typed = withTerm(this.typed, term, LOG_ROOTS, "text");
  }

  /** Shows a line among its neighbours, or goes back to what the filter leaves. */
  toggleContext(line: LogLine | undefined): void {
    this.context = this.context === undefined ? line : undefined;
  }

  /** Everything that narrows by words goes. */
  reset(): void {
    this.typed = "";
    this.level = "";
    this.context = undefined;
    this.cleared = undefined;
  }
}

const toggled = (list: readonly string[], item: string): string[] => (list.includes(item) ? list.filter((other) => other !== item) : [...list, item]);

/** Two lines by time; those of one moment by their places. */
export function inOrder(a: LogLine, b: LogLine): Range {
  const apart = millis(a.ts) - millis(b.ts);
  const earlier = apart < 0 || (apart === 0 && a.cursor <= b.cursor);
  return earlier ? { from: a, to: b } : { from: b, to: a };
}
