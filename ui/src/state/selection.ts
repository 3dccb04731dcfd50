// The one selection that narrows every view: an ordered list of steps, so that Esc can widen by one. Pure.

export interface TimeRange {
  /** In milliseconds since 1970. */
  from: number;
  to: number;
}

export type Step =
  | { kind: "range"; range: TimeRange }
  | { kind: "services"; services: readonly string[] }
  | { kind: "edge"; from: string; to: string }
  | { kind: "call"; id: string; label: string }
  | { kind: "line"; cursor: string; label: string }
  | { kind: "event"; seq: number; label: string };

export type Selection = readonly Step[];

export const EVERYTHING: Selection = [];

// What is looked at closely: there is one such thing at a time.
const FOCUS = new Set<Step["kind"]>(["call", "line", "event"]);

/** Takes a step; it replaces the one of its kind and comes last. */
export function narrow(selection: Selection, step: Step): Selection {
  const replaced = (old: Step) => old.kind === step.kind || (FOCUS.has(step.kind) && FOCUS.has(old.kind));
  if (step.kind === "services" && step.services.length === 0) return without(selection, "services");
  return [...selection.filter((old) => !replaced(old)), step];
}

/** Takes the newest step back. */
export const widen = (selection: Selection): Selection => selection.slice(0, -1);

export const without = (selection: Selection, kind: Step["kind"]): Selection => selection.filter((s) => s.kind !== kind);

export function find<K extends Step["kind"]>(selection: Selection, kind: K): Extract<Step, { kind: K }> | undefined {
  return selection.find((s): s is Extract<Step, { kind: K }> => s.kind === kind);
}

/** Selects one service alone, or with `add` one more or one less; selecting the only one again selects none. */
export function toggleService(selection: Selection, service: string, add: boolean): Selection {
  const now = find(selection, "services")?.services ?? [];
  const has = now.includes(service);
  if (add) return narrow(selection, { kind: "services", services: has ? now.filter((s) => s !== service) : [...now, service] });
  return narrow(selection, { kind: "services", services: has && now.length === 1 ? [] : [service] });
}

/** The services whose lines and calls are of interest; empty: all. */
export function servicesOf(selection: Selection): readonly string[] {
  const services = find(selection, "services")?.services;
  if (services !== undefined) return services;
  const edge = find(selection, "edge");
  return edge === undefined ? [] : [edge.from, edge.to].filter((s) => s !== "outside");
}

/** What the inspector shows: the closest look that was taken. */
export function subject(selection: Selection): Step | undefined {
  return (
    selection.find((s) => FOCUS.has(s.kind)) ??
    selection.findLast((s) => s.kind === "edge" || (s.kind === "services" && s.services.length === 1))
  );
}
