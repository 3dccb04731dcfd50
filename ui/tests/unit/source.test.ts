// Rules of the house that no linter knows.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(svelte|ts|css)$/.test(name) && !name.startsWith("api/generated"))
  .map((name) => ({ name, text: readFileSync(join(root, "src", name), "utf8") }));

describe("the source", () => {
  it("names no colour outside tokens.css", () => {
    const colour = /#[\da-f]{3,8}\b(?=[;"'\s,)])|\b(?:rgba?|hsla?|oklch|oklab)\(/i;
    const named = files.filter((f) => f.name !== "design/tokens.css" && colour.test(f.text.replace(/url\(#[\w-]+\)/g, ""))).map((f) => f.name);
    expect(named).toEqual([]);
    expect(files.find((f) => f.name === "design/tokens.css")?.text).toMatch(colour);
  });

  it("keeps components below 250 lines", () => {
    expect(files.filter((f) => f.name.endsWith(".svelte") && f.text.split("\n").length > 250).map((f) => f.name)).toEqual([]);
  });

  it("uses only tokens that exist", () => {
    const tokens = files.find((f) => f.name === "design/tokens.css")?.text ?? "";
    const local = new Set(files.flatMap((f) => [...f.text.matchAll(/(?:style:|["'])?(--[\w-]+)["']?\s*[:=,]/g)].map((m) => m[1])));
    const used = new Set(files.flatMap((f) => [...f.text.matchAll(/var\((--[\w-]+)\)/g)].map((m) => m[1] ?? "")));
    expect(tokens.length).toBeGreaterThan(0);
    expect([...used].filter((name) => !local.has(name) && !tokens.includes(`${name}:`))).toEqual([]);
  });
});

describe("the lock file", () => {
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");

  it("holds no download address", () => expect(lock).not.toContain('"resolved"'));

  it("names every platform's package, so that `npm ci` works from an empty cache", () => {
    const packages = (JSON.parse(lock) as { packages: Record<string, { optionalDependencies?: Record<string, string> }> }).packages;
    const missing = Object.values(packages)
      .flatMap((p) => Object.keys(p.optionalDependencies ?? {}))
      .filter((name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)));
    expect(missing).toEqual([]);
  });
});
