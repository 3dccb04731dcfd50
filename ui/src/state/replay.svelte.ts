// A call that is made again: what is to be sent, and what came of it.
import type { Backend } from "../api/backend";
import { refusal, Refusal } from "../api/error";
import type { Call } from "../api/generated/Call";
import type { ReplayResult } from "../api/generated/ReplayResult";
import { type Draft, draftOf, requestOf } from "../lib/replay";

export class Replay {
  draft = $state<Draft>({ method: "", path: "", headers: "", body: "" });
  /** While its answer is awaited. */
  sending = $state(false);
  result = $state.raw<ReplayResult | null>(null);
  error = $state.raw<Refusal | null>(null);

  constructor(
    private readonly backend: Backend,
    readonly call: Call,
  ) {
    this.reset();
  }

  readonly changed: boolean = $derived.by(() => {
    const original = draftOf(this.call);
    return (Object.keys(original) as (keyof Draft)[]).some((field) => this.draft[field] !== original[field]);
  });

  /** As it was sent. */
  reset(): void {
    this.draft = draftOf(this.call);
  }

  /** Sends it; both answers, where there is one. */
  async send(): Promise<ReplayResult | null> {
    if (this.sending) return null;
    const request = requestOf(this.call, this.draft);
    if ("wrong" in request) {
      const message = request.wrong === "" ? "a request needs a method" : `\`${request.wrong}\` is no header`;
      this.error = new Refusal({ code: "bad-request", message, hint: "write `name: value`, one a line" });
      return null;
    }
    this.sending = true;
    this.error = null;
    try {
      this.result = await this.backend.call("replay", request);
      return this.result;
    } catch (thrown) {
      this.error = refusal(thrown);
      this.result = null;
      return null;
    } finally {
      this.sending = false;
    }
  }
}
