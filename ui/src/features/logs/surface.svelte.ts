// The log view between its lines and the screen: which rows there are, what each looks like, where the reader is.
import type { LogLine } from "../../api/generated/LogLine";
import type { Rows } from "../../lib/listview";
import { momentAt, placeOf } from "../../lib/outline";
import { millis } from "../../lib/time";
import { inOrder, type LogPanel } from "../../state/logpanel.svelte";
import { LogList } from "./list";
import { fillRow, heightOf, makeRow, type Looks } from "./row";

const ROW = 20;
/** Rows from either end of what is held at which more is read. */
const NEAR = 200;
/** What stands beside the text apart from time and service: the level, gaps and padding. */
const BESIDE = 14 + 3 * 10 + 26;
export const TIME_WIDTH = { local: 88, utc: 96, relative: 88, delta: 72 };
const SAID_MS = 4000;

export class LogSurface {
  height = $state(0);
  width = $state(0);
  /** How wide a letter is. */
  letter = $state(7.2);
  /** What was just done, for a moment. */
  said = $state("");
  /** How far down all lines the view is, from 0 to 1. */
  view = $state.raw({ from: 0, to: 1 });
  list: LogList | undefined = $state.raw();

  constructor(
    readonly panel: LogPanel,
    /** The reader looks at a line; `open`: closely. */
    private readonly selected: (line: LogLine, open: boolean) => void,
    readonly search: () => void,
  ) {}

  /** Long names are cut where there is little room for the text. */
  readonly serviceWidth: number = $derived(this.width < 560 ? 60 : 92);

  readonly looks: Looks = $derived.by(() => ({
    search: this.panel.search,
    pins: this.panel.pins,
    wrap: this.panel.looks.wrap,
    time: this.panel.looks.time,
    fits: Math.max(10, Math.floor((this.width - BESIDE - this.serviceWidth - TIME_WIDTH[this.panel.looks.time]) / this.letter)),
    reference: this.panel.looks.time === "relative" ? this.panel.focus?.ts : undefined,
  }));

