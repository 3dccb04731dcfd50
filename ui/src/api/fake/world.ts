// A made-up stack for development: who there is, who calls whom, what they say. Never part of a build.
import type { ServiceView } from "../generated/ServiceView";

export interface FakeRoute {
  from: string;
  to: string;
  protocol: string;
  operations: string[];
  perSecond: number;
  ms: number;
  failing: number;
}

const BASE: [name: string, dependsOn: string[], port?: number][] = [
  ["db", []], ["redis", []], ["broker", []],
  ["stock", ["db"]], ["payments", []], ["mailer", ["broker"]],
  ["orders", ["db", "redis", "stock", "payments", "broker"]],
  ["search", ["db"]], ["web", ["orders", "search"], 3000],
  ["gateway", ["web", "orders"], 8080], ["load", ["gateway"]],
];

const ROUTES: FakeRoute[] = [
  { from: "load", to: "gateway", protocol: "http/1", operations: ["GET /", "GET /products/7", "POST /orders", "GET /search?q=lamp"], perSecond: 14, ms: 42, failing: 0.03 },
  { from: "outside", to: "gateway", protocol: "http/1", operations: ["GET /", "GET /favicon.ico"], perSecond: 0.5, ms: 30, failing: 0 },
  { from: "gateway", to: "web", protocol: "http/1", operations: ["GET /", "GET /products/7"], perSecond: 9, ms: 31, failing: 0.01 },
  { from: "gateway", to: "orders", protocol: "http/1", operations: ["POST /orders", "GET /orders/118"], perSecond: 4, ms: 58, failing: 0.09 },
  { from: "web", to: "orders", protocol: "http/1", operations: ["GET /orders/118", "GET /products"], perSecond: 6, ms: 22, failing: 0.01 },
  { from: "web", to: "search", protocol: "http/1", operations: ["GET /search?q=lamp"], perSecond: 2, ms: 18, failing: 0 },
  { from: "orders", to: "stock", protocol: "grpc", operations: ["shop.Stock/Reserve", "shop.Stock/Level"], perSecond: 7, ms: 4.4, failing: 0.02 },
  { from: "orders", to: "payments", protocol: "http/1", operations: ["POST /charges"], perSecond: 2, ms: 120, failing: 0.22 },
  { from: "orders", to: "db", protocol: "postgres", operations: ["SELECT orders", "INSERT orders", "UPDATE orders"], perSecond: 16, ms: 1.8, failing: 0 },
  { from: "orders", to: "redis", protocol: "redis", operations: ["GET cart:118", "SET cart:118"], perSecond: 11, ms: 0.4, failing: 0 },
  { from: "orders", to: "broker", protocol: "amqp", operations: ["Publish orders.placed"], perSecond: 1.5, ms: 0.9, failing: 0 },
  { from: "mailer", to: "broker", protocol: "amqp", operations: ["Get orders.placed"], perSecond: 1.5, ms: 0.6, failing: 0 },
  { from: "web", to: "payments", protocol: "http/1", operations: ["GET /charges/7"], perSecond: 0.3, ms: 40, failing: 0 },
  { from: "orders", to: "outside", protocol: "tls", operations: ["TLS api.example.com"], perSecond: 0.2, ms: 80, failing: 0 },
  { from: "gateway", to: "web", protocol: "http/1", operations: ["GET /healthz"], perSecond: 0.5, ms: 1, failing: 0 },
  { from: "stock", to: "db", protocol: "postgres", operations: ["SELECT stock"], perSecond: 7, ms: 1.2, failing: 0 },
  { from: "search", to: "db", protocol: "postgres", operations: ["SELECT products"], perSecond: 2, ms: 9, failing: 0 },
];

export function makeServices(count: number): ServiceView[] {
  const services = BASE.map(([service, depends_on, port], i) => view(service, depends_on, i, port));
  const kinds = ["accounts", "billing", "catalog", "delivery", "events", "fraud", "gifts"];
  for (let i = services.length; i < count; i += 1) {
    const name = `${kinds[i % kinds.length]}-${["api", "worker", "cache", "db", "jobs"][i % 5]}`;
    if (!services.some((s) => s.service === name)) services.push(view(name, i % 3 === 0 ? ["db"] : ["orders"], i));
    else services.push(view(`${name}-${i}`, ["redis"], i));
  }
  return services.sort((a, b) => (a.service < b.service ? -1 : 1));
}

export function makeRoutes(services: ServiceView[]): FakeRoute[] {
  const more = services
    .filter((s) => s.service.includes("-"))
    .flatMap((s, i) => s.depends_on.map((to) => ({
      from: s.service, to, protocol: to === "db" ? "postgres" : "http/1", operations: [to === "db" ? "SELECT 1" : "GET /health"],
      perSecond: 0.2 + (i % 7), ms: 2 + i, failing: i % 9 === 0 ? 0.1 : 0,
    })));
  return [...ROUTES, ...more];
}

function view(service: string, depends_on: string[], i: number, port?: number): ServiceView {
  return {
    service, state: "running", ready: true, instance: `shop-${service}-1`, image: `shop/${service}:dev`,
    ports: port === undefined ? [] : [{ address: "127.0.0.1", host: port, container: port === 8080 ? 80 : port, protocol: "tcp" }],
    restarts: 0, started: new Date(Date.now() - 1000 * (900 - i * 3)).toISOString(),
    cpu: 0.004 + (i % 5) * 0.021, memory: 9e6 + (i % 7) * 23e6, depends_on,
    ...(i % 3 === 1 ? { reload: { manual: false, pending: 0, failed: false } } : {}),
  };
}

export const LINES: [level: string | undefined, text: string, fields?: Record<string, unknown>][] = [
  ["info", 'GET /products/7 200 12ms'],
  ["info", '{"level":"info","msg":"order placed","order":118,"items":3,"ms":41}', { level: "info", msg: "order placed", order: 118, items: 3, ms: 41 }],
  ["debug", "cache hit cart:118"],
  ["warn", "slow query: SELECT * FROM orders WHERE customer = $1 took 212 ms"],
  ["error", "payment refused: the bank does not answer within 2 s"],
  [undefined, "listening on 0.0.0.0:8080"],
  ["info", "level=info msg=\"stock reserved\" sku=A-71 left=12", { level: "info", msg: "stock reserved", sku: "A-71", left: 12 }],
];
