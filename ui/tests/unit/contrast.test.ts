import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { describe, expect, it } from "vitest";

import { HUES } from "../../src/lib/hue";
import { contrast, type Oklch } from "./wcag";

/** The colours of `tokens.css` that are a value of OKLCH for each theme. */
function tokens(): Map<string, Record<"light" | "dark", Oklch>> {
  const css = readFileSync(resolve(import.meta.dirname, "../../src/design/tokens.css"), "utf8");
  const read = (text: string) => text.split(" ").map(Number) as unknown as Oklch;
  const found = css.matchAll(/--([\w-]+): light-dark\(oklch\(([\d. ]+)\), oklch\(([\d. ]+)\)\);/g);
  return new Map([...found].map(([, name = "", light = "", dark = ""]) => [name, { light: read(light), dark: read(dark) }]));
}

const all = tokens();
/** By WCAG 2.2, level AA: text, and what is no text but has to be seen. */
const [TEXT, SHAPE] = [4.5, 3];
/** A row may lie on each of these, hovered or selected too. */
const grounds = ["ground", "surface", "raised", "hover", "selected"];
const numbered = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}-${i}`);
const texts = ["text", "text-dim", "text-faint", "accent", "accent-strong", "failed", "reload", "waiting-text", ...numbered("hue-text", HUES)];
const shapes = ["ready", "waiting", "failed", "stopped", "reload", ...numbered("hue", HUES)];

describe.each(["light", "dark"] as const)("in the %s theme", (theme) => {
  const of = (name: string): Oklch => {
    const token = all.get(name);
    if (token === undefined) throw new Error(`no colour \`${name}\` in tokens.css`);
    return token[theme];
  };
  const below = (names: readonly string[], on: readonly string[], least: number) =>
    names.flatMap((name) => on.map((ground) => ({ pair: `${name} on ${ground}`, ratio: Number(contrast(of(name), of(ground)).toFixed(2)) }))).filter(({ ratio }) => ratio < least);

  it("every colour of text can be read on every ground", () => expect(below(texts, grounds, TEXT)).toEqual([]));
  it("every shape can be seen on every ground", () => expect(below(shapes, grounds, SHAPE)).toEqual([]));
  it("what stands on a coloured ground can be read", () => {
    expect(below(["text", "failed"], ["failed-soft"], TEXT)).toEqual([]);
    expect(below(["text", "waiting-text"], ["waiting-soft"], TEXT)).toEqual([]);
    expect(below(texts, ["accent-soft"], TEXT)).toEqual([]);
    expect(below(["on-accent"], ["accent", "accent-strong"], TEXT)).toEqual([]);
    expect(below(["text"], ["hit", ...numbered("pin", 8)], TEXT)).toEqual([]);
  });
  it("what programs colour can be read in the log", () => expect(below(numbered("ansi", 16), ["surface"], TEXT)).toEqual([]));
});

describe("contrast", () => {
  it("is the one of WCAG", () => {
    expect(contrast([0, 0, 0], [1, 0, 0])).toBeCloseTo(21, 1);
    expect(contrast([0.7, 0.1, 30], [0.7, 0.1, 30])).toBe(1);
    // #767676 on white, which the rule's own examples call just enough.
    expect(contrast([0.5659, 0, 0], [1, 0, 0])).toBeCloseTo(4.54, 1);
  });
});
