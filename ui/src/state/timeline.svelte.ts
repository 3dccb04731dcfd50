// Calls and errors over the span of time that the axis shows, and the events of all of the session.
import type { Backend } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { Event } from "../api/generated/Event";
import type { Timeline } from "../api/generated/Timeline";
import { axisAt, joinEvents, panTo, spanSeconds, SPANS, type Span } from "../lib/timeaxis";

export const TIMELINE_REFRESH_MS = 1000;
/** So long after its end a piece of the axis may still change: calls that began in it end. */
const OPEN_MS = 60_000;
/** Events that are read at once; the session keeps 20,000. */
const PAGE = 1000;

export class TimelineState {
  span = $state<Span>(SPANS[0]);
  now = $state(Date.now());
  data = $state.raw<Timeline | null>(null);
  error = $state.raw<Refusal | null>(null);
  /** Where the axis ends; undefined: now. */
  #until = $state<number | undefined>(undefined);
  /** What was read by pages: more than the session tells by itself. */
  #read = $state.raw<readonly Event[]>([]);
  readonly events: readonly Event[] = $derived.by(() => joinEvents(this.#read, this.newest()));
  readonly began = $derived(Date.parse(this.events[0]?.ts ?? "") || this.now);
  readonly seconds = $derived(spanSeconds(this.span, this.began, this.now));
  readonly live = $derived(this.#until === undefined);
  readonly axis = $derived(axisAt(this.#until ?? this.now, this.seconds));
  #busy = false;
  #again = false;

  /** `newest`: the newest events, which the session tells by itself. */
  constructor(
    private readonly backend: Backend,
    private readonly newest: () => readonly Event[],
  ) {}

  async refresh(now: number): Promise<void> {
    this.#again = this.#busy;
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.#readEvents();
      const { since, until, bins } = axisAt(this.#until ?? now, spanSeconds(this.span, this.began, now));
      const known = this.data?.since_ms === since && this.data.until_ms === until && until < now - OPEN_MS;
      if (!known) this.data = await this.backend.call("timeline", { since_ms: since, until_ms: until, bins });
      // Together with what is drawn on it: the axis moves on by whole bins that are there.
      this.now = now;
      this.error = null;
    } catch (thrown) {
      this.now = now;
      this.error = refusal(thrown);
    } finally {
      this.#busy = false;
    }
    if (this.#again) await this.refresh(Date.now());
  }

  choose(span: Span): void {
    this.span = span;
    this.#end(this.#until);
  }

  /** The next wider or narrower span. */
  widen(by: 1 | -1): void {
    const next = SPANS[SPANS.indexOf(this.span) + by];
    if (next !== undefined) this.choose(next);
  }

  /** Moves the axis by milliseconds: into the past, or back towards now. */
  pan(by: number): void {
    this.#end((this.#until ?? Date.now()) + by);
  }

  /** Moves the axis by half of what it shows. */
  page(by: 1 | -1): void {
    this.pan((by * (this.axis.until - this.axis.since)) / 2);
  }

  /** As far back as anything was counted. */
  toFirst(): void {
    this.#end(0);
  }

  toNow(): void {
    this.#end(undefined);
  }

  #end(until: number | undefined): void {
    const now = Date.now();
    this.#until = until === undefined || this.span === "session" ? undefined : panTo(until, this.seconds * 1000, this.began, now);
    void this.refresh(now);
  }

  /** Reads the events of what is shown before those that the session tells by itself. */
  async #readEvents(): Promise<void> {
    const first = this.newest()[0];
    const shown = this.span === "session" || (first !== undefined && this.axis.since < Date.parse(first.ts));
    if (first === undefined || first.seq <= 1 || !shown) return;
    // Of another session: from the beginning.
    let read = this.events[0] === first ? [] : this.#read;
    // What joins on to the events that are told needs no reading.
    while ((read.at(-1)?.seq ?? 0) < first.seq - 1) {
      const page = await this.backend.call("events_read", { after: read.at(-1)?.seq ?? 0, limit: PAGE, wait_ms: 0 });
      if (page.events.length === 0) break;
      read = [...read, ...page.events];
    }
    this.#read = read;
  }
}
