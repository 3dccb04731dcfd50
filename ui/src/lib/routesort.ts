// Routes in the order and under the filters that somebody chose. Pure.
import type { Route } from "../api/generated/Route";

export type RouteColumn = "who" | "route" | "calls" | "errors" | "rate" | "p50" | "p90" | "p99";

export interface RouteOrder {
  by: RouteColumn;
  descending: boolean;
}

const NUMBER: Record<Exclude<RouteColumn, "who" | "route">, (route: Route) => number | undefined> = {
  calls: (r) => r.calls,
  errors: (r) => r.errors,
  rate: (r) => r.per_second,
  p50: (r) => r.p50_ms,
  p90: (r) => r.p90_ms,
  p99: (r) => r.p99_ms,
};

const who = (r: Route): string => `${r.from}\u0000${r.to}`;
export const routeKey = (r: Route): string => `${who(r)}\u0000${r.protocol}\u0000${r.route}`;

/** Ties are in the order of the names; what has no number comes last whichever way it goes. */
export function sortRoutes(routes: readonly Route[], { by, descending }: RouteOrder): Route[] {
  const sign = descending ? -1 : 1;
  const names = (a: Route, b: Route) => compare(routeKey(a), routeKey(b));
  if (by === "who" || by === "route") {
    const name = by === "who" ? who : (r: Route) => r.route;
    return routes.toSorted((a, b) => sign * compare(name(a), name(b)) || names(a, b));
  }
  const number = NUMBER[by];
  return routes.toSorted((a, b) => {
    const [left, right] = [number(a), number(b)];
    if (left === undefined || right === undefined) return Number(left === undefined) - Number(right === undefined) || names(a, b);
    return sign * (left - right) || names(a, b);
  });
}

/** A click on a heading: numbers begin with the largest, names with the first; again turns it round. */
export function nextOrder(order: RouteOrder, by: RouteColumn): RouteOrder {
  return order.by === by ? { by, descending: !order.descending } : { by, descending: by !== "who" && by !== "route" };
}

interface RouteFilter {
  failed: boolean;
  protocol: string;
  text: string;
}

export function filterRoutes(routes: readonly Route[], { failed, protocol, text }: RouteFilter): Route[] {
  const needle = text.toLowerCase();
  return routes.filter((r) => (!failed || r.errors > 0) && (protocol === "" || r.protocol === protocol) && r.route.toLowerCase().includes(needle));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
