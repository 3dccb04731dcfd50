// Times of RFC 3339 with all of their digits, which `Date` drops. Pure.

/** Milliseconds since 1970, fractions of one included: calls follow each other within microseconds. */
export function millis(ts: string): number {
  const whole = Date.parse(ts);
  const digits = /\.(\d+)/.exec(ts)?.[1] ?? "";
  return whole + Number(`0.${digits.slice(3) || "0"}`);
}

/** The moment one nanosecond behind a time of RFC 3339: what begins there leaves the line itself out. */
export function justAfter(ts: string): string {
  const [, head, digits = ""] = /^([^.Z]+)(?:\.(\d+))?Z?$/.exec(ts) ?? [];
  const nanos = BigInt(Date.parse(`${head}Z`)) * 1_000_000n + BigInt(digits.padEnd(9, "0").slice(0, 9)) + 1n;
  return `${new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, 19)}.${String(nanos % 1_000_000_000n).padStart(9, "0")}Z`;
}
