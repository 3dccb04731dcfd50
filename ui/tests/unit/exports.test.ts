import { describe, expect, it, vi } from "vitest";

import type { Backend } from "../../src/api/backend";
import { Exports } from "../../src/state/exports.svelte";

function exporting(answers: Record<string, (request: unknown) => unknown>) {
  const asked: [string, unknown][] = [];
  const complaints: string[] = [];
  const backend: Backend = {
    host: null,
    open: () => { throw new Error("no streams here"); },
    call: async (name, request) => {
      asked.push([name, request]);
      return Promise.resolve().then(() => answers[name]?.(request)) as never;
    },
  };
  return { exports: new Exports(backend, (attempt, error) => complaints.push(`${attempt}: ${error.message}`)), asked, complaints };
}

describe("calls as files", () => {
  it("are those of the view, and it is said what is missing", async () => {
    vi.useFakeTimers();
    const { exports, asked } = exporting({ calls_export: () => ({ text: "{}", note: "1 call was left out" }) });
    const query = { services: ["orders"], failed: true };
    expect(await exports.calls(query, "har")).toEqual({ suffix: ".har", type: "application/json", parts: ["{}", "\n"] });
    expect(asked).toEqual([["calls_export", { ids: [], query, format: "har" }]]);
    expect(exports.said).toBe("1 call was left out");
    vi.runAllTimers();
    expect([exports.said, exports.busy]).toEqual(["", false]);
    vi.useRealTimers();
  });

  it("are refused where the session refuses them", async () => {
    const { exports, complaints } = exporting({ calls_export: () => { throw new Error("too much"); } });
    expect(await exports.calls({ services: [], failed: false }, "otlp")).toBeNull();
    expect(complaints).toEqual(["calls_export: too much"]);
  });

  it("are packets of the same time and services", async () => {
    const page = { pcap: btoa("x"), packets: 2, missed: 0, after: "2", more: false };
    const { exports, asked } = exporting({ packets_read: () => page });
    const file = await exports.packets({ services: [], failed: false, from: "outside", to: "web", since: "a", until: "b" });
    expect(file?.suffix).toBe(".pcap");
    expect(asked[0]?.[1]).toEqual({ services: ["web"], since: "a", until: "b", wait_ms: 0 });
    await exports.packets({ services: ["db"], failed: false });
    expect(asked[1]?.[1]).toMatchObject({ services: ["db"], since: "1970-01-01T00:00:00Z" });
  });
});
