// The session behind the window's shell. No other file may import @tauri-apps.
import { Channel, invoke } from "@tauri-apps/api/core";

import type { Backend, CommandName, Host, Request, Response, Stream, StreamEvents } from "./backend";
import { refusal } from "./error";
import type { FolderContents } from "./generated/FolderContents";
import type { RecentStack } from "./generated/RecentStack";

export function tauriBackend(): Backend {
  return { host, call, open };
}

async function ask<T>(command: string, payload?: Record<string, unknown>): Promise<T> {
  try {
    return await invoke<T>(command, payload);
  } catch (thrown) {
    throw refusal(thrown);
  }
}

const host: Host = {
  recentStacks: () => ask<RecentStack[]>("recent_stacks"),
  lookInto: (folder) => ask<FolderContents>("look_into", { folder }),
  pickFolder: () => ask<string | null>("pick_folder"),
  openStack: (manifest) => ask<void>("open_stack", { manifest }),
  currentStack: () => ask<string | null>("current_stack"),
  // A shell that was installed without the example refuses, which means: not offered.
  exampleStack: () => ask<string | null>("example_stack").catch(() => null),
};

async function call<N extends CommandName>(name: N, request: Request<N>): Promise<Response<N>> {
  return JSON.parse(await ask<string>("rpc", { command: name, body: JSON.stringify(request) })) as Response<N>;
}

function open(path: string, events: StreamEvents): Stream {
  const channel = new Channel<string | ArrayBuffer>();
  let over = false;
  const end = () => {
    if (over) return;
    over = true;
    events.closed();
  };
  channel.onmessage = (message) => {
    if (over) return;
    if (typeof message !== "string") events.bytes(new Uint8Array(message));
    // No message of the contract is empty: the shell's last word on a stream is.
    else if (message === "") end();
    else events.text(message);
  };
  // Calls to the shell are not ordered among themselves, so each waits for the one before.
  let last = ask<number>("stream_open", { path, channel });
  last.catch(end);
  const then = (act: (id: number) => Promise<void>) => {
    last = last.then(async (id) => {
      await act(id).catch(end);
      return id;
    });
    last.catch(end);
  };
  return {
    sendText: (text) => then((id) => ask<void>("stream_send", { id, text })),
    sendBytes: (bytes) => then((id) => ask<void>("stream_send", { id, bytes: Array.from(bytes) })),
    close: () => {
      then((id) => ask<void>("stream_close", { id }));
      end();
    },
  };
}
