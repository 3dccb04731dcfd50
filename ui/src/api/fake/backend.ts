// A backend with nothing behind it, to look at the window while writing it. Never part of a build.
// The address says what it plays: `?services=40`, `?play=untrusted|errors|starting|first-run|no-engine`.
import type { Backend, CommandName, Host, Request, Response, Stream, StreamEvents } from "../backend";
import { Refusal } from "../error";
import type { Event } from "../generated/Event";
import type { ServiceView } from "../generated/ServiceView";
import type { Snapshot } from "../generated/Snapshot";
import type { WatchMessage } from "../generated/WatchMessage";
import { chain, edges, FINDINGS, routes } from "./meaning";
import { FakeStore } from "./store";
import { makeRoutes, makeServices } from "./world";

export function fakeBackend(query: URLSearchParams): Backend {
  const services = makeServices(Number(query.get("services") ?? 11));
  const play = query.get("play") ?? "";
  if (play === "untrusted") services.forEach((s, i) => (services[i] = stopped(s)));
  const store = new FakeStore(services, play === "untrusted" ? [] : makeRoutes(services));
  let snapshot = firstSnapshot(services, store, play);
  const watchers = new Set<StreamEvents>();
  const tell = (message: WatchMessage) => watchers.forEach((w) => w.text(JSON.stringify(message)));
  setInterval(() => {
    if (play === "untrusted") return;
    store.step(Date.now(), 0.25);
    snapshot = { ...snapshot, seq: snapshot.seq + 1, counters: counters(store), edges: edges(store) };
    tell({ kind: "delta", value: { seq: snapshot.seq, changes: [
      { kind: "counters", value: snapshot.counters }, { kind: "edges", value: snapshot.edges },
    ] } });
  }, 250);

  const answers: { [N in CommandName]?: (request: Request<N>) => Response<N> } = {
    snapshot: () => snapshot,
    logs_read: (request) => { const { items, ...rest } = store.readLogs(request); return { lines: items, more: rest.before !== undefined, scanned: items.length, ...rest }; },
    logs_outline: ({ query, parts }) => store.outline(query, parts),
    calls_read: (request) => { const { items, ...rest } = store.readCalls(request); return { calls: items, ...rest }; },
    call_show: ({ id, reveal }) => whole(store, id, reveal === true),
    calls_export: ({ ids }) => ({ text: `curl -i 'http://gateway/' # ${ids.join(" ")}` }),
    replay: ({ id }) => {
      const was = whole(store, id, false);
      const body = JSON.stringify({ order: 119, items: [{ sku: "A-71", count: 2 }], total: 43, paid: true });
      const headers = { "content-type": "application/json", date: "Mon, 23 Nov 2026 06:45:00 GMT" };
      return { was, now: { status: "200", ms: 12.4, bytes: body.length, headers, body }, addr: "127.0.0.1:32768", left_out: ["authorization"] };
    },
    chain: ({ id }) => chain(store, id),
    routes: (request) => routes(store, request),
    edges: () => ({ edges: edges(store) }),
    findings: () => ({ findings: play === "untrusted" ? [] : FINDINGS }),
    events_read: ({ after }) => { const events = snapshot.events.filter((e) => e.seq > after); return { events, after: events.at(-1)?.seq ?? after }; },
    timeline: ({ since_ms, until_ms, bins }) => timeline(store, since_ms, until_ms, bins),
    trust: () => {
      snapshot = { ...snapshot, seq: snapshot.seq + 1, stack: { ...snapshot.stack, trusted: true } };
      tell({ kind: "snapshot", value: snapshot });
      return {};
    },
  };

  return {
    host: play === "first-run" ? fakeHost : null,
    call: async (name, request) => {
      await new Promise((resolve) => setTimeout(resolve, name === "logs_read" ? 120 : 4));
      const answer = answers[name] as ((request: unknown) => never) | undefined;
      if (answer === undefined) throw new Refusal({ code: "failed", message: `\`${name}\` is not played here`, hint: "Use a real session" });
      return answer(request);
    },
    open: (path, events) => open(path, events, watchers, () => snapshot),
  };
}

function open(path: string, events: StreamEvents, watchers: Set<StreamEvents>, snapshot: () => Snapshot): Stream {
  const say = (text: string) => setTimeout(() => events.bytes(new TextEncoder().encode(text)), 10);
  if (path === "/v1/watch") {
    setTimeout(() => {
      events.text(JSON.stringify({ kind: "snapshot", value: snapshot() } satisfies WatchMessage));
      watchers.add(events);
    }, 20);
  } else say("\u001b[32mroot@orders\u001b[0m:/app# ");
  return {
    sendText: () => undefined,
    sendBytes: (bytes) => say(new TextDecoder().decode(bytes).replace("\r", "\r\n\u001b[32mroot@orders\u001b[0m:/app# ")),
    close: () => watchers.delete(events),
  };
}

const fakeHost: Host = {
  recentStacks: async () => [
    { name: "shop", manifest: "/home/ada/shop/services.toml", trusted: true },
    { name: "accounts", manifest: "/home/ada/accounts/services.toml", trusted: false },
  ],
  lookInto: async (folder) => ({ folder, compose: ["compose.yaml"], dockerfiles: ["orders/Dockerfile", "web/Dockerfile"] }),
  pickFolder: async () => "/home/ada/billing",
  openStack: async () => undefined,
  currentStack: async () => null,
  exampleStack: async () => "/usr/share/shoal/services.example.toml",
};

const stopped = ({ service, ports, depends_on }: ServiceView): ServiceView =>
  ({ service, ports, depends_on, state: "stopped", ready: false, restarts: 0 });

