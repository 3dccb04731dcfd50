// The time axis: which bins, where things stand on it, and which marks share a place.
import type { Event } from "../api/generated/Event";

export interface Axis {
  /** In milliseconds since 1970. */
  since: number;
  until: number;
  bins: number;
}

/** The spans that can be chosen, in seconds. */
export const SPANS = [300, 1800, 7200] as const;
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
  const step = [15, 30, 60, 120, 300, 600, 900, 1800, 3600].map((s) => s * 1000).find((s) => (s / span) * width >= room) ?? 7_200_000;
  const found: number[] = [];
  for (let at = Math.ceil(axis.since / step) * step; toX(axis, width, at) <= width - room / 2; at += step) found.push(at);
  return found;
}

const round = (n: number): number => Math.round(n * 100) / 100;
