// How a service is, in the few words and shapes that people look for. Pure.
import type { ServiceView } from "../api/generated/ServiceView";

/** Each has a shape of its own, so that nothing depends on colour. */
export type Health = "ready" | "busy" | "waiting" | "failed" | "stopped" | "reload" | "done";

export function health(service: ServiceView): Health {
  switch (service.state) {
    case "running":
      if (service.reload !== undefined && service.reload.pending > 0) return "reload";
      return service.ready ? "ready" : "busy";
    case "waiting":
      return "waiting";
    case "building":
    case "pulling":
    case "starting":
    case "stopping":
      return "busy";
    case "stopped":
      return "stopped";
    case "failed":
      return "failed";
    case "completed":
      return "done";
  }
}

/** The state as a word. */
export function stateWord(service: ServiceView): string {
  if (service.state === "running") return service.ready ? "ready" : "not ready yet";
  return service.state;
}

export const isUp = (service: ServiceView): boolean => !["stopped", "failed", "completed"].includes(service.state);

/** Why the service is not simply ready, in one line; null when there is nothing to say. */
export function remark(service: ServiceView): string | null {
  if (service.build !== undefined && ["building", "pulling"].includes(service.state)) {
    const { step, done, total } = service.build;
    return total > 0 ? `${done}/${total} ${step}` : step;
  }
  if (service.waiting_for !== undefined) return `waits for ${service.waiting_for}`;
  if (service.error !== undefined) return service.error.message;
  if (service.reload?.error !== undefined) return `the last reload failed: ${service.reload.error}`;
  if (service.reload?.notice !== undefined) return service.reload.notice;
  if (service.state === "failed" && service.exit_code !== undefined) return `ended with exit code ${service.exit_code}`;
  return null;
}

interface Tally {
  health: Health;
  services: ServiceView[];
}

const ORDER: Health[] = ["failed", "waiting", "busy", "reload", "ready", "done", "stopped"];

/** How many services are in which health, the worst first. */
export function tally(services: ServiceView[]): Tally[] {
  return ORDER.map((kind) => ({ health: kind, services: services.filter((s) => health(s) === kind) })).filter(
    (t) => t.services.length > 0,
  );
}
