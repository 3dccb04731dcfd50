import { describe, expect, it } from "vitest";

import type { Backend } from "../../src/api/backend";
import { Refusal } from "../../src/api/error";
import type { PacketsPage } from "../../src/api/generated/PacketsPage";
import type { PacketsRead } from "../../src/api/generated/PacketsRead";
import { OneCall } from "../../src/state/onecall.svelte";

/** A call whose packets come in these pages, and what is complained of. */
function withPackets(pages: (Pick<PacketsPage, "pcap" | "packets"> | Refusal)[]) {
  const asked: PacketsRead[] = [];
  const complaints: string[] = [];
  const backend: Backend = {
    host: null,
    open: () => { throw new Error("no streams here"); },
    call: async (_, request) => {
      const page = pages[asked.push(request as PacketsRead) - 1];
      if (page === undefined || page instanceof Refusal) throw page;
      return Promise.resolve({ ...page, missed: 0, after: String(asked.length), more: asked.length < pages.length }) as never;
    },
  };
  return { one: new OneCall(backend, "k1", (attempt, error) => complaints.push(`${attempt}: ${error.message}`)), asked, complaints };
}

describe("the packets of a call", () => {
  it("are the pages of one question, in their order", async () => {
    const { one, asked } = withPackets([{ pcap: btoa("head"), packets: 0 }, { pcap: btoa("\u00ff\u0000"), packets: 2 }]);
    const packets = await one.packets();
    expect(packets?.parts.map((part) => [...part])).toEqual([[104, 101, 97, 100], [255, 0]]);
    expect(packets?.count).toBe(2);
    expect(asked.map((read) => [read.call, read.after])).toEqual([["k1", undefined], ["k1", "1"]]);
  });

  it("that are gone, or were never kept, are complained of", async () => {
    const gone = withPackets([{ pcap: btoa("head"), packets: 0 }]);
    expect(await gone.one.packets()).toBeNull();
    expect(gone.complaints).toEqual(["packets_read: the packets of `k1` are not kept any more"]);
    const never = withPackets([new Refusal({ code: "conflict", message: "no packets are kept" })]);
    expect(await never.one.packets()).toBeNull();
    expect(never.complaints).toEqual(["packets_read: no packets are kept"]);
  });
});
