// The log view's lines: the newest page first, then one outstanding long poll for newer lines, and older pages on demand.
import type { Backend } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { LogLine } from "../api/generated/LogLine";
import type { LogsQuery } from "../api/generated/LogsQuery";
import { append, firstPage, LINES_KEPT, NO_LINES, prepend } from "./linebuffer";

const PAGE = 500;
const FOLLOW_LIMIT = 5000;
const LONG_POLL_MS = 1000;
/** At most ten answers a second reach the screen. */
const PAUSE_MS = 100;
/** Reading stops after so many lines that nobody looks at. */
const AHEAD = LINES_KEPT / 2;

export class LogsState {
  buffer = $state.raw(NO_LINES);
  loading = $state(true);
  error = $state.raw<Refusal | null>(null);
  following = $state(true);
  /** New lines since the view was scrolled away from the end. */
  unseen = $state(0);
  /** The newest lines are not in the buffer: reading stopped, or the end was let go. */
  detached = $state(false);
  #run = 0;
  #older = false;

  constructor(
    private readonly backend: Backend,
    private query: LogsQuery,
  ) {}

  /** Reads with another query, from the newest lines on. */
  read(query: LogsQuery): void {
    this.query = query;
    this.restart();
  }

  restart(): void {
    const run = ++this.#run;
    this.following = true;
    this.unseen = 0;
    this.detached = false;
    this.loading = true;
    void this.#loop(run);
  }

  stop(): void {
    this.#run += 1;
  }

  /** The view shows its end again, or no longer. */
  follow(on: boolean): void {
    if (on === this.following) return;
    if (on && this.detached) {
      this.restart();
      return;
    }
    this.following = on;
    this.unseen = 0;
  }

  async readOlder(): Promise<void> {
    const cursor = this.buffer.before;
    if (cursor === undefined || this.#older) return;
    const run = this.#run;
    this.#older = true;
    try {
      const page = await this.backend.call("logs_read", {
        query: this.query, from: { at: "before", cursor }, limit: PAGE * 2, wait_ms: 0,
      });
      if (run !== this.#run || this.buffer.before !== cursor) return;
      const full = this.buffer.lines.length + page.lines.length > LINES_KEPT;
      this.buffer = prepend(this.buffer, page);
      if (full) this.detached = true;
    } catch (thrown) {
      if (run === this.#run) this.error = refusal(thrown);
    } finally {
      this.#older = false;
    }
  }

  /** The line at `cursor`, when it is held. */
  line = (cursor: string): LogLine | undefined => this.buffer.lines.find((l) => l.cursor === cursor);

  async #loop(run: number): Promise<void> {
    let first = true;
    while (run === this.#run) {
      const began = Date.now();
      try {
        if (first) await this.#first(run);
        else await this.#newer(run);
        first = false;
        if (run === this.#run) this.error = null;
      } catch (thrown) {
        if (run !== this.#run) return;
        this.error = refusal(thrown);
        this.loading = false;
        // A query that cannot be read will not be read the next time either.
        if (this.error.code === "bad-request") return;
        await pause(LONG_POLL_MS);
      }
      await pause(Math.max(PAUSE_MS - (Date.now() - began), 0));
      while (run === this.#run && this.detached) await pause(PAUSE_MS);
    }
  }

  async #first(run: number): Promise<void> {
    const page = await this.backend.call("logs_read", { query: this.query, from: { at: "newest" }, limit: PAGE, wait_ms: 0 });
    if (run !== this.#run) return;
    this.buffer = firstPage(page);
    this.loading = false;
  }

  async #newer(run: number): Promise<void> {
    const cursor = this.buffer.after ?? "";
    const page = await this.backend.call("logs_read", {
      query: this.query, from: { at: "after", cursor }, limit: FOLLOW_LIMIT, wait_ms: LONG_POLL_MS,
    });
    if (run !== this.#run || this.buffer.after !== cursor) return;
    if (!this.following) {
      this.unseen += page.lines.length;
      if (this.unseen > AHEAD) {
        this.detached = true;
        return;
      }
    }
    if (page.lines.length > 0 || page.after !== cursor) this.buffer = append(this.buffer, page);
  }
}

const pause = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
