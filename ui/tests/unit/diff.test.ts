import { describe, expect, it } from "vitest";

import { bodyText, factsOf } from "../../src/lib/compare";
import { folded, lineDiff, pairDiff, type DiffRow } from "../../src/lib/diff";
import { traceOf } from "../../src/lib/trace";
import { call } from "./make";

/** `=a` for a line of both, `-a` of the left, `+b` of the right, `a|b` for two that stand beside each other. */
const told = (rows: DiffRow[]) =>
  rows.map(({ left, right, same }) => (same ? `=${left}` : right === undefined ? `-${left}` : left === undefined ? `+${right}` : `${left}|${right}`));
const diff = (left: string, right: string) => told(lineDiff(left, right));

describe("the difference of two texts", () => {
  it.each([
    ["", "", []],
    ["a", "a", ["=a"]],
    ["", "a\nb", ["+a", "+b"]],
    ["a\nb\n", "", ["-a", "-b"]],
    ["a\nb\nc", "a\nx\nc", ["=a", "b|x", "=c"]],
    ["a\nc", "a\nb\nc", ["=a", "+b", "=c"]],
    ["a\nb\nc\nd", "b\nd\ne", ["-a", "=b", "-c", "=d", "+e"]],
    ["a\n\na", "a\n\n\na", ["=a", "=", "+", "=a"]],
    ["x\ny", "p\nq\nr", ["x|p", "y|q", "+r"]],
  ])("%j and %j", (left, right, expected) => expect(diff(left, right)).toEqual(expected));

  it("keeps every line of both sides, whatever they are", () => {
    let seed = 7;
    const random = (n: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    for (let round = 0; round < 200; round += 1) {
      const side = () => Array.from({ length: random(9) + 1 }, () => "abc"[random(3)]).join("\n");
      const [left, right] = [side(), side()];
      const rows = lineDiff(left, right);
      expect(rows.flatMap((r) => r.left ?? []).join("\n")).toBe(left);
      expect(rows.flatMap((r) => r.right ?? []).join("\n")).toBe(right);
      expect(rows.every((r) => !r.same || r.left === r.right)).toBe(true);
    }
  });

  it("does not compare what is too long one by one", () => {
    const long = (word: string) => Array.from({ length: 3000 }, (_, i) => `${word}${i}`).join("\n");
    expect(lineDiff(long("a"), long("b")).length).toBe(3000);
  });

  it("leaves out what is the same far from any difference", () => {
    const rows = lineDiff("1\n2\n3\n4\n5\n6", "1\n2\n3\n4\n5\nx");
    expect(folded(rows, 1).map((r) => (r === null ? "…" : r.left))).toEqual(["…", "5", "6"]);
    expect(folded(lineDiff("1\n2", "1\n2"))).toEqual([null]);
  });

  it("sets names and values against each other", () => {
    expect(pairDiff({ a: "1", b: "2" }, { b: "3", c: "4" }).map((r) => [r.name, r.left, r.right, r.same])).toEqual([
      ["a", "1", undefined, false], ["b", "2", "3", false], ["c", undefined, "4", false],
    ]);
  });
});

describe("two calls compared", () => {
  it("tells the facts that are known", () => {
    expect(factsOf(call(1, { status: "500", ok: false, ms: 12 }))).toMatchObject({ Status: "500", Outcome: "failed", "Time taken": "12 ms" });
    expect(Object.keys(factsOf(call(1)))).not.toContain("Status");
  });

  it("spreads JSON over lines, and tells the messages of a stream one by one", () => {
    expect(bodyText({ bytes: 8, body: '{"a":1}' })).toBe('{\n  "a": 1\n}');
    expect(bodyText({ bytes: 8, parts: [{ ts: "", kind: "text", bytes: 2, body: "hi" }, { ts: "", kind: "ping", bytes: 0 }] })).toBe("text hi\nping 0 B");
    expect(bodyText(undefined)).toBe("");
  });
});

describe("the trace of a line", () => {
  const id = "b59455571feac836170709eca03e565b";
  it.each([
    [{ text: "", fields: { trace_id: id } }, id],
    [{ text: "", fields: { traceparent: `00-${id}-00f067aa0ba902b7-01` } }, id],
    [{ text: `level=info path=/ trace=${id}` }, id],
    [{ text: `{"traceId":"${id.toUpperCase()}"}` }, id],
    [{ text: "a trace: none", fields: { trace: 7 } }, undefined],
    [{ text: id }, undefined],
  ])("of %j", (line, expected) => expect(traceOf(line)).toBe(expected));
});
