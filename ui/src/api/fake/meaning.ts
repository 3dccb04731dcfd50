// What the made-up calls mean: edges, routes, chains, findings.
import type { Call } from "../generated/Call";
import type { Chain } from "../generated/Chain";
import type { ChainCall } from "../generated/ChainCall";
import type { Edge } from "../generated/Edge";
import type { Finding } from "../generated/Finding";
import type { Recent } from "../generated/Recent";
import type { RouteList } from "../generated/RouteList";
import type { RoutesRequest } from "../generated/RoutesRequest";
import type { FakeStore } from "./store";

export const FINDINGS: Finding[] = [
  { kind: "forbidden", text: "`web` calls `payments`, which `[[allow]]` does not permit: 84 calls", hint: "let `orders` ask for it, or add `{ from = \"web\", to = \"payments\" }`", services: ["web", "payments"], calls: 84 },
  { kind: "undeclared", text: "`web` calls `search` and does not depend on it: 612 calls", hint: "add `search` to the `depends_on` of `web`, so that it is ready first", services: ["web", "search"], calls: 612 },
  { kind: "uncalled", text: "nobody calls `mailer`", hint: "it may listen to a broker only; else stop it", services: ["mailer"] },
];

export function edges(store: FakeStore): Edge[] {
  const direct = new Map<string, Edge>();
  for (const { from, to, protocol, ms } of store.routes) {
    const calls = store.calls.filter((c) => c.from.service === from && c.to.service === to && c.protocol === protocol);
    direct.set(`${from} ${to} ${protocol}`, {
      from, to, protocol, calls: calls.length, errors: calls.filter((c) => !c.ok).length, bytes: calls.length * 700,
      p50_ms: ms, p90_ms: ms * 1.6, p99_ms: ms * 2, last: calls.at(-1)?.ts ?? "", ...newest(calls, ms),
      ...(from === "web" && to === "payments" ? { forbidden: true } : {}), ...(from === "web" && to === "search" ? { undeclared: true } : {}),
    });
  }
  const published = store.calls.filter((c) => c.operation.startsWith("Publish"));
  if (published.length === 0) return [...direct.values()];
  const through: Edge = { from: "orders", to: "mailer", protocol: "amqp", via: "broker", topic: "orders.placed", calls: published.length, errors: 0, bytes: 9000, p50_ms: 3.1, p90_ms: 8, p99_ms: 22, last: published.at(-1)?.ts ?? "" };
  return [...direct.values(), through];
}

/** The newest of these calls, a little slower than they ever were. */
function newest(calls: readonly Call[], ms: number): { recent?: Recent } {
  const until = calls.at(-1)?.ts;
  if (until === undefined) return {};
  const recent = calls.filter((c) => Date.parse(c.ts) > Date.parse(until) - 10_000);
  return { recent: { calls: recent.length, errors: recent.filter((c) => !c.ok).length, p50_ms: ms * 1.3, p90_ms: ms * 1.9, p99_ms: ms * 2.2, until } };
}

export function routes(store: FakeStore, { from, to, services }: RoutesRequest): RouteList {
  const groups = new Map<string, Call[]>();
  for (const call of store.calls) {
    const ends = [call.from.service ?? "", call.to.service ?? ""];
    if ((from !== undefined && ends[0] !== from) || (to !== undefined && ends[1] !== to)) continue;
    if (services.length > 0 && !ends.some((s) => services.includes(s))) continue;
    const key = [...ends, call.protocol, call.route ?? ""].join("\u0000");
    groups.set(key, [...(groups.get(key) ?? []), call]);
  }
  return { routes: [...groups].map(([key, calls]) => {
    const [caller = "", callee = "", protocol = "", route = ""] = key.split("\u0000");
    const took = calls.flatMap((c) => c.ms ?? []).sort((a, b) => a - b);
    const at = (share: number) => took[Math.floor(took.length * share)] ?? 0;
    return { from: caller, to: callee, protocol, route, calls: calls.length, errors: calls.filter((c) => !c.ok).length, per_second: calls.length / 300, p50_ms: at(0.5), p90_ms: at(0.9), p99_ms: at(0.99), last: calls.at(-1)?.ts ?? "" };
  }) };
}

/** The call, and some of what its callee asked for while it lasted. */
export function chain(store: FakeStore, id: string): Chain {
  const first = store.calls.find((c) => c.id === id);
  if (first === undefined) return { calls: [] };
  const found: ChainCall[] = [{ call: first }];
  for (const { call } of found) {
    const [begin, end] = [Date.parse(call.ts), Date.parse(call.ts) + (call.ms ?? 0)];
    const made = store.calls.filter((c) => c.from.service === call.to.service && Date.parse(c.ts) > begin && Date.parse(c.ts) < end && !found.some((f) => f.call === c));
    if (found.length < 30) found.push(...made.map((c, i) => ({ call: c, parent: call.id, link: ["trace", "inferred", "ambiguous"][i % 3]! })));
  }
  return { calls: found };
}
