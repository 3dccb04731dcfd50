// Lines and calls of the made-up stack, read by cursor as the session's are.
import type { Call } from "../generated/Call";
import type { CallsRead } from "../generated/CallsRead";
import type { LogLine } from "../generated/LogLine";
import type { LogsOutline } from "../generated/LogsOutline";
import type { LogsQuery } from "../generated/LogsQuery";
import type { LogsRead } from "../generated/LogsRead";
import type { ServiceView } from "../generated/ServiceView";
import { LINES, type FakeRoute } from "./world";

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];

export class FakeStore {
  readonly lines: LogLine[] = [];
  readonly calls: Call[] = [];
  revision = 0;

  constructor(
    readonly services: ServiceView[],
    readonly routes: FakeRoute[],
  ) {
    const now = Date.now();
    for (let ago = 300_000; ago > 0; ago -= 250) this.step(now - ago, 0.25);
  }

  step(at: number, seconds: number): void {
    for (const route of this.routes) {
      let due = route.perSecond * seconds * (0.7 + 0.6 * Math.abs(Math.sin(at / 40_000)));
      for (; due > 0; due -= 1) if (Math.random() < due) this.#call(route, at + Math.random() * seconds * 1000);
    }
    for (let i = 0; i < seconds * 60; i += 1) this.#line(at);
    for (const call of this.calls.slice(-100)) {
      if (call.pending === true && at - Date.parse(call.ts) > 1500) {
        delete call.pending;
        Object.assign(call, { status: "200", ms: 1480, response: { bytes: 312 } });
      }
    }
    this.revision += 1;
  }

  readLogs({ query, from, limit }: LogsRead) {
    return page(this.#wanted(query), from, limit, (l) => l.cursor, String(this.lines.length));
  }

  outline(query: LogsQuery, parts: number): LogsOutline {
    const lines = this.#wanted(query);
    const size = Math.max(1, Math.ceil(lines.length / parts));
    const slices = Array.from({ length: Math.ceil(lines.length / size) }, (_, i) => lines.slice(i * size, (i + 1) * size));
    const of = (some: readonly LogLine[], ...levels: string[]) => some.filter((l) => levels.includes(l.level ?? "")).length;
    return {
      hits: lines.length, from_ms: slices.map((s) => Date.parse(s[0]!.ts)), to_ms: slices.map((s) => Date.parse(s.at(-1)!.ts)),
      lines: slices.map((s) => s.length), warnings: slices.map((s) => of(s, "warn")), errors: slices.map((s) => of(s, "error", "fatal")),
      services: [...new Set(lines.map((l) => l.service))].sort().map((service) => {
        const own = lines.filter((l) => l.service === service);
        return { service, lines: own.length, warnings: of(own, "warn"), errors: of(own, "error", "fatal") };
      }),
    };
  }

  #wanted(query: LogsQuery): LogLine[] {
    const least = LEVELS.indexOf(query.level ?? "trace");
    const text = query.text?.toLowerCase();
    const fits = (line: LogLine) =>
      (query.services.length === 0 || query.services.includes(line.service)) &&
      (query.level === undefined || LEVELS.indexOf(line.level ?? "") >= least) &&
      (text === undefined || line.text.toLowerCase().includes(text)) &&
      (query.grep === undefined || new RegExp(query.grep).test(line.text)) &&
      (query.since === undefined || line.ts >= query.since) && (query.until === undefined || line.ts <= query.until);
    return this.lines.filter(fits);
  }

  readCalls({ query, from, limit }: CallsRead) {
    const text = query.text?.toLowerCase();
    const fits = (call: Call) =>
      (query.services.length === 0 || [call.from.service, call.to.service].some((s) => s !== undefined && query.services.includes(s))) &&
      (query.from === undefined || call.from.service === query.from) && (query.to === undefined || call.to.service === query.to) &&
      (query.protocol === undefined || call.protocol === query.protocol) && (!query.failed || !call.ok) &&
      (query.background !== false || call.background === undefined) &&
      (text === undefined || call.operation.toLowerCase().includes(text)) &&
      (query.since === undefined || call.ts >= query.since) && (query.until === undefined || call.ts <= query.until);
    const background_hidden = query.background === false ? this.calls.filter((call) => call.background !== undefined).length : 0;
    return { ...page(this.calls.filter(fits), from, limit, (c) => c.id, String(this.calls.length)), background_hidden };
  }

  #line(at: number): void {
    const service = this.services[Math.floor(Math.random() * this.services.length)];
    const [level, text, fields] = LINES[Math.floor(Math.random() ** 2 * LINES.length)] ?? LINES[0]!;
    if (service === undefined) return;
    this.lines.push({
      cursor: String(this.lines.length).padStart(9, "0"), ts: new Date(at).toISOString(), service: service.service,
      instance: service.instance ?? "", stream: level === "error" ? "stderr" : "stdout", text,
      ...(level === undefined ? {} : { level }), ...(fields === undefined ? {} : { fields }),
    });
  }

  #call(route: FakeRoute, at: number): void {
    const ok = Math.random() >= route.failing;
    const ms = route.ms * (0.4 + 1.6 * Math.random() ** 3);
    const asked = route.operations[Math.floor(Math.random() * route.operations.length)] ?? "";
    const operation = asked.replace(/\?.*/, "");
    const pending = Math.random() < 0.002;
    const good = route.protocol === "http/1" ? "200" : route.protocol === "grpc" ? "OK" : undefined;
    const status = ok ? good : route.protocol === "http/1" ? "503" : "UNAVAILABLE";
    this.calls.push({
      id: `c${String(this.calls.length).padStart(8, "0")}`, ts: new Date(at).toISOString(),
      from: { service: route.from, addr: "172.20.0.9:41822" }, to: { service: route.to, addr: "172.20.0.3:8080", ...(route.to === "outside" ? { host: "api.example.com" } : {}) },
      protocol: route.protocol, operation, ok: ok || pending, conn: `k${Math.floor(Math.random() * 40)}`,
      quality: "complete", request: { bytes: Math.floor(Math.random() * 400) },
      route: operation.replace(/\/\d+/, "/{id}"),
      ...(operation.endsWith("/healthz") ? { background: "health" } : {}),
      ...(route.from === "web" && route.to === "payments" ? { forbidden: true } : {}),
      ...(operation.startsWith("Get ") ? { waits: true } : {}),
      ...(operation.includes(" /") ? { method: operation.split(" ")[0]!, path: operation.split(" ")[1]! } : {}),
      ...(asked === operation ? {} : { target: asked.split(" ")[1]! }),
      ...(pending ? { pending } : { ms, ttfb_ms: ms * 0.8, response: { bytes: Math.floor(Math.random() * 9000) } }),
      ...(status === undefined || pending ? {} : { status }),
    });
  }
}

type From = LogsRead["from"];

function page<T>(all: T[], from: From, limit: number, cursor: (item: T) => string, end: string) {
  const size = limit === 0 ? 200 : limit;
  let items = all;
  if (from.at === "newest") items = all.slice(-size);
  if (from.at === "oldest") items = all.slice(0, size);
  if (from.at === "before") items = all.filter((i) => cursor(i) < from.cursor).slice(-size);
  if (from.at === "after") items = all.filter((i) => cursor(i) > from.cursor).slice(0, size);
  const first = items[0];
  const last = items.at(-1);
  const more = first !== undefined && all[0] !== first;
  const after = last !== undefined ? cursor(last) : from.at === "after" ? from.cursor : end.padStart(9, "0");
  return { items, after, ...(more ? { before: cursor(first) } : {}) };
}
