// Numbers and times for people. Every number gets a unit.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** `12`, `1,234`, `12.3k`, `4.56M`. */
export function count(n: number): string {
  if (n < 10_000) return whole.format(n);
  if (n < 1_000_000) return `${trim(n / 1000)}k`;
  return `${trim(n / 1_000_000)}M`;
}

/** `0/s`, `0.4/s`, `84/s`, `1.2k/s`. */
export function rate(perSecond: number): string {
  if (perSecond > 0 && perSecond < 0.05) return "<0.1/s";
  return `${perSecond < 10 ? trim(perSecond, 2) : perSecond < 1000 ? whole.format(perSecond) : `${trim(perSecond / 1000)}k`}/s`;
}

/** `0 B`, `812 B`, `61 MB`: decimal units, as disks and networks count. */
export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = n;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 9.95 ? whole.format(value) : trim(value, 2)} ${units[unit]}`;
}

/** `0.4 ms`, `12 ms`, `1.24 s`, `2 min 5 s`. */
export function ms(milliseconds: number): string {
  if (milliseconds < 999.5) return `${milliseconds < 10 ? trim(milliseconds, 2) : whole.format(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${trim(seconds)} s`;
  return span(seconds);
}

/** A span in seconds by its two largest units: `12 s`, `4 min 3 s`, `2 h 5 min`, `3 d 1 h`. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return pair(s, 60, "min", "s");
  if (s < 86_400) return pair(Math.round(s / 60), 60, "h", "min");
  return pair(Math.round(s / 3600), 24, "d", "h");
}

/** Cores in use as percent of one core. */
export const cpu = (cores: number): string => `${cores < 0.0995 ? (cores * 100).toFixed(1) : whole.format(cores * 100)} %`;

/** `14:03:27.512` in local time. */
export function clock(timestamp: string | number): string {
  const at = new Date(timestamp);
  if (Number.isNaN(at.getTime())) return String(timestamp);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** `14:03:27` in local time. */
export const clockSeconds = (timestamp: string | number): string => clock(timestamp).slice(0, 8);

/** `1 service`, `2 services`. */
export const plural = (n: number, one: string, many = `${one}s`): string => `${whole.format(n)} ${n === 1 ? one : many}`;

function pair(n: number, per: number, large: string, small: string): string {
  const rest = n % per;
  return rest === 0 ? `${Math.floor(n / per)} ${large}` : `${Math.floor(n / per)} ${large} ${rest} ${small}`;
}

// Three significant digits at most, no trailing zeros.
function trim(value: number, digits = 3): string {
  return String(Number(value.toPrecision(digits)));
}