function firstSnapshot(services: ServiceView[], store: FakeStore, play: string): Snapshot {
  const events = [...fakeEvents()];
  if (play === "starting" || play === "errors") disturb(services);
  return {
    seq: 1,
    stack: {
      name: "shop", folder: "/home/ada/shop", manifest: "/home/ada/shop/services.toml", trusted: play !== "untrusted",
      asks: ["builds 8 images from Dockerfiles in /home/ada/shop", "runs 11 containers", "mounts ./db/init read-only into db", "opens port 8080 on 127.0.0.1"],
      diagnostics: play !== "errors" ? [] : [
        { severity: "error", code: "unknown-key", file: "services.toml", line: 24, column: 1, length: 9, source: 'dependson = ["db"]', message: "`dependson` is no key of a service", hint: "did you mean `depends_on`?" },
        { severity: "warning", code: "unused-port", file: "services.toml", line: 31, column: 12, length: 4, source: "ports = [ \"9000\" ]", message: "Nothing listens on port `9000` of `mailer`" },
      ],
    },
    services,
    engine: play === "no-engine"
      ? { ok: false, address: "unix:///var/run/docker.sock", error: { code: "engine-unreachable", message: "No engine answers at `/var/run/docker.sock`", hint: "start it: `sudo systemctl start docker`" } }
      : { ok: true, address: "unix:///var/run/docker.sock", version: "28.2.2" },
    capture: { state: "on", packets: 120_341, lost_kernel: 0, lost_gaps: 0, given_up: 0, lost_transport: 0, tallied: 0, packets_kept: 0 },
    counters: counters(store), events, edges: edges(store),
  };
}

function disturb(services: ServiceView[]): void {
  const change = (name: string, to: Partial<ServiceView>) => {
    const at = services.findIndex((s) => s.service === name);
    if (at >= 0) services[at] = { ...stopped(services[at]!), ...to };
  };
  change("stock", { state: "waiting", waiting_for: "db to be ready" });
  change("web", { state: "building", build: { step: "[5/9] RUN npm ci --omit=dev", done: 4, total: 9 } });
  change("payments", { state: "failed", exit_code: 1, restarts: 3, error: { code: "port-taken", message: "Port `8081` is taken, so `payments` cannot start", hint: "stop the container `other-db-1`, or set `ports = [\"8082:8081\"]`", causes: ["container `other-db-1` holds it"] } });
  change("mailer", { state: "stopped" });
  change("orders", { state: "running", ready: true, cpu: 0.12, memory: 88e6, reload: { manual: true, pending: 3, failed: false } });
}

function* fakeEvents(): Generator<Event> {
  const at = (ago: number) => new Date(Date.now() - ago * 1000).toISOString();
  yield { seq: 1, ts: at(280), kind: "started", service: "db", text: "`db` started" };
  yield { seq: 2, ts: at(278), kind: "ready", service: "db", text: "`db` is ready after 1.4 s" };
  yield { seq: 3, ts: at(276), kind: "ready", service: "orders", text: "`orders` is ready after 0.8 s" };
  yield { seq: 4, ts: at(275), kind: "ready", service: "gateway", text: "`gateway` is ready after 0.2 s" };
  yield { seq: 5, ts: at(150), kind: "exited", service: "payments", exit_code: 1, text: "`payments` ended with exit code 1" };
  yield { seq: 6, ts: at(147), kind: "ready", service: "payments", text: "`payments` is ready after 0.4 s" };
  yield { seq: 7, ts: at(60), kind: "reload", service: "orders", text: "1 file to `orders`, restarted", files: ["orders/app/checkout.py"], bytes: 2310, action: "restart", ok: true, ms: { detect: 11, send: 2, apply: 1, restart: 8, ready: 61, total: 83 } };
  yield { seq: 8, ts: at(20), kind: "reload", service: "web", text: "2 files to `web`, restart failed", files: ["web/server.js", "web/log.js"], bytes: 8310, action: "restart", ok: false, error: "`web` ended with exit code 1", ms: { detect: 12, send: 2, apply: 1, restart: 13, total: 28 } };
}

const counters = (store: FakeStore) => ({
  lines: store.lines.length, lines_per_second: 240, calls: store.calls.length, calls_per_second: 84,
  failed_calls: store.calls.filter((c) => !c.ok).length, calls_revision: store.revision, session_memory: 61e6,
});

function timeline(store: FakeStore, since_ms: number, until_ms: number, bins: number) {
  const [calls, errors] = [new Array<number>(bins).fill(0), new Array<number>(bins).fill(0)];
  for (const call of store.calls) {
    const bin = Math.floor(((Date.parse(call.ts) - since_ms) / (until_ms - since_ms)) * bins);
    if (bin < 0 || bin >= bins) continue;
    calls[bin]! += 1;
    if (!call.ok) errors[bin]! += 1;
  }
  return { since_ms, until_ms, calls, errors };
}

function whole(store: FakeStore, id: string, reveal: boolean) {
  const call = store.calls.find((c) => c.id === id);
  if (call === undefined) throw new Refusal({ code: "not-found", message: `There is no call \`${id}\`` });
  const body = JSON.stringify({ order: 118, items: [{ sku: "A-71", count: 2 }], total: 41.5, paid: call.ok });
  return {
    ...call,
    hidden: reveal ? ("shown" as const) : ("kept" as const),
    request: { ...call.request, headers: { host: call.to.service ?? "", authorization: reveal ? "Bearer 7f3a" : "[redacted]", "user-agent": "python-requests/2.32", accept: "*/*", "content-type": "application/json" }, body: '{"cart":"118"}' },
    ...(call.response === undefined ? {} : { response: { ...call.response, headers: { "content-type": "application/json", date: "Mon, 23 Nov 2026 06:40:00 GMT" }, body } }),
  };
}
