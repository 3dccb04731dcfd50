// What of two calls is set against each other. Pure.
import type { Call } from "../api/generated/Call";
import type { CallMessage } from "../api/generated/CallMessage";
import { readBody } from "./body";
import { bytes, clock, ms } from "./format";
import { outcome, partyText } from "./party";

/** In the order in which they are read; what is not known has no entry. */
export function factsOf(call: Call): Record<string, string> {
  const facts: [string, string | undefined][] = [
    ["Operation", call.operation],
    ["Outcome", outcome(call)],
    ["Status", call.status],
    ["Time taken", call.ms === undefined ? undefined : ms(call.ms)],
    ["First byte", call.ttfb_ms === undefined ? undefined : ms(call.ttfb_ms)],
    ["From", partyText(call.from)],
    ["To", partyText(call.to)],
    ["Protocol", call.protocol],
    ["At", clock(call.ts)],
    ["Request", bytes(call.request.bytes)],
    ["Response", call.response === undefined ? undefined : bytes(call.response.bytes)],
    ["Note", call.note],
  ];
  return Object.fromEntries(facts.filter((fact): fact is [string, string] => fact[1] !== undefined && fact[1] !== ""));
}

/** Differences of these say nothing: they differ between any two calls. */
export const ALWAYS_DIFFERENT: ReadonlySet<string> = new Set(["At", "Time taken", "First byte", "From"]);

/** So do those of these headers. */
export const HEADERS_ALWAYS_DIFFERENT: ReadonlySet<string> = new Set(["date"]);

/** What of the facts is about the answer. */
export const OF_ANSWERS: ReadonlySet<string> = new Set(["Outcome", "Status", "Time taken", "Response"]);

/** A body as lines that can be compared; the messages of a stream one after the other. */
export function bodyText(message: CallMessage | undefined): string {
  if (message === undefined) return "";
  if (message.parts !== undefined && message.parts.length > 0) {
    return message.parts.map((part) => `${part.kind} ${part.decoded ?? part.body ?? bytes(part.bytes)}`).join("\n");
  }
  const views = readBody(message);
  const view = views.find((v) => v.kind === "json") ?? views.find((v) => v.kind === "text" || v.kind === "hex");
  return view !== undefined && "text" in view ? view.text : "";
}
