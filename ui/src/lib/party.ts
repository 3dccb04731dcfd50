// The ends of a call, for people.
import type { CallRow } from "../api/generated/CallRow";
import type { Party } from "../api/generated/Party";

/** The service; of `outside` the name that DNS gave its address for, where one was seen. */
export const partyName = (party: Party): string | undefined =>
  party.service === "outside" && party.host !== undefined && party.host !== "" ? party.host : party.service;

/** One end with its address, and with both names where they differ. */
export function partyText(party: Party): string {
  const name = partyName(party) ?? "unknown";
  return `${name}${party.service === undefined || name === party.service ? "" : ` (${party.service})`} at ${party.addr}`;
}

/** How a call without a status ended, or how it stands. */
export function outcome(call: CallRow): "ok" | "failed" | "pending" | "open" | "waits" {
  if (call.waits === true) return call.pending === true ? (call.ok ? "open" : "failed") : call.ok ? "ok" : "failed";
  if (call.pending === true) return call.protocol === "tcp" || call.protocol === "tls" ? "open" : "pending";
  return call.ok ? "ok" : "failed";
}

/** What stands where others have the time that they took; undefined: the time itself. */
export function insteadOfTime(call: CallRow): string | undefined {
  if (call.pending === true && (call.waits === true || call.protocol === "tcp" || call.protocol === "tls")) return "open";
  return call.waits === true ? "waits" : undefined;
}

const BACKGROUND: Readonly<Record<string, string>> = { health: "a health check", metrics: "a scrape of metrics", poll: "one of many at a steady pace" };

/** Why a call is left out of the list unless it is asked for. */
export const backgroundText = (background: string | undefined): string | undefined =>
  background === undefined ? undefined : (BACKGROUND[background] ?? background);

/** Where a call went whose operation does not say it, since its body names it: `POST /graphql`. */
export function askedAt({ method, path, operation }: Pick<CallRow, "method" | "path" | "operation">): string | undefined {
  if (path === undefined || operation.includes(path) || operation === path.slice(1)) return undefined;
  return method === undefined ? path : `${method} ${path}`;
}
