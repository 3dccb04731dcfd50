// The session behind `shoal serve --listen`: the page comes from the same address, the token sits in a cookie.
import type { Backend, CommandName, Request, Response, Stream, StreamEvents } from "./backend";
import { Refusal, refusal, sessionGone } from "./error";

export function httpBackend(base: URL): Backend {
  return { host: null, call: (name, request) => call(base, name, request), open: (path, events) => open(base, path, events) };
}

async function call<N extends CommandName>(base: URL, name: N, request: Request<N>): Promise<Response<N>> {
  let answer: globalThis.Response;
  try {
    answer = await fetch(new URL(`v1/rpc/${name}`, base), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
      credentials: "same-origin",
    });
  } catch {
    throw sessionGone();
  }
  if (answer.ok) return (await answer.json()) as Response<N>;
  throw await answer.json().then(refusal, () => unreadable(name, answer.status));
}

const unreadable = (name: string, status: number): Refusal =>
  status === 401 || status === 403
    ? new Refusal({ code: "failed", message: "This browser is not let in", hint: "Open the address that `shoal serve` printed" })
    : new Refusal({ code: "failed", message: `\`${name}\` was answered with status ${status}` });

function open(base: URL, path: string, events: StreamEvents): Stream {
  const address = new URL(path.replace(/^\//, ""), base);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  const waiting: (string | Uint8Array<ArrayBuffer>)[] = [];
  socket.onopen = () => waiting.splice(0).forEach((message) => socket.send(message));
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) =>
    typeof data === "string" ? events.text(data) : events.bytes(new Uint8Array(data));
  socket.onclose = () => events.closed();
  const send = (message: string | Uint8Array<ArrayBuffer>) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(message);
    else if (socket.readyState === WebSocket.CONNECTING) waiting.push(message);
  };
  return { sendText: send, sendBytes: (bytes) => send(Uint8Array.from(bytes)), close: () => socket.close() };
}
