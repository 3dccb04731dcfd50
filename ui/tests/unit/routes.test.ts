import { describe, expect, it } from "vitest";

import type { Route } from "../../src/api/generated/Route";
import { filterRoutes, nextOrder, sortRoutes } from "../../src/lib/routesort";
import { CALL_ROOTS, readSearch } from "../../src/lib/search";
import { allOf, equals, headerEquals, withTerm } from "../../src/lib/where";

const route = (name: string, more: Partial<Route> = {}): Route => ({
  from: "web", to: "orders", protocol: "http/1", route: name, calls: 1, errors: 0, per_second: 0, last: "", ...more,
});
const names = (routes: Route[]) => routes.map((r) => r.route);

describe("routes in order", () => {
  const routes = [route("b", { calls: 5, p99_ms: 9 }), route("a", { calls: 9 }), route("c", { calls: 5, p99_ms: 40, errors: 2, from: "api" })];

  it("sorts by any column, ties by name, and what has no number last", () => {
    expect(names(sortRoutes(routes, { by: "calls", descending: true }))).toEqual(["a", "c", "b"]);
    expect(names(sortRoutes(routes, { by: "p99", descending: true }))).toEqual(["c", "b", "a"]);
    expect(names(sortRoutes(routes, { by: "p99", descending: false }))).toEqual(["b", "c", "a"]);
    expect(names(sortRoutes(routes, { by: "route", descending: false }))).toEqual(["a", "b", "c"]);
    expect(names(sortRoutes(routes, { by: "who", descending: false }))).toEqual(["c", "a", "b"]);
    expect(names(routes)).toEqual(["b", "a", "c"]);
  });

  it("turns round when the same heading is asked again", () => {
    expect(nextOrder({ by: "calls", descending: true }, "calls")).toEqual({ by: "calls", descending: false });
    expect(nextOrder({ by: "calls", descending: true }, "route")).toEqual({ by: "route", descending: false });
    expect(nextOrder({ by: "route", descending: false }, "p90")).toEqual({ by: "p90", descending: true });
  });

  it("leaves out what the tools leave out", () => {
    expect(names(filterRoutes(routes, { failed: true, protocol: "", text: "" }))).toEqual(["c"]);
    expect(names(filterRoutes(routes, { failed: false, protocol: "grpc", text: "" }))).toEqual([]);
    expect(names(filterRoutes(routes, { failed: false, protocol: "", text: "A" }))).toEqual(["a"]);
  });
});

describe("expressions out of clicks", () => {
  it("compares a status by its kind and quotes everything else", () => {
    expect(equals("status", "500")).toBe("status == 500");
    expect(equals("status", "UNAVAILABLE")).toBe('status == "UNAVAILABLE"');
    expect(equals("route", 'GET "x"\\')).toBe('route == "GET \\"x\\"\\\\"');
    expect(headerEquals("x-user", "7")).toBe('headers["x-user"] == "7"');
  });

  it.each([
    ["", "status == 500"],
    ["  ", "status == 500"],
    ['to == "orders"', 'to == "orders" && status == 500'],
    ['to == "a" || to == "b"', '(to == "a" || to == "b") && status == 500'],
    ['to == "a||b"', 'to == "a||b" && status == 500'],
    ["status == 500", "status == 500"],
    ["ok && status == 500", "ok && status == 500"],
    ["status == 500 && ok", "status == 500 && ok"],
    ["cart 1.", 'operation.matches("(?i)cart 1\\\\.") && status == 500'],
    ["/GET .*/", 'operation.matches("GET .*") && status == 500'],
  ])("%j becomes %j", (typed, expected) => {
    const narrowed = withTerm(typed, "status == 500", CALL_ROOTS);
    expect(narrowed).toBe(expected);
    expect(readSearch(narrowed, CALL_ROOTS).kind).toBe("where");
  });

  it("makes one of several", () => {
    expect(allOf([equals("route", "GET /orders/{id}"), equals("to", "orders")])).toBe('route == "GET /orders/{id}" && to == "orders"');
    expect(readSearch(allOf([equals("route", "GET /orders/{id}"), equals("to", "orders")]), CALL_ROOTS).kind).toBe("where");
  });
});
