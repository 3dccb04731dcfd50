// The chain of the call that is looked at, whole: from its first call on, whichever of its calls was opened.
import type { Backend } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { ChainCall } from "../api/generated/ChainCall";
import { joinChains, waterfall } from "../lib/waterfall";

/** While a call of it is awaited the chain is read again, but not more often than this. */
const REFRESH_MS = 500;

export class ChainState {
  calls = $state.raw<readonly ChainCall[]>([]);
  error = $state.raw<Refusal | null>(null);
  loading = $state(false);
  readonly waterfall = $derived(waterfall(this.calls));
  #asked = "";
  #run = 0;
  #last = 0;

  constructor(private readonly backend: Backend) {}

  has(id: string): boolean {
    return this.calls.some(({ call }) => call.id === id);
  }

  /** Shows the chain of a call; one that holds it already stays, so that nothing moves when its calls are looked at. */
  show(id: string): void {
    const fresh = Date.now() - this.#last < REFRESH_MS;
    if (this.has(id) && (fresh || !this.calls.some(({ call }) => call.pending === true))) return;
    if (this.loading && this.#asked === id) return;
    if (!this.has(id)) this.calls = [];
    void this.#read(id);
  }

  async #read(id: string): Promise<void> {
    const run = ++this.#run;
    this.#asked = id;
    this.loading = true;
    this.#last = Date.now();
    try {
      const own = (await this.backend.call("chain", { id })).calls;
      const first = own.find((one) => one.parent === undefined)?.call.id;
      // A call in the middle knows what led to it and what it caused; the first one knows all the others too.
      const all = first === undefined || first === id ? [] : (await this.backend.call("chain", { id: first })).calls;
      if (run !== this.#run) return;
      this.calls = joinChains(own, all);
      this.error = null;
    } catch (thrown) {
      if (run === this.#run) this.error = refusal(thrown);
    } finally {
      if (run === this.#run) this.loading = false;
    }
  }
}
