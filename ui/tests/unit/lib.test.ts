import { describe, expect, it } from "vitest";

import { hexDump, readBody, readPart } from "../../src/lib/body";
import { bytes, clock, count, cpu, ms, plural, rate, span } from "../../src/lib/format";
import { hueIndex, HUES } from "../../src/lib/hue";
import { jsonTokens } from "../../src/lib/jsontokens";
import { levelLetter, lineParts } from "../../src/lib/lineparts";
import { literals } from "../../src/lib/literals";
import { captureTitle, whatIsLost } from "../../src/lib/losses";
import { rank, score } from "../../src/lib/match";
import { barShare, edgeWidth, redShare } from "../../src/lib/scale";
import { scrollToShow, visibleRows } from "../../src/lib/window";
import { line } from "./make";

describe("numbers for people", () => {
  it.each([[0, "0"], [9999, "9,999"], [10_000, "10k"], [123_456, "123k"], [4_560_000, "4.56M"]])("counts %d as %s", (n, text) => expect(count(n)).toBe(text));
  it.each([[0, "0 B"], [999, "999 B"], [1000, "1 kB"], [61_400_000, "61 MB"], [4_960_000, "5 MB"], [1_430, "1.4 kB"], [999_999, "1 MB"], [1.5e12, "1.5 TB"]])("sizes %d as %s", (n, text) => expect(bytes(n)).toBe(text));
  it.each([[0, "0 ms"], [0.41, "0.41 ms"], [9.96, "10 ms"], [12.4, "12 ms"], [999.7, "1 s"], [1240, "1.24 s"], [125_000, "2 min 5 s"]])("times %d as %s", (n, text) => expect(ms(n)).toBe(text));
  it.each([[0, "0/s"], [0.01, "<0.1/s"], [0.42, "0.42/s"], [84.2, "84/s"], [1240, "1.24k/s"]])("rates %d as %s", (n, text) => expect(rate(n)).toBe(text));
  it.each([[0, "0 s"], [59.7, "1 min"], [3600, "1 h"], [3725, "1 h 2 min"], [90_000, "1 d 1 h"]])("spans %d as %s", (n, text) => expect(span(n)).toBe(text));
  it.each([[0, "0.0 %"], [0.0046, "0.5 %"], [0.12, "12 %"], [1.5, "150 %"]])("cores %d as %s", (n, text) => expect(cpu(n)).toBe(text));
  it("says one and many", () => expect([plural(1, "error"), plural(2, "error")]).toEqual(["1 error", "2 errors"]));

  it("tells the time of day, and shows what is no time as it is", () => {
    expect(clock("2026-11-23T06:05:04.003000000Z")).toMatch(/^\d\d:05:04\.003$/);
    expect(clock("soon")).toBe("soon");
  });
});

describe("hues", () => {
  it("are always one of the twelve, and the same for the same name", () => {
    const seen = new Set(Array.from({ length: 400 }, (_, i) => hueIndex(`service-${i}`)));
    expect([...seen].every((h) => Number.isInteger(h) && h >= 0 && h < HUES)).toBe(true);
    expect(seen.size).toBe(HUES);
    expect(hueIndex("orders")).toBe(hueIndex("orders"));
  });
});

describe("a log line", () => {
  it("shows the message of JSON first and the other fields behind it", () => {
    const parts = lineParts(line(1, { text: '{"level":"info","msg":"placed","order":7,"tags":["a"]}', fields: { level: "info", msg: "placed", order: 7, tags: ["a"] } }));
    expect(parts).toEqual({ text: "placed", rest: 'order=7 tags=["a"]' });
  });

  it("stays as it is when it is no JSON or has no message", () => {
    expect(lineParts(line(1, { text: "msg=hi a=1", fields: { msg: "hi", a: 1 } }))).toEqual({ text: "msg=hi a=1", rest: "" });
    expect(lineParts(line(1, { text: '{"a":1}', fields: { a: 1 } }))).toEqual({ text: '{"a":1}', rest: "" });
  });

  it("has a letter for each level it knows", () => expect(["trace", "error", "odd", undefined].map(levelLetter)).toEqual(["T", "E", "", ""]));
});

