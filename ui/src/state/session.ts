// The session's state: a snapshot, and what each numbered delta makes of it. Pure.
import type { Change } from "../api/generated/Change";
import type { Event } from "../api/generated/Event";
import type { ServiceView } from "../api/generated/ServiceView";
import type { Snapshot } from "../api/generated/Snapshot";
import type { WatchMessage } from "../api/generated/WatchMessage";

/** As many as a snapshot brings, and a good deal more; older ones can be read by `events_read`. */
export const EVENTS_KEPT = 2000;

/** The state after `message`, or null when a delta is missing before it. */
export function follow(state: Snapshot | null, message: WatchMessage): Snapshot | null {
  if (message.kind === "snapshot") return message.value;
  const { seq, changes } = message.value;
  if (state === null || seq > state.seq + 1) return null;
  // Already in the snapshot: a delta that was under way when it was made.
  if (seq <= state.seq) return state;
  return { ...changes.reduce(apply, state), seq };
}

function apply(state: Snapshot, change: Change): Snapshot {
  switch (change.kind) {
    case "stack":
      return { ...state, stack: change.value };
    case "service":
      return { ...state, services: withService(state.services, change.value) };
    case "service_gone":
      return { ...state, services: state.services.filter((s) => s.service !== change.value) };
    case "engine":
      return { ...state, engine: change.value };
    case "capture":
      return { ...state, capture: change.value };
    case "counters":
      return { ...state, counters: change.value };
    case "event":
      return { ...state, events: withEvent(state.events, change.value) };
    case "edges":
      return { ...state, edges: change.value };
  }
}

function withService(services: ServiceView[], service: ServiceView): ServiceView[] {
  const at = services.findIndex((s) => s.service === service.service);
  if (at >= 0) return services.with(at, service);
  return [...services, service].sort((a, b) => (a.service < b.service ? -1 : 1));
}

function withEvent(events: Event[], event: Event): Event[] {
  if (events.some((e) => e.seq === event.seq)) return events;
  return [...events.slice(Math.max(0, events.length - EVENTS_KEPT + 1)), event];
}
