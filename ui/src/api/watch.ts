// The session's state as it changes: one stream that is opened again, with growing pauses, whenever it ends or a
// delta was missed.
import type { Backend, Stream } from "./backend";
import type { WatchMessage } from "./generated/WatchMessage";

export type Link = "connecting" | "live" | "lost";

interface WatchEvents {
  /** Returns false when the message does not follow from what came before: then the stream is opened again. */
  message(message: WatchMessage): boolean;
  link(link: Link): void;
}

const PAUSES_MS = [100, 250, 500, 1000, 2000, 4000];

/** The pause before the attempt after `failures` failed ones, in milliseconds. */
export const pauseBefore = (failures: number): number => PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)] ?? 4000;

/** Returns what ends the watching. */
export function watch(backend: Backend, events: WatchEvents): () => void {
  let stream: Stream | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let over = false;

  const again = () => {
    if (over) return;
    timer = setTimeout(connect, pauseBefore(failures));
    failures += 1;
    if (failures > 1) events.link("lost");
  };

  function connect() {
    let current = true;
    const leave = () => {
      if (!current) return;
      current = false;
      again();
    };
    const opened = backend.open("/v1/watch", {
      text: (text) => {
        if (!current) return;
        if (events.message(JSON.parse(text) as WatchMessage)) {
          failures = 0;
          events.link("live");
        } else {
          leave();
          opened.close();
        }
      },
      bytes: () => undefined,
      closed: leave,
    });
    stream = opened;
  }

  events.link("connecting");
  connect();
  return () => {
    over = true;
    clearTimeout(timer);
    stream?.close();
  };
}
