// The calls that a view holds, oldest first, and the order in which it shows them. Pure.
import type { Call } from "../api/generated/Call";
import type { CallsPage } from "../api/generated/CallsPage";
import { outcome } from "../lib/party";
import type { WaterfallRow } from "../lib/waterfall";

export const CALLS_KEPT = 5000;

export interface CallList {
  readonly calls: readonly Call[];
  /** To read what is older; undefined at the very beginning. */
  readonly before: string | undefined;
  /** How many health checks, scrapes and polls the newest page left out. */
  readonly hidden: number;
}

export const NO_CALLS: CallList = { calls: [], before: undefined, hidden: 0 };

/** The newest page came again: what it holds replaces what is known, what lies before it stays if it joins on. */
export function mergeNewest(list: CallList, page: CallsPage, kept = CALLS_KEPT): CallList {
  const oldest = page.calls[0];
  const hidden = page.background_hidden ?? 0;
  const fresh = { calls: page.calls, before: page.before, hidden };
  if (oldest === undefined || page.before === undefined) return fresh;
  const joins = list.calls.findIndex((call) => call.id === oldest.id);
  // Nothing in common: more calls passed than a page holds, so what is older must be read anew.
  if (joins < 0) return fresh;
  const earlier = list.calls.slice(0, joins);
  const surplus = Math.max(0, earlier.length + page.calls.length - kept);
  // What was let go can be read again from the newest page on only, so the list then ends there.
  if (surplus > 0) return fresh;
  return { calls: [...earlier, ...page.calls], before: list.before, hidden };
}

/** An older page came. */
export function prependCalls(list: CallList, page: CallsPage): CallList {
  const known = new Set(list.calls.map((call) => call.id));
  return { calls: [...page.calls.filter((call) => !known.has(call.id)), ...list.calls], before: page.before, hidden: list.hidden };
}

/** The newest page came while the rows are held: calls that are known change, none come and none go. */
export function refreshKnown(list: CallList, page: CallsPage): CallList {
  const fresh = new Map(page.calls.map((call) => [call.id, call]));
  return { ...list, calls: list.calls.map((call) => fresh.get(call.id) ?? call) };
}

/** The calls in an order that was fixed before. */
export function inOrder(list: CallList, order: readonly string[]): Call[] {
  const byId = new Map(list.calls.map((call) => [call.id, call]));
  const fixed = order.map((id) => byId.get(id)).filter((call) => call !== undefined);
  const known = new Set(order);
  // Older calls that were read meanwhile come below.
  return [...fixed, ...shown(list).filter((call) => !known.has(call.id))];
}

/** Whether its answer is awaited: an open connection, a stream and what waits for something to happen owe none yet. */
export function isAwaited(call: Call): boolean {
  return outcome(call) === "pending";
}

/** Awaited calls on top, then the newest first. */
export function shown(list: CallList): Call[] {
  const newestFirst = list.calls.toReversed();
  return [...newestFirst.filter(isAwaited), ...newestFirst.filter((call) => !isAwaited(call))];
}

/** What stands in a row of the list: a call, or one of the chain that opened below it. */
export type Item = { kind: "call"; key: string; call: Call } | { kind: "chain"; key: string; row: WaterfallRow };

export const callOf = (item: Item): Pick<Call, "id" | "operation"> => (item.kind === "call" ? item.call : item.row.call);

/** Where the keys are: at the row that was chosen, as long as its call is the selected one; -1 for nowhere. */
export function activeItem(items: readonly Item[], selected: string | undefined, chosen: string): number {
  const here = items.findIndex((item) => item.key === chosen && callOf(item).id === selected);
  return here >= 0 ? here : items.findIndex((item) => callOf(item).id === selected);
}

/** The calls, with the chain of the one that is opened right below it. */
export function withChain(calls: readonly Call[], opened: string | undefined, chain: readonly WaterfallRow[]): Item[] {
  return calls.flatMap((call): Item[] => {
    const item: Item = { kind: "call", key: call.id, call };
    return call.id === opened ? [item, ...chain.map((row): Item => ({ kind: "chain", key: `in ${row.call.id}`, row }))] : [item];
  });
}
