// Where the hits of a query lie along the log, kept up to date while somebody looks.
import type { Backend } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { LogsQuery } from "../api/generated/LogsQuery";
import { NO_OUTLINE } from "../lib/outline";

const PARTS = 500;
const EVERY_MS = 1000;
/** All lines are looked at for it, so it may take this share of the time at most. */
const SHARE = 10;

export class OutlineState {
  data = $state.raw(NO_OUTLINE);
  /** Of this query it is; another one is being counted while this differs from what was asked. */
  counting = $state(false);
  error = $state.raw<Refusal | null>(null);
  #run = 0;

  constructor(
    private readonly backend: Backend,
    /** Changes when there are new lines. */
    private readonly revision: () => number,
  ) {}

  /** Counts, and counts again as lines come. */
  watch(query: LogsQuery): void {
    const run = ++this.#run;
    this.counting = true;
    void this.#loop(run, query);
  }

  stop(): void {
    this.#run += 1;
    this.counting = false;
    this.data = NO_OUTLINE;
    this.error = null;
  }

  async #loop(run: number, query: LogsQuery): Promise<void> {
    let counted: number | undefined;
    while (run === this.#run) {
      const [began, revision] = [Date.now(), this.revision()];
      if (revision !== counted) {
        try {
          const data = await this.backend.call("logs_outline", { query, parts: PARTS });
          if (run !== this.#run) return;
          this.data = data;
          this.error = null;
          counted = revision;
        } catch (thrown) {
          if (run !== this.#run) return;
          this.error = refusal(thrown);
          this.data = NO_OUTLINE;
          // What cannot be read now will not be read the next time either.
          if (this.error.code === "bad-request") counted = revision;
        }
        this.counting = counted !== revision;
      }
      const wait = Math.max(EVERY_MS, (Date.now() - began) * SHARE);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
