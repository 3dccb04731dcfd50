// Where a key moves the selection in a list.

/** The new place in a list of `length`, or undefined when the key moves nothing. `at` is -1 for none. */
export function moved(key: string, at: number, length: number): number | undefined {
  if (length === 0) return undefined;
  if (key === "Home") return 0;
  if (key === "End") return length - 1;
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20 }[key];
  return step === undefined ? undefined : Math.max(0, Math.min(length - 1, at + (at < 0 ? 1 : step)));
}
