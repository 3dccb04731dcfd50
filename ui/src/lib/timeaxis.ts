// The time axis: which bins, where things stand on it, and which marks share a place.
import type { Event } from "../api/generated/Event";
import { clock, clockSeconds } from "./format";
import { clamp } from "./scale";

export interface Axis {
  /** In milliseconds since 1970. */
  since: number;
  until: number;
  bins: number;
}

/** The spans that can be chosen, in seconds, and all of the session. */
export const SPANS = [300, 1800, 7200, 21_600, 86_400, "session"] as const;
export type Span = (typeof SPANS)[number];
/** Calls are counted for a day, those of earlier sessions too; in milliseconds. */
const COUNTED_MS = 86_400_000;
/** A session that has just begun has some room on its axis, in seconds. */
const LEAST_SESSION = 60;
const MOST_BINS = 300;

/**
 * The last `span` seconds in whole bins that are over, of one second or as many as keep them at 300: bars neither
 * shimmer nor grow.
 */
export function axisAt(now: number, span: number): Axis {
  const bin = Math.max(1, Math.ceil(span / MOST_BINS)) * 1000;
  const until = Math.floor(now / bin) * bin;
  const bins = Math.ceil((span * 1000) / bin);
  return { since: until - bins * bin, until, bins };
}

/** How many seconds a span is at `now`, for a session that `began` then. */
export const spanSeconds = (span: Span, began: number, now: number): number =>
  span === "session" ? Math.max(LEAST_SESSION, Math.ceil((now - began) / 1000)) : span;

/** Where an axis of so many milliseconds may end: not after now, and not before there was anything. Undefined is now. */
export function panTo(until: number, length: number, began: number, now: number): number | undefined {
  const first = Math.min(began, now - COUNTED_MS) + length;
  return until >= now || first >= now ? undefined : Math.max(until, first);
}

/** A range moved by a step of a twentieth of the axis, or made longer or shorter by one; it stays on the axis. */
export function stepRange(axis: Axis, range: { from: number; to: number }, step: 1 | -1, size: boolean): { from: number; to: number } {
  const unit = (axis.until - axis.since) / 20;
  if (size) return { from: range.from, to: clamp(range.to + step * unit, range.from + unit, Math.max(axis.until, range.from + unit)) };
  const by = slideBy(axis, range, step * unit);
  return { from: range.from + by, to: range.to + by };
}

/** How far a range may be moved when it is to be moved so far. */
export const slideBy = (axis: Axis, range: { from: number; to: number }, by: number): number =>
  Math.min(Math.max(0, axis.until - range.to), Math.max(axis.since - range.from, by));

export const toX = (axis: Axis, width: number, at: number): number => ((at - axis.since) / (axis.until - axis.since)) * width;

export const toTime = (axis: Axis, width: number, x: number): number =>
  axis.since + (Math.max(0, Math.min(width, x)) / width) * (axis.until - axis.since);

/** Bars from the ground up as one path; `most` fills the height. */
export function bars(values: readonly number[], width: number, height: number, most: number): string {
  const step = width / Math.max(1, values.length);
  const bar = Math.max(0.75, step - (step > 3 ? 1 : 0));
  return values
    .map((value, i) => {
      if (value <= 0 || most <= 0) return "";
      const tall = Math.max(1, (value / most) * height);
      return `M${round(i * step)} ${height}v${round(-tall)}h${round(bar)}v${round(tall)}z`;
    })
    .join("");
}

export type MarkKind = "failed" | "reload" | "ready" | "other";

export interface Mark {
  x: number;
  kind: MarkKind;
  events: Event[];
}

/** What was read of all events, and the newest ones that the session tells by itself; of another session: these alone. */
export function joinEvents(read: readonly Event[], newest: readonly Event[]): readonly Event[] {
  const [last, first] = [read.at(-1), newest[0]];
  if (last === undefined) return newest;
  // A session that took the place of another counts its events anew.
  if ((newest.at(-1)?.seq ?? 0) < last.seq) return newest.length === 0 ? read : newest;
  const same = newest.find((event) => event.seq === last.seq);
  if (same !== undefined && same.ts !== last.ts) return newest;
  return first === undefined ? read : [...read.filter((event) => event.seq < first.seq), ...newest];
}

const SEVERITY: MarkKind[] = ["failed", "reload", "ready", "other"];

export function markKind(event: Event): MarkKind {
  if (event.ok === false || ["failed", "crashed"].includes(event.kind)) return "failed";
  if (event.kind === "exited" && event.exit_code !== undefined && event.exit_code !== 0) return "failed";
  if (event.kind === "reload" || event.kind === "manifest") return "reload";
  return event.kind === "ready" ? "ready" : "other";
}

/** Events by place; those closer than `gap` pixels stack on one mark, which shows the worst of them. */
export function stackMarks(events: readonly Event[], axis: Axis, width: number, gap = 26): Mark[] {
  const marks: Mark[] = [];
  for (const event of events) {
    const at = Date.parse(event.ts);
    if (Number.isNaN(at) || at < axis.since || at > axis.until) continue;
    const x = toX(axis, width, at);
    const last = marks.at(-1);
    if (last !== undefined && x - last.x < gap) {
      last.events.push(event);
      if (SEVERITY.indexOf(markKind(event)) < SEVERITY.indexOf(last.kind)) last.kind = markKind(event);
    } else marks.push({ x, kind: markKind(event), events: [event] });
  }
  return marks;
}

/** Where to write the time under the axis: whole minutes, or whole multiples that leave room for the text. */
export function ticks(axis: Axis, width: number, room = 90): number[] {
  const span = axis.until - axis.since;
  const steps = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200].map((s) => s * 1000);
  const day = 86_400_000;
  const step = steps.find((s) => (s / span) * width >= room) ?? day * Math.max(1, Math.ceil(((room / width) * span) / day));
  const found: number[] = [];
  for (let at = Math.ceil(axis.since / step) * step; toX(axis, width, at) <= width - room / 2; at += step) found.push(at);
  return found;
}

/** A time under the axis: with seconds where minutes are seen, with the day where days are. */
export function tickText(axis: Axis, at: number): string {
  const length = axis.until - axis.since;
  if (length <= 3_600_000) return clockSeconds(at);
  const minutes = clock(at).slice(0, 5);
  if (length <= COUNTED_MS) return minutes;
  return `${new Date(at).toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${minutes}`;
}

const round = (n: number): number => Math.round(n * 100) / 100;