  show(host: HTMLElement): () => void {
    const list = new LogList(host, { make: makeRow, fill: (row, at) => this.#fill(row, at), rows: () => this.rows(), moved: (by) => this.#moved(by) });
    this.list = list;
    return () => list.stop();
  }

  /** Turns of the wheel on `host` move the list. */
  wheel(host: HTMLElement): () => void {
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    const turned = (event: WheelEvent) => {
      if (event.ctrlKey) return;
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === 1 ? ROW : event.deltaMode === 2 ? this.height : 1);
      // A wheel turns in steps; a finger moves by single pixels and is followed as it is.
      this.list?.by(pixels, Math.abs(pixels) > 50 && !calm.matches);
    };
    // Said by hand, since Svelte's own listeners cannot keep the page from scrolling.
    host.addEventListener("wheel", turned, { passive: false });
    return () => host.removeEventListener("wheel", turned);
  }

  lineAt(row: number): LogLine | undefined {
    const { buffer } = this.panel.lines;
    const line = buffer.lines[row - buffer.dropped];
    return line === undefined ? undefined : (this.panel.wholes.get(line.cursor) ?? line);
  }

  rows(): Rows {
    const { buffer } = this.panel.lines;
    const { expanded } = this.panel;
    const flat = !this.looks.wrap && expanded.size === 0;
    const height = (row: number) => {
      const line = flat ? undefined : this.lineAt(row);
      return line === undefined ? ROW : ROW * heightOf(line, this.looks, expanded.has(line.cursor));
    };
    return { first: buffer.dropped, end: buffer.dropped + buffer.lines.length, height };
  }

  /** Lines or looks changed: stays at the end, or where the reader is. */
  refresh(): void {
    const { list } = this;
    if (list === undefined) return;
    list.height = this.height;
    if (this.panel.lines.following) list.toEnd();
    else list.settle();
    list.draw(true);
    this.measure();
    this.#readAround();
  }

  measure(): void {
    const { lines, outline } = this.panel;
    const { buffer } = lines;
    const n = buffer.lines.length;
    if (this.list === undefined || n === 0) return;
    const { first, last } = this.list.view;
    if (buffer.before === undefined && !lines.detached) {
      this.view = { from: (first - buffer.dropped) / n, to: (last + 1 - buffer.dropped) / n };
      return;
    }
    const share = Math.min(1, (last - first + 1) / Math.max(outline.data.hits, n));
    const top = this.lineAt(first);
    const from = lines.following || top === undefined ? 1 - share : Math.min(placeOf(outline.data, millis(top.ts)), 1 - share);
    this.view = { from, to: from + share };
  }

  /** Goes to a place from 0 to 1 among all lines. */
  go(place: number): void {
    const { lines, outline } = this.panel;
    const { buffer } = lines;
    lines.follow(false);
    if (buffer.before === undefined && !lines.detached && this.list !== undefined) {
      const shown = Math.floor(this.height / ROW);
      this.list.go(buffer.dropped + Math.round(place * Math.max(0, buffer.lines.length - shown)), false);
      this.list.draw(false);
      this.measure();
    } else if (place >= 1) this.follow(true);
    else void lines.jump({ moment: momentAt(outline.data, place) });
  }

  follow(on: boolean): void {
    this.panel.lines.follow(on);
    if (on) this.list?.toEnd();
  }

  /** The line that keys act on, and its row when it is held. */
  at(): { line: LogLine; row: number } | undefined {
    const { buffer } = this.panel.lines;
    const line = this.panel.focus;
    const index = line === undefined ? -1 : buffer.lines.findIndex((other) => other.cursor === line.cursor);
    return line === undefined || index < 0 ? undefined : { line, row: index + buffer.dropped };
  }

  /** Looks at the line of a row; with `extend` the range goes on to it. */
  select(row: number, extend: boolean, open = false): void {
    const line = this.lineAt(row);
    if (line === undefined) return;
    const { panel } = this;
    panel.mark = extend ? (panel.mark ?? panel.focus ?? line) : undefined;
    panel.focus = line;
    panel.lines.follow(false);
    this.list?.reveal(row);
    this.selected(line, open);
  }

  /** Goes to a line wherever it is, and looks at it among its neighbours. */
  goTo(line: LogLine): void {
    this.panel.focus = line;
    this.panel.mark = undefined;
    this.selected(line, false);
    const held = this.panel.lines.changing ? undefined : this.at();
    if (held === undefined) void this.panel.lines.jump({ line });
    else {
      this.panel.lines.follow(false);
      const view = this.list?.view;
      if (view === undefined || held.row <= view.first || held.row >= view.last) this.list?.go(held.row, true);
      this.refresh();
    }
  }

  say(text: string): void {
    this.said = text;
    setTimeout(() => this.said === text && (this.said = ""), SAID_MS);
  }

  #fill(row: HTMLElement, at: number): void {
    const line = this.lineAt(at);
    if (line === undefined) return;
    const { panel } = this;
    const { range } = panel;
    fillRow(row, line, this.looks, {
      expanded: panel.expanded.has(line.cursor),
      selected: line.cursor === panel.focus?.cursor,
      ranged: range !== undefined && inOrder(range.from, line).from === range.from && inOrder(line, range.to).to === range.to,
      bookmarked: panel.bookmarks.some((mark) => mark.cursor === line.cursor),
      above: this.lineAt(at - 1),
    });
  }

  #moved(by: number): void {
    const { lines } = this.panel;
    if (this.list === undefined) return;
    const { atEnd } = this.list;
    if (by < 0 && lines.following && !atEnd) lines.follow(false);
    if (by > 0 && !lines.following && !lines.detached && atEnd) lines.follow(true);
    this.measure();
    this.#readAround();
  }

  #readAround(): void {
    const { lines } = this.panel;
    const { buffer } = lines;
    if (this.list === undefined) return;
    const { first, last } = this.list.view;
    if (first - buffer.dropped < NEAR && !lines.loading) void lines.readOlder();
    if (buffer.dropped + buffer.lines.length - last < NEAR) void lines.readNewer();
  }
}
