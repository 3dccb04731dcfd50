// Values for tests: each with what is needed and nothing else.
import type { Call } from "../../src/api/generated/Call";
import type { Edge } from "../../src/api/generated/Edge";
import type { Event } from "../../src/api/generated/Event";
import type { LogLine } from "../../src/api/generated/LogLine";
import type { ServiceView } from "../../src/api/generated/ServiceView";
import type { Snapshot } from "../../src/api/generated/Snapshot";

export const service = (name: string, more: Partial<ServiceView> = {}): ServiceView => ({
  service: name, state: "running", ready: true, ports: [], restarts: 0, depends_on: [], ...more,
});

export const event = (seq: number, more: Partial<Event> = {}): Event => ({
  seq, ts: "2026-11-23T06:00:00Z", kind: "ready", text: `event ${seq}`, ...more,
});

export const line = (n: number, more: Partial<LogLine> = {}): LogLine => ({
  cursor: `c${n}`, ts: "2026-11-23T06:00:00Z", service: "web", instance: "web-1", stream: "stdout", text: `line ${n}`, ...more,
});

export const call = (n: number, more: Partial<Call> = {}): Call => ({
  id: `k${n}`, ts: "2026-11-23T06:00:00Z", from: { service: "web", addr: "" }, to: { service: "db", addr: "" }, protocol: "http/1",
  operation: "GET /", ok: true, conn: "1", quality: "complete", request: { bytes: 0 }, ...more,
});

export const edge = (from: string, to: string, more: Partial<Edge> = {}): Edge => ({
  from, to, protocol: "http/1", calls: 10, errors: 0, bytes: 0, last: "", ...more,
});

export const snapshot = (more: Partial<Snapshot> = {}): Snapshot => ({
  seq: 0,
  stack: { name: "shop", folder: "/shop", manifest: "/shop/services.toml", trusted: false, diagnostics: [], asks: [] },
  services: [],
  engine: { ok: true, address: "unix:///var/run/docker.sock" },
  capture: { state: "on", packets: 0, lost_kernel: 0, lost_gaps: 0, given_up: 0, lost_transport: 0, tallied: 0, packets_kept: 0 },
  counters: { lines: 0, lines_per_second: 0, calls: 0, calls_per_second: 0, failed_calls: 0, calls_revision: 0, session_memory: 0 },
  events: [],
  edges: [],
  ...more,
});
