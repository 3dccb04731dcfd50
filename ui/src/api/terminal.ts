// A terminal over a stream: bytes both ways, size and end as JSON.
import type { Backend } from "./backend";
import type { TerminalControl } from "./generated/TerminalControl";

interface TerminalEvents {
  output(bytes: Uint8Array): void;
  /** The program ended or the terminal could not be opened; comes once. */
  ended(reason: string): void;
}

interface TerminalLink {
  type(text: string): void;
  resize(cols: number, rows: number): void;
  close(): void;
}

export function openTerminal(backend: Backend, service: string, cols: number, rows: number, events: TerminalEvents): TerminalLink {
  let over = false;
  const end = (reason: string) => {
    if (over) return;
    over = true;
    events.ended(reason);
  };
  const query = new URLSearchParams({ service, cols: String(cols), rows: String(rows) });
  const stream = backend.open(`/v1/terminal?${query}`, {
    bytes: (bytes) => events.output(bytes),
    text: (text) => {
      const control = JSON.parse(text) as TerminalControl;
      if (control.kind === "exit") end(control.code === undefined ? "ended" : `ended with exit code ${control.code}`);
      if (control.kind === "failed") end([control.error.message, control.error.hint].filter(Boolean).join(". "));
    },
    closed: () => end("the connection was closed"),
  });
  const control = (message: TerminalControl) => stream.sendText(JSON.stringify(message));
  const encoder = new TextEncoder();
  return {
    type: (text) => stream.sendBytes(encoder.encode(text)),
    resize: (c, r) => control({ kind: "resize", cols: c, rows: r }),
    close: () => {
      over = true;
      stream.close();
    },
  };
}
