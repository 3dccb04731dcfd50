// The call that is looked at, whole; read again for as long as its answer is awaited.
import type { Backend } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { Call } from "../api/generated/Call";
import type { ExportFormat } from "../api/generated/ExportFormat";

export class OneCall {
  call = $state.raw<Call | null>(null);
  error = $state.raw<Refusal | null>(null);
  #busy = false;

  constructor(
    private readonly backend: Backend,
    readonly id: string,
    private readonly complain: (attempt: string, error: Refusal) => void,
  ) {}

  /** Shows what is hidden, or hides it again. Where it is shown it is only here, until another call is looked at. */
  async reveal(on: boolean): Promise<void> {
    try {
      this.call = await this.#show(on);
    } catch (thrown) {
      this.complain("call_show", refusal(thrown));
    }
  }

  /** Something about some call changed. */
  async revised(): Promise<void> {
    if (this.#busy || (this.call !== null && this.call.pending !== true)) return;
    this.#busy = true;
    try {
      this.call = await this.#show(this.call?.hidden === "shown");
      this.error = null;
    } catch (thrown) {
      this.error = refusal(thrown);
    } finally {
      this.#busy = false;
    }
  }

  #show(reveal: boolean): Promise<Call> {
    return this.backend.call("call_show", { id: this.id, ...(reveal ? { reveal } : {}) });
  }

  async export(format: ExportFormat): Promise<string | null> {
    try {
      return (await this.backend.call("calls_export", { ids: [this.id], query: { services: [], failed: false }, format })).text;
    } catch (thrown) {
      this.complain("calls_export", refusal(thrown));
      return null;
    }
  }
}
