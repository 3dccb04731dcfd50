import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Backend, StreamEvents } from "../../src/api/backend";
import { pauseBefore, watch, type Link } from "../../src/api/watch";

/** A backend whose streams the test plays. */
function played() {
  const streams: { path: string; events: StreamEvents; closed: boolean }[] = [];
  const backend: Backend = {
    host: null,
    call: async () => Promise.reject(new Error("not played")),
    open: (path, events) => {
      const stream = { path, events, closed: false };
      streams.push(stream);
      return { sendText: () => undefined, sendBytes: () => undefined, close: () => (stream.closed = true) };
    },
  };
  return { backend, streams };
}

const delta = (seq: number) => JSON.stringify({ kind: "delta", value: { seq, changes: [] } });

describe("watch", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("opens one stream and is live with its first message", () => {
    const { backend, streams } = played();
    const links: Link[] = [];
    watch(backend, { message: () => true, link: (l) => links.push(l) });
    expect(streams.map((s) => s.path)).toEqual(["/v1/watch"]);
    streams[0]?.events.text(delta(1));
    expect(links).toEqual(["connecting", "live"]);
  });

  it("opens the stream again at once after a gap, and hears nothing more of the old one", () => {
    const { backend, streams } = played();
    const heard: number[] = [];
    watch(backend, { message: (m) => (heard.push(m.value.seq), m.value.seq !== 5), link: () => undefined });
    streams[0]?.events.text(delta(1));
    streams[0]?.events.text(delta(5));
    expect(streams[0]?.closed).toBe(true);
    streams[0]?.events.text(delta(6));
    streams[0]?.events.closed();
    vi.advanceTimersByTime(pauseBefore(0));
    expect(streams).toHaveLength(2);
    expect(heard).toEqual([1, 5]);
  });

  it("waits longer after each failure and says that the session is lost", () => {
    const { backend, streams } = played();
    const links: Link[] = [];
    watch(backend, { message: () => true, link: (l) => links.push(l) });
    for (let i = 0; i < 8; i += 1) {
      streams.at(-1)?.events.closed();
      vi.advanceTimersByTime(pauseBefore(i) - 1);
      expect(streams).toHaveLength(i + 1);
      vi.advanceTimersByTime(1);
      expect(streams).toHaveLength(i + 2);
    }
    expect(links).toContain("lost");
    streams.at(-1)?.events.text(delta(1));
    expect(links.at(-1)).toBe("live");
    streams.at(-1)?.events.closed();
    vi.advanceTimersByTime(pauseBefore(0));
    expect(streams).toHaveLength(10);
  });

  it("opens nothing once it was ended", () => {
    const { backend, streams } = played();
    const end = watch(backend, { message: () => true, link: () => undefined });
    streams[0]?.events.closed();
    end();
    vi.advanceTimersByTime(60_000);
    expect(streams).toHaveLength(1);
  });
});
