import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Backend } from "../../src/api/backend";
import type { Event } from "../../src/api/generated/Event";
import { TimelineState } from "../../src/state/timeline.svelte";
import { event } from "./make";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const at = (secondsAgo: number) => new Date(NOW - secondsAgo * 1000).toISOString();

/** A session with 2,500 events, a second apart, of which it tells the newest 200. */
function session() {
  const all: Event[] = Array.from({ length: 2500 }, (_, i) => event(i + 1, { ts: at(2500 - i) }));
  const asked: { name: string; request: unknown }[] = [];
  const call = async (name: string, request: { after: number; limit: number }) => {
    asked.push({ name, request });
    if (name === "timeline") return { ...request, calls: [], errors: [] };
    const events = all.filter((e) => e.seq > request.after).slice(0, request.limit);
    return { events, after: events.at(-1)?.seq ?? request.after };
  };
  const backend = { call } as unknown as Backend;
  return { timeline: new TimelineState(backend, () => all.slice(-200)), asked, last: () => asked.findLast((a) => a.name === "timeline")?.request };
}

beforeEach(() => void vi.useFakeTimers({ now: NOW }));
afterEach(() => void vi.useRealTimers());

describe("the time axis", () => {
  it("reads the events of what it shows, once", async () => {
    const { timeline, asked } = session();
    timeline.span = 300;
    await timeline.refresh(NOW);
    expect(asked.filter((a) => a.name === "events_read").length, "300 s reach back before the newest 200").toBe(3);
    expect(timeline.events.length).toBe(2500);
    await timeline.refresh(NOW + 1000);
    expect(asked.filter((a) => a.name === "events_read").length).toBe(3);
  });

  it("shows all of the session", async () => {
    const { timeline } = session();
    timeline.choose("session");
    await vi.runAllTimersAsync();
    await timeline.refresh(NOW);
    expect(timeline.axis.since).toBeLessThanOrEqual(NOW - 2_500_000);
    expect(timeline.axis.since).toBeGreaterThan(NOW - 2_600_000);
    timeline.pan(-60_000);
    expect(timeline.live, "there is nothing beside all of it").toBe(true);
  });

  it("stays where it was moved to, and comes back", async () => {
    const { timeline, last } = session();
    await timeline.refresh(NOW);
    timeline.pan(-3_600_000);
    await vi.runAllTimersAsync();
    expect(timeline.live).toBe(false);
    expect(last()).toMatchObject({ since_ms: NOW - 3_900_000, until_ms: NOW - 3_600_000 });
    await timeline.refresh(NOW + 5000);
    expect(timeline.axis.until).toBe(NOW - 3_600_000);
    timeline.pan(9_000_000);
    expect(timeline.live, "there is no future").toBe(true);
    timeline.toFirst();
    expect(timeline.axis.since, "calls are counted for a day").toBe(NOW - 86_400_000);
    timeline.toNow();
    expect(timeline.live).toBe(true);
  });
});
