// The routes of the selected services or edge, read again at most once a second while somebody looks.
import type { Backend } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { Route } from "../api/generated/Route";
import type { RoutesRequest } from "../api/generated/RoutesRequest";

const REFRESH_MS = 1000;

export class RoutesState {
  routes = $state.raw<readonly Route[]>([]);
  loading = $state(true);
  error = $state.raw<Refusal | null>(null);
  #asked = "";
  #run = 0;
  #busy = false;
  #again = false;
  #last = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly backend: Backend) {}

  /** Reads them now when the question is another one, else when it is time. */
  want(request: RoutesRequest): void {
    const asked = JSON.stringify(request);
    if (asked !== this.#asked) {
      this.#asked = asked;
      this.#run += 1;
      this.#busy = false;
      this.loading = true;
      this.#last = 0;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    if (this.#busy) this.#again = true;
    else this.#timer ??= setTimeout(() => void this.#read(request), Math.max(0, this.#last + REFRESH_MS - Date.now()));
  }

  stop(): void {
    this.#run += 1;
    this.#asked = "";
    this.#busy = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #read(request: RoutesRequest): Promise<void> {
    const run = this.#run;
    this.#timer = undefined;
    this.#busy = true;
    this.#again = false;
    this.#last = Date.now();
    try {
      const { routes } = await this.backend.call("routes", request);
      if (run !== this.#run) return;
      this.routes = routes;
      this.error = null;
    } catch (thrown) {
      if (run === this.#run) this.error = refusal(thrown);
    } finally {
      if (run === this.#run) {
        this.loading = false;
        this.#busy = false;
        if (this.#again) this.want(request);
      }
    }
  }
}
