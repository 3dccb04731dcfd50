// The time of a line in the forms that a reader may want. Pure.
import { clock } from "./format";
import { millis } from "./time";

export type TimeForm = "local" | "utc" | "relative" | "delta";

export const TIME_FORMS: readonly { id: TimeForm; label: string }[] = [
  { id: "local", label: "Local time" },
  { id: "utc", label: "UTC" },
  { id: "relative", label: "Since the selected line" },
  { id: "delta", label: "Since the line before" },
];

/** `reference` is the selected line's time, `before` that of the line above; what there is none of is left open. */
export function timeText(ts: string, form: TimeForm, reference: string | undefined, before: string | undefined): string {
  switch (form) {
    case "local":
      return clock(ts);
    case "utc":
      return `${ts.slice(11, 23).padEnd(12, "0")}Z`;
    case "relative":
      return reference === undefined ? clock(ts) : signed(millis(ts) - millis(reference));
    case "delta":
      return before === undefined ? "" : signed(millis(ts) - millis(before));
  }
}

/** `+1.204 s`, `-35 ms`, `+2:05 min`: seven places at most. */
function signed(ms: number): string {
  const [sign, size] = [ms < 0 ? "−" : "+", Math.abs(ms)];
  if (size < 1) return `${sign}${size.toFixed(2)} ms`;
  if (size < 1000) return `${sign}${size.toFixed(size < 10 ? 1 : 0)} ms`;
  if (size < 60_000) return `${sign}${(size / 1000).toFixed(2)} s`;
  const seconds = Math.floor(size / 1000);
  const two = (n: number) => String(n).padStart(2, "0");
  return seconds < 3600
    ? `${sign}${Math.floor(seconds / 60)}:${two(seconds % 60)} min`
    : `${sign}${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)} h`;
}
