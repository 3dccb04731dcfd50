// Two calls that are set against each other, both whole.
import type { Backend } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { Call } from "../api/generated/Call";

/** A call that was remembered to be compared with another one. */
export interface Remembered {
  id: string;
  label: string;
}

export class Comparison {
  left = $state.raw<Call | null>(null);
  right = $state.raw<Call | null>(null);
  error = $state.raw<Refusal | null>(null);

  constructor(
    private readonly backend: Backend,
    readonly ids: readonly [left: string, right: string],
  ) {
    void this.#read();
  }

  async #read(): Promise<void> {
    try {
      const [left, right] = this.ids;
      [this.left, this.right] = await Promise.all([this.backend.call("call_show", { id: left }), this.backend.call("call_show", { id: right })]);
    } catch (thrown) {
      this.error = refusal(thrown);
    }
  }
}