describe("bodies", () => {
  it("are JSON, text, bytes or nothing", () => {
    const json = { kind: "json", label: "JSON", text: '{\n  "a": 1\n}' };
    const text = (body: string) => ({ kind: "text", label: "Text", text: body });
    expect(readBody({ body: '{"a":1}' })).toEqual([json, text('{"a":1}')]);
    expect(readBody({ body: '{"a":1}', media: "application/json" })).toEqual([json]);
    expect(readBody({ body: '{"a":', truncated: true })).toEqual([text('{"a":')]);
    expect(readBody({ body: "hi" })).toEqual([text("hi")]);
    expect(readBody({ body: "00ff", binary: true }).map((view) => view.kind)).toEqual(["hex"]);
    expect(readBody({})).toEqual([]);
  });

  it("shows rows and forms as tables, and images as such", () => {
    const [rows] = readBody({ body: '[{"id":1,"name":"lamp"},{"id":2,"tags":["a"]}]', media: "application/json" });
    expect(rows).toEqual({ kind: "table", label: "Rows", columns: ["id", "name", "tags"], rows: [["1", "lamp", ""], ["2", "", '["a"]']] });
    const form = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
    expect(readBody({ body: "q=a+b&q=%26", headers: form })[0]).toMatchObject({ columns: ["Field", "Value"], rows: [["q", "a b"], ["q", "&"]] });
    const png = { body: "89504e47", binary: true, headers: { "content-type": "image/png" } };
    expect(readBody(png)[0]).toEqual({ kind: "image", label: "Image", url: "data:image/png;base64,iVBORw==" });
    expect(readBody({ ...png, truncated: true }).map((view) => view.kind)).toEqual(["hex"]);
    expect(readBody({ ...png, headers: { "content-type": "image/svg+xml" } }).map((view) => view.kind)).toEqual(["hex"]);
  });

  it("of streams show what a decoder made of them, beside the bytes", () => {
    const part = { ts: "", kind: "message", bytes: 2, body: "0801", binary: true };
    expect(readPart(part).map((view) => view.label)).toEqual(["Hex"]);
    expect(readPart({ ...part, decoded: '{"ok":true}', media: "application/json" }).map((view) => view.label)).toEqual(["JSON", "Hex"]);
    expect(readPart({ ...part, decoded: "1: 1\n", media: "text/plain" }).map((view) => view.label)).toEqual(["Fields", "Hex"]);
  });

  it("of protobuf and GraphQL show what is in them first, and as it came behind", () => {
    const bytes = { body: "0801", binary: true, headers: { "content-type": "application/proto" } };
    expect(readBody({ ...bytes, fields: "1: 1\n" }).map((view) => view.label)).toEqual(["Fields", "Hex"]);
    expect(readBody({ ...bytes, fields: '{"ok":true}' })[0]).toMatchObject({ kind: "json", text: '{\n  "ok": true\n}' });
    const { body, ...hidden } = bytes;
    expect(body).toBe("0801");
    expect(readBody({ ...hidden, fields: '{"password":"[redacted]"}' }).map((view) => view.kind)).toEqual(["json", "text"]);
    const query = "query Cart {\n  cart { id }\n}";
    const asked = readBody({ body: JSON.stringify({ query, variables: { id: 1 } }), media: "application/json" });
    expect(asked.map((view) => view.label)).toEqual(["JSON", "Query"]);
    expect(asked[1]).toEqual({ kind: "text", label: "Query", text: query });
    expect(readBody({ body: '{"query":"shoes"}', media: "application/json" })).toHaveLength(1);
  });

  it("dump sixteen bytes a line", () => {
    const lines = hexDump("48656c6c6f00".padEnd(34, "f")).split("\n");
    expect(lines[0]).toBe("000000  48 65 6c 6c 6f 00 ff ff ff ff ff ff ff ff ff ff  Hello...........");
    expect(lines[1]?.startsWith("000010  ff")).toBe(true);
  });

  it("keep every character when coloured", () => {
    const text = '{\n  "a\\"b": [1.5e3, true, null, "x: \\"y\\""],\n  "c": {}\n} trailing';
    expect(jsonTokens(text).map((t) => t.text).join("")).toBe(text);
    expect(jsonTokens(text).filter((t) => t.kind === "key").map((t) => t.text)).toEqual(['"a\\"b"', '"c"']);
  });
});

describe("the window of a long list", () => {
  it("holds the rows in view and a few more", () => {
    expect(visibleRows(0, 400, 20, 10_000)).toEqual({ first: 0, end: 28 });
    expect(visibleRows(2010, 400, 20, 10_000)).toEqual({ first: 92, end: 129 });
    expect(visibleRows(0, 400, 20, 3)).toEqual({ first: 0, end: 3 });
    expect(visibleRows(90_000, 400, 20, 3)).toEqual({ first: 3, end: 3 });
    expect(visibleRows(0, 0, 20, 0)).toEqual({ first: 0, end: 0 });
  });

  it("moves as little as it can to show a row", () => expect([scrollToShow(0, 100, 200, 20), scrollToShow(20, 100, 200, 20), scrollToShow(8, 100, 200, 20)]).toEqual([0, 220, 100]));
});

describe("finding commands", () => {
  it("prefers words' beginnings and neighbouring letters", () => {
    expect(rank("ro", ["Show errors", "Restart orders", "Rotate"], (x) => x)[0]).toBe("Rotate");
    expect(rank("sl", ["Stop all", "Show logs", "Disable"], (x) => x)[0]).toBe("Show logs");
    expect(score("zz", "Show logs")).toBeNull();
    expect(rank(" ", ["b", "a"], (x) => x)).toEqual(["b", "a"]);
  });
});

describe("scales", () => {
  it("stay within their bounds", () => {
    for (const n of [0, 1e-9, 1, 1e3, 1e12]) {
      expect(barShare(n)).toBeGreaterThan(0);
      expect(barShare(n)).toBeLessThanOrEqual(1);
      expect(edgeWidth(n)).toBeGreaterThanOrEqual(1.25);
      expect(edgeWidth(n)).toBeLessThanOrEqual(6);
    }
    expect([redShare(0, 9), redShare(1, 1e6), redShare(5, 10), redShare(1, 0)]).toEqual([0, 0.1, 0.5, 0]);
  });
});

describe("literals", () => {
  it("are set apart without their marks", () => {
    expect(literals("Port `5432` is taken")).toEqual([{ text: "Port ", literal: false }, { text: "5432", literal: true }, { text: " is taken", literal: false }]);
    expect(literals("an odd ` mark")).toEqual([{ text: "an odd ` mark", literal: false }]);
  });
});

describe("what a capture missed", () => {
  const capture = { state: "on" as const, packets: 9, lost_kernel: 0, lost_gaps: 0, given_up: 0, lost_transport: 0, tallied: 0, packets_kept: 0 };

  it("is nothing where nothing was", () => {
    expect(whatIsLost(capture)).toEqual([]);
  });

  it("is told by cause, each in its own unit", () => {
    expect(whatIsLost({ ...capture, lost_kernel: 3, lost_gaps: 2400, given_up: 1, lost_transport: 4 })).toEqual(["3 packets", "2.4 kB", "5 calls"]);
    expect(captureTitle({ ...capture, lost_kernel: 3 })).toContain("kernel: 3 packets dropped");
  });
});
