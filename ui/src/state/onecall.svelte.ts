// The call that is looked at, whole; read again for as long as its answer is awaited.
import type { Backend } from "../api/backend";
import { refusal, Refusal } from "../api/error";
import type { Call } from "../api/generated/Call";
import type { ExportFormat } from "../api/generated/ExportFormat";
import { type Packets, readPackets } from "./packets";
import { Replay } from "./replay.svelte";

export class OneCall {
  call = $state.raw<Call | null>(null);
  error = $state.raw<Refusal | null>(null);
  /** Its request, to be edited and sent again. */
  replay = $state.raw<Replay | null>(null);
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

  /** Makes a form of its request, unless there is one already. It begins with what is hidden left hidden. */
  async openReplay(): Promise<void> {
    if (this.replay !== null) return;
    try {
      const call = await this.#show(false);
      this.replay ??= new Replay(this.backend, call);
    } catch (thrown) {
      this.error = refusal(thrown);
    }
  }

  /** The packets of its connection as the parts of a capture file, as far as they are still there. */
  async packets(): Promise<Packets | null> {
    try {
      const packets = await readPackets(this.backend, { call: this.id, services: [] });
      if (packets.count === 0) throw new Refusal({ code: "not-found", message: `the packets of \`${this.id}\` are not kept any more`, hint: "`[calls] packets` in the manifest says how much is kept" });
      return packets;
    } catch (thrown) {
      this.complain("packets_read", refusal(thrown));
      return null;
    }
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
