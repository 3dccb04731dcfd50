// The stack as the window sees it, and what the window may ask of it.
import type { Backend, CommandName, Request, Response } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { Snapshot } from "../api/generated/Snapshot";
import { watch, type Link } from "../api/watch";
import { complain, type Complaint } from "./complaints";
import { remember, sample, type Sample } from "./rates";
import { follow } from "./session";

export type ServiceAction = "start" | "stop" | "restart" | "rebuild" | "reload";

export class StackState {
  snapshot = $state.raw<Snapshot | null>(null);
  link = $state<Link>("connecting");
  complaints = $state.raw<Complaint[]>([]);
  samples = $state.raw<Sample[]>([]);
  /** The question of trust stands, and this is what a yes leads to. */
  question = $state.raw<(() => void) | null>(null);
  readonly services = $derived(this.snapshot?.services ?? []);
  readonly edges = $derived(this.snapshot?.edges ?? []);
  /** Why no packets can be saved; null: there may be some. */
  readonly noPackets: string | null = $derived.by(() => {
    const capture = this.snapshot?.capture;
    if (capture?.state !== "on") return "No packets are kept: calls are not being observed.";
    if (capture.packets_kept === 0) return 'No packets are kept: `packets = "16m"` under `[calls]` in the manifest keeps the newest.';
    return null;
  });

  constructor(private readonly backend: Backend) {}

  /** Returns what ends the watching. */
  watch(): () => void {
    return watch(this.backend, {
      link: (link) => (this.link = link),
      message: (message) => {
        const next = follow(this.snapshot, message);
        if (next === null) return false;
        const before = this.snapshot?.edges;
        this.snapshot = next;
        if (next.edges !== before || message.kind === "snapshot") this.#sample(next);
        return true;
      },
    });
  }

  /** Asks, and shows a refusal in the strip of complaints. Null: refused. */
  async ask<N extends CommandName>(name: N, request: Request<N>): Promise<Response<N> | null> {
    try {
      return await this.backend.call(name, request);
    } catch (thrown) {
      this.complain(name, refusal(thrown));
      return null;
    }
  }

  /** Shows a refusal in the strip of complaints. */
  readonly complain = (attempt: string, error: Refusal): void => {
    this.complaints = complain(this.complaints, attempt, error);
  };

  /** Starts everything, after the question of trust where it was never answered. */
  startAll(): void {
    this.#trusted(() => void this.ask("up", { services: [], build: false, trust: false, no_reload: false, no_capture: false }));
  }

  stopAll(): void {
    void this.ask("stop", { services: [] });
  }

  act(action: ServiceAction, services: string[]): void {
    if (action === "stop") void this.ask("stop", { services });
    else this.#trusted(() => void this.ask(action, { services }));
  }

  async trust(): Promise<void> {
    const then = this.question;
    this.question = null;
    if ((await this.ask("trust", {})) !== null) then?.();
  }

  dismiss(key: string): void {
    this.complaints = this.complaints.filter((c) => c.key !== key);
  }

  #trusted(then: () => void): void {
    if (this.snapshot !== null && !this.snapshot.stack.trusted) this.question = then;
    else then();
  }

  // Edges come when they change; a minute without calls must not leave an old rate standing, so `tick` samples as well.
  #sample(snapshot: Snapshot): void {
    this.samples = remember(this.samples, sample(snapshot.edges, Date.now()));
  }

  tick(): void {
    if (this.snapshot !== null) this.#sample(this.snapshot);
  }
}
