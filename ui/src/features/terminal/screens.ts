// The terminals' screens. They outlive the view that shows them, so that a shell goes on while another view is looked at.
import type { Backend } from "../../api/backend";
import type { Screen } from "./xterm";

interface Entry {
  host: HTMLElement;
  screen: Screen | null;
  dropped: boolean;
}

export class Screens {
  readonly #entries = new Map<number, Entry>();

  constructor(private readonly backend: Backend) {}

  /** Puts a terminal's screen into `place`; the first time opens it. Returns what takes it out again. */
  show(id: number, service: string, place: HTMLElement): () => void {
    const known = this.#entries.get(id);
    const entry = known ?? { host: document.createElement("div"), screen: null, dropped: false };
    this.#entries.set(id, entry);
    entry.host.style.height = "100%";
    place.append(entry.host);
    if (known === undefined) void this.#open(entry, service);
    else entry.screen?.focus();
    return () => entry.host.remove();
  }

  focus(id: number): void {
    this.#entries.get(id)?.screen?.focus();
  }

  restyle(): void {
    for (const { screen } of this.#entries.values()) screen?.restyle();
  }

  /** Ends the terminals that are not among `open`. */
  keep(open: readonly number[]): void {
    for (const [id, entry] of this.#entries) {
      if (open.includes(id)) continue;
      this.#entries.delete(id);
      entry.dropped = true;
      entry.screen?.dispose();
    }
  }

  // xterm.js is loaded when the first terminal is opened.
  async #open(entry: Entry, service: string): Promise<void> {
    const { openScreen } = await import("./xterm");
    if (entry.dropped) return;
    entry.screen = openScreen(entry.host, this.backend, service);
    entry.screen.focus();
  }
}
