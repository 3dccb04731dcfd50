// A call's request as something to edit and send again. Pure.
import type { Call } from "../api/generated/Call";
import type { ReplayRequest } from "../api/generated/ReplayRequest";
import type { ReplayResult } from "../api/generated/ReplayResult";

/** A request as it stands in the fields of a form. */
export interface Draft {
  method: string;
  /** With its query. */
  path: string;
  /** `name: value`, one a line. */
  headers: string;
  /** As text, or as hexadecimal digits where the body is no text. */
  body: string;
}

/** Why a call is not made again here, and the command that does it elsewhere. */
export interface Refused {
  why: string;
  command?: "curl" | "grpcurl";
}

const HTTP = new Set(["http/1", "http/2"]);
/** Headers that belong to the connection, or that the session makes with the body. */
const MADE = new Set([
  "connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length", "upgrade", "te", "trailer", "expect",
  "http2-settings",
]);
/** What stands in the place of a hidden value. */
export const REDACTED = "[redacted]";

/** Undefined: it can be sent. The session knows better, and says so when it is asked. */
export function refused(call: Call): Refused | undefined {
  if (call.protocol === "grpc") return { why: "Only calls of HTTP are made again here; a command makes this one again.", command: "grpcurl" };
  if (!HTTP.has(call.protocol)) return { why: `Only calls of HTTP are made again; this one speaks ${call.protocol}.` };
  if (call.method === undefined) return { why: "Its request was not seen, so there is nothing to send." };
  if (call.method === "CONNECT") return { why: "It opened a tunnel, which is nothing to be sent again." };
  if (call.decrypted === true) return { why: "It went through TLS, and calls are made again without; a command makes it again.", command: "curl" };
  if (call.to.service === "outside") return { why: "It went out of the stack; a command makes it again.", command: "curl" };
  return undefined;
}

export function draftOf(call: Call): Draft {
  const { headers = {}, body = "" } = call.request;
  const host = headers[":authority"] ?? headers["host"];
  const lines = Object.entries(headers).filter(([name]) => !name.startsWith(":") && name !== "host" && !MADE.has(name));
  return {
    method: call.method ?? "GET",
    path: call.target?.startsWith("/") === true ? call.target : (call.path ?? "/"),
    headers: [...(host === undefined ? [] : [["host", host] as const]), ...lines].map(([name, value]) => `${name}: ${value}`).join("\n"),
    body,
  };
}

/** The headers of a form by their names, or the first line that is none. */
export function readHeaders(text: string): { headers: Record<string, string> } | { wrong: string } {
  const headers: Record<string, string> = {};
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const [, name, value] = /^\s*([!#$%&'*+\-.^_`|~\w]+)\s*:(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return { wrong: line.trim() };
    const key = name.toLowerCase();
    headers[key] = key in headers ? `${headers[key]}, ${value.trim()}` : value.trim();
  }
  return { headers };
}

/** What to ask of the session: only what is no longer as it was, so that nothing hidden is lost by being shown. */
export function requestOf(call: Call, draft: Draft): ReplayRequest | { wrong: string } {
  const read = readHeaders(draft.headers);
  if ("wrong" in read) return read;
  if (draft.method.trim() === "") return { wrong: "" };
  const original = draftOf(call);
  const before = readHeaders(original.headers);
  const were = "headers" in before ? before.headers : {};
  const changed = Object.entries(read.headers).filter(([name, value]) => were[name] !== value);
  // A cut body goes out only if somebody says what it is.
  const writes = draft.body !== original.body || call.request.truncated === true;
  return {
    id: call.id,
    query: {},
    headers: Object.fromEntries(changed),
    binary: writes && call.request.binary === true,
    ...(draft.method === original.method ? {} : { method: draft.method.trim() }),
    // A path without a query says that there is none any more.
    ...(draft.path === original.path ? {} : { path: draft.path.includes("?") ? draft.path : `${draft.path}?` }),
    ...withoutOf(Object.keys(were).filter((name) => name !== "host" && !(name in read.headers))),
    ...(writes ? { body: draft.body } : {}),
  };
}

const withoutOf = (without: string[]) => (without.length === 0 ? {} : { without });

/** The call as it would be if it had been answered as it was now. */
export function answered({ was, now }: ReplayResult): Call {
  const { status, ms, ...response } = now;
  const call = { ...was, status, ms, response, ok: /^[123]/.test(status) };
  delete call.pending;
  delete call.ttfb_ms;
  delete call.note;
  return call;
}
