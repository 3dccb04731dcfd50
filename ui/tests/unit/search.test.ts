import { describe, expect, it } from "vitest";

import { pieces } from "../../src/lib/rowtext";
import { CALL_ROOTS, LOG_ROOTS, readSearch } from "../../src/lib/search";

describe("the search box for lines", () => {
  it.each([
    ['level >= "warn" && service == "orders"'], ['text.contains("timeout")'], ["fields.user == 7"], ['!(level == "info")'],
    ['service in ["web", "db"]'], ['fields["order id"] != 3'], ['text.matches(r"^GET \\d+")'], ["size(text) > 200"],
    ['level == "error" ? true : text.startsWith("x")'], ["fields.ms > 1.5e3"],
  ])("reads %s as an expression", (typed) => expect(readSearch(typed, LOG_ROOTS)).toEqual({ kind: "where", where: typed }));

  it.each([
    ["error"], ["level"], ["connection refused"], ["GET /orders/7 200"], ["user == 7"], ["a.b.c"], ["it's"], ["text ="], ["(level"],
    ["level =="], ["100%"], ["service.level"], ["foo(bar)"], ["=="],
  ])("reads %s as text", (typed) => expect(readSearch(typed, LOG_ROOTS)).toEqual({ kind: "text", text: typed }));

  it("reads what stands between slashes as a regular expression", () => {
    expect(readSearch(" /time.?out|refused/ ", LOG_ROOTS)).toEqual({ kind: "grep", grep: "time.?out|refused" });
    expect(readSearch("/", LOG_ROOTS)).toEqual({ kind: "text", text: "/" });
    expect(readSearch("/orders", LOG_ROOTS)).toEqual({ kind: "text", text: "/orders" });
    expect(readSearch("  ", LOG_ROOTS)).toEqual({ kind: "none" });
  });

  it("knows the names of calls where calls are searched", () => {
    expect(readSearch('status >= 500 && to == "orders"', CALL_ROOTS).kind).toBe("where");
    expect(readSearch('status >= 500 && to == "orders"', LOG_ROOTS).kind).toBe("text");
  });
});

describe("what a search marks", () => {
  const marked = (text: string, typed: string) => pieces({ text, styled: [], over: 0 }, readSearch(typed, LOG_ROOTS), [], Infinity).map((p) => (p.hit ? `[${p.text}]` : p.text)).join("");

  it("is every hit, and no character is lost", () => {
    expect(marked("Error: an error", "error")).toBe("[Error]: an [error]");
    expect(marked("a.b axb", "a.b")).toBe("[a.b] axb");
    expect(marked("x1 y22", "/\\d+/")).toBe("x[1] y[22]");
    expect(marked("", "error")).toBe("");
  });

  it("minds the case once a capital letter is typed", () => expect(marked("Error error", "Error")).toBe("[Error] error"));

  it("survives expressions that only the session understands, and empty matches", () => {
    expect(marked("abc", "/(?i)b/")).toBe("abc");
    expect(marked("abc", "/x*/")).toBe("abc");
  });
});
