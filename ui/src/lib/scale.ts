// Lengths for numbers that span many powers of ten.

/** The share of a bar for a duration: 0.1 ms and less is nearly nothing, 10 s and more is all of it. */
export const barShare = (ms: number): number => clamp(Math.log10(Math.max(ms, 0.1) / 0.1) / 5, 0.02, 1);

/** The width of an edge in pixels for calls a second: 1.25 for none up to 6 for a thousand. */
export const edgeWidth = (perSecond: number): number => 1.25 + clamp(Math.log10(1 + perSecond) / 3, 0, 1) * 4.75;

/** The share of an edge that is red: none without errors, else never too little to be seen. */
export const redShare = (errors: number, calls: number): number => (errors <= 0 || calls <= 0 ? 0 : clamp(errors / calls, 0.1, 1));

export const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(most, value));
