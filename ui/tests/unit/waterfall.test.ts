import { describe, expect, it } from "vitest";

import type { ChainCall } from "../../src/api/generated/ChainCall";
import { moved } from "../../src/lib/moved";
import { askedAt, insteadOfTime, outcome, partyName, partyText } from "../../src/lib/party";
import { millis } from "../../src/lib/time";
import { joinChains, linkText, waterfall } from "../../src/lib/waterfall";
import { call } from "./make";

const at = (fraction: string) => `2026-11-23T06:00:00.${fraction}Z`;
const link = (n: number, ts: string, ms: number | undefined, parent?: number, how = "inferred", more = {}): ChainCall => ({
  call: call(n, { ts: at(ts), ...(ms === undefined ? {} : { ms }), ...more }), ...(parent === undefined ? {} : { parent: `k${parent}`, link: how }),
});
const drawn = (chain: ChainCall[]) => waterfall(chain).rows.map((r) => [r.call.id, r.depth, Number(r.start.toFixed(3)), Number(r.share.toFixed(3))]);

describe("the waterfall", () => {
  it("keeps the microseconds that dates drop", () => {
    expect(millis(at("000250")) - millis("2026-11-23T06:00:00Z")).toBeCloseTo(0.25, 3);
    expect(millis("2026-11-23T06:00:00Z")).toBe(Date.parse("2026-11-23T06:00:00Z"));
  });

  it("puts each call under the one it was made for, on one scale", () => {
    const chain = [link(1, "000", 100), link(3, "060", 20, 1, "trace"), link(2, "010", 40, 1), link(4, "020", 10, 2)];
    expect(drawn(chain)).toEqual([["k1", 0, 0, 1], ["k2", 1, 0.1, 0.4], ["k4", 2, 0.2, 0.1], ["k3", 1, 0.6, 0.2]]);
    expect(waterfall(chain).span).toBeCloseTo(100);
    expect(waterfall(chain).rows.map((r) => r.link)).toEqual([undefined, "inferred", "inferred", "trace"]);
  });

  it("takes a call whose parent is not there for a beginning", () => {
    expect(drawn([link(2, "010", 40, 9), link(3, "020", 10, 2)]).map(([id, depth]) => [id, depth])).toEqual([["k2", 0], ["k3", 1]]);
  });

  it("is not stretched by what waits, and draws it to the edge", () => {
    const waits = [link(1, "000", 30_000, undefined, "", { waits: true }), link(2, "100", 50, 1), link(3, "150", undefined, 2, "trace", { pending: true })];
    const { rows, span } = waterfall(waits);
    expect(span).toBeCloseTo(50);
    expect([rows[0]?.start, rows[0]?.share, rows[0]?.open]).toEqual([0, 1, true]);
    expect((rows[2]?.start ?? 0) + (rows[2]?.share ?? 0)).toBeCloseTo(1);
  });

  it("draws even what took no time, and nothing for nothing", () => {
    expect(waterfall([link(1, "000", 0)]).rows[0]?.share).toBeGreaterThan(0);
    expect(waterfall([])).toEqual({ rows: [], span: 0 });
  });

  it("joins what two calls know of one chain", () => {
    const joined = joinChains([link(1, "000", 9), link(2, "010", 5, 1)], [link(3, "005", 2, 1), link(1, "000", 10)]);
    expect(joined.map((one) => [one.call.id, one.call.ms])).toEqual([["k1", 10], ["k3", 2], ["k2", 5]]);
  });

  it("says how a link is known", () => {
    expect(linkText("inferred")).toMatch(/^Inferred from time/);
    expect(linkText("trace")).toMatch(/trace headers/);
    expect(linkText(undefined)).toBeUndefined();
  });
});

describe("moving in a list", () => {
  it("goes by one or by a page, and stays inside", () => {
    expect([moved("ArrowDown", -1, 5), moved("ArrowDown", 4, 5), moved("ArrowUp", 2, 5), moved("PageDown", 0, 50), moved("End", 0, 5)]).toEqual([0, 4, 1, 20, 4]);
    expect(moved("x", 0, 5)).toBeUndefined();
    expect(moved("ArrowDown", 0, 0)).toBeUndefined();
  });
});

describe("the ends and the state of a call", () => {
  it("names the outside by its host where one is known", () => {
    expect(partyName({ service: "outside", addr: "1.1.1.1:443", host: "api.example.com" })).toBe("api.example.com");
    expect(partyName({ service: "outside", addr: "1.1.1.1:443" })).toBe("outside");
    expect(partyText({ service: "outside", addr: "1.1.1.1:443", host: "api.example.com" })).toBe("api.example.com (outside) at 1.1.1.1:443");
    expect(partyText({ addr: "10.0.0.2:1" })).toBe("unknown at 10.0.0.2:1");
  });

  it("says where a call went that its body names", () => {
    expect(askedAt({ operation: "query Cart", method: "POST", path: "/graphql" })).toBe("POST /graphql");
    expect(askedAt({ operation: "GET /orders/7", method: "GET", path: "/orders/7" })).toBeUndefined();
    expect(askedAt({ operation: "shop.Stock/Reserve", method: "POST", path: "/shop.Stock/Reserve" })).toBeUndefined();
    expect(askedAt({ operation: "SELECT orders" })).toBeUndefined();
  });

  it("tells what waits from what is slow", () => {
    expect(insteadOfTime(call(1, { waits: true, ms: 30_000 }))).toBe("waits");
    expect(insteadOfTime(call(1, { waits: true, pending: true }))).toBe("open");
    expect(insteadOfTime(call(1, { protocol: "tls", pending: true }))).toBe("open");
    expect(insteadOfTime(call(1, { ms: 3 }))).toBeUndefined();
    expect([outcome(call(1)), outcome(call(1, { ok: false })), outcome(call(1, { pending: true })), outcome(call(1, { pending: true, waits: true }))]).toEqual(["ok", "failed", "pending", "open"]);
  });
});
