// What does not fit, asked again when the edges changed, but not more often than people read.
import type { Backend } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { Finding } from "../api/generated/Finding";

const REFRESH_MS = 3000;

export class FindingsState {
  list = $state.raw<readonly Finding[]>([]);
  error = $state.raw<Refusal | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last = 0;

  constructor(private readonly backend: Backend) {}

  /** Something may have changed. */
  changed(): void {
    this.#timer ??= setTimeout(() => void this.#read(), Math.max(0, this.#last + REFRESH_MS - Date.now()));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #read(): Promise<void> {
    this.#timer = undefined;
    this.#last = Date.now();
    try {
      this.list = (await this.backend.call("findings", {})).findings;
      this.error = null;
    } catch (thrown) {
      this.error = refusal(thrown);
    }
  }
}
