// A service has one colour everywhere, found from its name alone.

export const HUES = 12;

/** Which of the twelve hues of `tokens.css` (`--hue-0` to `--hue-11`) a service has. FNV-1a, folded. */
export function hueIndex(service: string): number {
  let hash = 0x811c9dc5;
  for (const char of service) {
    hash ^= char.codePointAt(0) ?? 0;
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return ((hash ^ (hash >>> 16)) >>> 0) % HUES;
}

/** The colour as a CSS value. `outside` has none of its own. */
export const hue = (service: string | undefined): string => colour(service, "hue");

/** The same for text, which has to be darker on light ground. */
export const hueText = (service: string | undefined): string => colour(service, "hue-text");

const colour = (service: string | undefined, kind: string): string =>
  service === undefined || service === "outside" ? "var(--text-faint)" : `var(--${kind}-${hueIndex(service)})`;
