// Finds commands by a few typed letters.

/** How well `typed` fits `text`: null when a letter is missing, else the higher the better. */
export function score(typed: string, text: string): number | null {
  const [needle, hay] = [typed.toLowerCase().replace(/\s+/g, ""), text.toLowerCase()];
  let at = -1;
  let sum = 0;
  for (const letter of needle) {
    const next = hay.indexOf(letter, at + 1);
    if (next < 0) return null;
    const starts = next === 0 || /[\s\-_:]/.test(hay[next - 1] ?? "");
    sum += next === at + 1 ? 3 : starts ? 2 : 0;
    at = next;
  }
  return sum - hay.length / 100;
}

/** The items that fit, the best first; all of them in their own order when nothing is typed. */
export function rank<T>(typed: string, items: readonly T[], text: (item: T) => string): T[] {
  if (typed.trim() === "") return [...items];
  return items
    .map((item) => ({ item, fit: score(typed, text(item)) }))
    .filter((entry): entry is { item: T; fit: number } => entry.fit !== null)
    .sort((a, b) => b.fit - a.fit)
    .map((entry) => entry.item);
}
