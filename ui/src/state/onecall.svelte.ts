// The call that is looked at, whole; read again for as long as its answer is awaited.
import type { Backend } from "../api/backend";
import { refusal, Refusal } from "../api/error";
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

  /** The packets of its connection as the parts of a capture file, as far as they are still there. */
  async packets(): Promise<{ parts: Uint8Array<ArrayBuffer>[]; count: number } | null> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let count = 0;
    let after: string | undefined;
    try {
      for (let more = true; more; ) {
        const page = await this.backend.call("packets_read", { call: this.id, services: [], wait_ms: 0, ...(after === undefined ? {} : { after }) });
        parts.push(fromBase64(page.pcap));
        count += page.packets;
        ({ after, more } = page);
      }
      if (count === 0) throw new Refusal({ code: "not-found", message: `the packets of \`${this.id}\` are not kept any more`, hint: "`[calls] packets` in the manifest says how much is kept" });
      return { parts, count };
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

const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
