// The one door to whatever holds the session. `http.ts` and `tauri.ts` go through it in earnest, `fake.ts` in development.
import type { Commands } from "./generated/Commands";
import type { FolderContents } from "./generated/FolderContents";
import type { RecentStack } from "./generated/RecentStack";

export type CommandName = keyof Commands;
export type Request<N extends CommandName> = Commands[N]["request"];
export type Response<N extends CommandName> = Commands[N]["response"];

/** What a stream tells whoever opened it. `closed` comes once and last. */
export interface StreamEvents {
  text(message: string): void;
  bytes(message: Uint8Array): void;
  closed(): void;
}

/** A two-way stream that is open, or is being opened; what is sent before that waits. */
export interface Stream {
  sendText(message: string): void;
  sendBytes(message: Uint8Array): void;
  close(): void;
}

/** What only a host with a desktop can do. */
export interface Host {
  recentStacks(): Promise<RecentStack[]>;
  lookInto(folder: string): Promise<FolderContents>;
  /** The folder that the user chose, or null. */
  pickFolder(): Promise<string | null>;
  /** Connects to the session of this manifest, starting one where there is none. */
  openStack(manifest: string): Promise<void>;
  /** The manifest that is open, or null. */
  currentStack(): Promise<string | null>;
  /** The manifest of the example, or null where it is not offered. */
  exampleStack(): Promise<string | null>;
}

export interface Backend {
  /** Null in a browser, which always shows the one stack of its server. */
  readonly host: Host | null;
  /** Rejects with a `Refusal` and with nothing else. */
  call<N extends CommandName>(name: N, request: Request<N>): Promise<Response<N>>;
  /** Opens a stream at `path`, such as `/v1/watch`. */
  open(path: string, events: StreamEvents): Stream;
}
