// Calls and errors over the last minutes, read once a second.
import type { Backend } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { Timeline } from "../api/generated/Timeline";
import { axisAt, SPANS } from "../lib/timeaxis";

export const TIMELINE_REFRESH_MS = 1000;

export class TimelineState {
  span = $state<number>(SPANS[0]);
  now = $state(Date.now());
  data = $state.raw<Timeline | null>(null);
  error = $state.raw<Refusal | null>(null);
  readonly axis = $derived(axisAt(this.now, this.span));
  #busy = false;

  constructor(private readonly backend: Backend) {}

  async refresh(now: number): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const axis = axisAt(now, this.span);
      this.data = await this.backend.call("timeline", { since_ms: axis.since, until_ms: axis.until, bins: axis.bins });
      this.now = now;
      this.error = null;
    } catch (thrown) {
      this.now = now;
      this.error = refusal(thrown);
    } finally {
      this.#busy = false;
    }
  }

  /** The next wider span, and after the widest the narrowest again. */
  nextSpan(): void {
    this.span = SPANS[(SPANS.findIndex((s) => s === this.span) + 1) % SPANS.length] ?? SPANS[0];
    void this.refresh(Date.now());
  }
}
