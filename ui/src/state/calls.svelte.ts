// The call view's rows: the newest page again whenever the revision grew, at most four times a second.
import type { Backend } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { Call } from "../api/generated/Call";
import type { CallsQuery } from "../api/generated/CallsQuery";
import { CALLS_KEPT, inOrder, mergeNewest, NO_CALLS, prependCalls, refreshKnown, shown, type CallList } from "./calllist";

const PAGE = 300;
export const REFRESH_MS = 250;

export class CallsState {
  list = $state.raw<CallList>(NO_CALLS);
  loading = $state(true);
  error = $state.raw<Refusal | null>(null);
  /** Rows stay where they are, so that nothing moves under a reading eye. */
  held = $state(false);
  /** There is more than the held rows show. */
  stale = $state(false);
  /** The order of the rows while they are held. */
  #order = $state.raw<readonly string[]>([]);
  readonly rows = $derived<Call[]>(this.held ? inOrder(this.list, this.#order) : shown(this.list));
  #run = 0;
  #revision = -1;
  #read = -1;
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last = 0;

  constructor(
    private readonly backend: Backend,
    private query: CallsQuery,
  ) {}

  read(query: CallsQuery): void {
    this.query = query;
    this.#run += 1;
    this.list = NO_CALLS;
    this.loading = true;
    this.held = false;
    this.stale = false;
    this.#read = -1;
    this.#busy = false;
    this.#plan();
  }

  /** The session counted another change of some call. */
  revised(revision: number): void {
    this.#revision = revision;
    this.#plan();
  }

  hold(on: boolean): void {
    if (on === this.held) return;
    if (on) this.#order = this.rows.map((call) => call.id);
    this.held = on;
    if (on) return;
    if (this.stale) this.#read = -1;
    this.#plan();
  }

  stop(): void {
    this.#run += 1;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async readOlder(): Promise<void> {
    const cursor = this.list.before;
    if (cursor === undefined || this.#busy || this.list.calls.length >= CALLS_KEPT) return;
    const run = this.#run;
    this.#busy = true;
    try {
      const page = await this.backend.call("calls_read", { ...this.#request(), from: { at: "before", cursor } });
      if (run === this.#run) this.list = prependCalls(this.list, page);
    } catch (thrown) {
      if (run === this.#run) this.error = refusal(thrown);
    } finally {
      if (run === this.#run) this.#busy = false;
      this.#plan();
    }
  }

  #plan(): void {
    if (this.#timer !== undefined || this.#busy || this.#read === this.#revision) return;
    // The first page of another question is read even then: there is nothing yet that could move.
    if (this.held && !this.loading) {
      this.stale = true;
      if (!this.list.calls.some((call) => call.pending === true)) return;
    }
    this.#timer = setTimeout(() => void this.#refresh(), Math.max(0, this.#last + REFRESH_MS - Date.now()));
  }

  async #refresh(): Promise<void> {
    const run = this.#run;
    const revision = this.#revision;
    this.#timer = undefined;
    this.#busy = true;
    this.#last = Date.now();
    try {
      const page = await this.backend.call("calls_read", this.#request());
      if (run !== this.#run) return;
      const first = this.loading;
      this.list = this.held && !first ? refreshKnown(this.list, page) : mergeNewest(this.list, page);
      if (this.held && first) this.#order = shown(this.list).map((call) => call.id);
      this.error = null;
      this.stale = this.held && !first;
    } catch (thrown) {
      if (run === this.#run) this.error = refusal(thrown);
    } finally {
      if (run === this.#run) {
        this.#read = revision;
        this.loading = false;
        this.#busy = false;
        this.#plan();
      }
    }
  }

  #request() {
    return { query: this.query, from: { at: "newest" } as const, limit: PAGE, wait_ms: 0, whole: false, done: false };
  }
}
