// Two calls that are set against each other, both whole.
import type { Backend } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { Call } from "../api/generated/Call";

/** A call that was remembered to be compared with another one. */
export interface Remembered {
  id: string;
  label: string;
}

/** Two calls, or two answers to one request. */
export type Compared = "calls" | "answers";

export class Comparison {
  left = $state.raw<Call | null>(null);
  right = $state.raw<Call | null>(null);
  error = $state.raw<Refusal | null>(null);

  private constructor(readonly of: Compared) {}

  /** Two calls by their ids; they are read first. */
  static calls(backend: Backend, ids: readonly [left: string, right: string]): Comparison {
    const comparison = new Comparison("calls");
    void comparison.#read(backend, ids);
    return comparison;
  }

  /** A call, and as it would be with the answer that its request got when it was sent again. */
  static answers(was: Call, now: Call): Comparison {
    const comparison = new Comparison("answers");
    [comparison.left, comparison.right] = [was, now];
    return comparison;
  }

  async #read(backend: Backend, ids: readonly [left: string, right: string]): Promise<void> {
    try {
      [this.left, this.right] = await Promise.all([backend.call("call_show", { id: ids[0] }), backend.call("call_show", { id: ids[1] })]);
    } catch (thrown) {
      this.error = refusal(thrown);
    }
  }
}
