import { describe, expect, it } from "vitest";

import type { Backend } from "../../src/api/backend";
import { answered, draftOf, readHeaders, refused, requestOf } from "../../src/lib/replay";
import { Replay } from "../../src/state/replay.svelte";
import { call } from "./make";

const order = call(1, {
  method: "POST",
  path: "/orders",
  target: "/orders?full=1",
  status: "201",
  ms: 4,
  request: {
    bytes: 2,
    headers: { host: "orders:8000", "content-length": "2", authorization: "[redacted]", "x-plain": "loud" },
    body: "{}",
  },
});

describe("what is sent again", () => {
  it("is the request as it stands in a form", () => {
    expect(draftOf(order)).toEqual({
      method: "POST",
      path: "/orders?full=1",
      headers: "host: orders:8000\nauthorization: [redacted]\nx-plain: loud",
      body: "{}",
    });
    const http2 = call(2, { method: "GET", path: "/", request: { bytes: 0, headers: { ":authority": "web", ":path": "/", accept: "*/*" } } });
    expect(draftOf(http2).headers).toBe("host: web\naccept: */*");
  });

  it("is told by what is different about it, so that what is hidden is not sent as it is shown", () => {
    const draft = draftOf(order);
    expect(requestOf(order, draft)).toEqual({ id: "k1", query: {}, headers: {}, binary: false });
    const edited = {
      method: "PUT",
      path: "/orders/7",
      headers: "Host: other\nauthorization: Bearer mine\nx-new: a\nX-New: b",
      body: "",
    };
    expect(requestOf(order, edited)).toEqual({
      id: "k1",
      query: {},
      headers: { host: "other", authorization: "Bearer mine", "x-new": "a, b" },
      without: ["x-plain"],
      binary: false,
      method: "PUT",
      path: "/orders/7?",
      body: "",
    });
  });

  it("has all of a body of which only a part was kept", () => {
    const cut = { ...order, request: { ...order.request, truncated: true } };
    expect(requestOf(cut, draftOf(cut))).toMatchObject({ body: "{}" });
    const binary = { ...order, request: { ...order.request, binary: true, body: "00ff" } };
    expect(requestOf(binary, { ...draftOf(binary), body: "0102" })).toMatchObject({ body: "0102", binary: true });
    expect(requestOf(binary, draftOf(binary))).not.toHaveProperty("body");
  });

  it("has headers that are some", () => {
    expect(readHeaders("\n a : b:c \n")).toEqual({ headers: { a: "b:c" } });
    for (const wrong of ["a b: c", "novalue", ": x"]) expect(readHeaders(wrong)).toHaveProperty("wrong");
  });
});

describe("what is not sent again", () => {
  it("says why, and which command does it", () => {
    expect(refused(order)).toBeUndefined();
    expect(refused({ ...order, protocol: "grpc" })?.command).toBe("grpcurl");
    expect(refused({ ...order, decrypted: true })?.command).toBe("curl");
    expect(refused({ ...order, to: { service: "outside", addr: "" } })?.command).toBe("curl");
    expect(refused({ ...order, protocol: "redis" })?.why).toContain("speaks redis");
    expect(refused({ ...order, method: "CONNECT" })?.command).toBeUndefined();
  });
});

it("an answer stands in the place of the one that was", () => {
  const now = { status: "500", ms: 9, bytes: 1, body: "x", headers: {} };
  const other = answered({ was: { ...order, note: "slow", ttfb_ms: 2, pending: true }, now, addr: "127.0.0.1:1" });
  expect(other).toMatchObject({ id: "k1", status: "500", ms: 9, ok: false, response: { body: "x", bytes: 1 } });
  expect([other.note, other.ttfb_ms, other.pending]).toEqual([undefined, undefined, undefined]);
});

describe("a form that is sent", () => {
  const backend = (answer: () => unknown): Backend => ({
    host: null,
    open: () => { throw new Error("no streams here"); },
    call: async () => Promise.resolve().then(answer) as never,
  });

  it("keeps its answer, or why there is none", async () => {
    const result = { was: order, now: { status: "200", ms: 1, bytes: 0 }, addr: "127.0.0.1:1" };
    const good = new Replay(backend(() => result), order);
    expect(await good.send()).toEqual(result);
    expect([good.sending, good.error]).toEqual([false, null]);
    const bad = new Replay(backend(() => { throw new Error("gone"); }), order);
    expect(await bad.send()).toBeNull();
    expect(bad.error?.message).toBe("gone");
  });

  it("is not sent with a header that is none", async () => {
    const replay = new Replay(backend(() => { throw new Error("asked"); }), order);
    replay.draft.headers = "no header";
    expect(replay.changed).toBe(true);
    await replay.send();
    expect(replay.error?.message).toContain("`no header` is no header");
    replay.reset();
    expect(replay.changed).toBe(false);
  });
});
