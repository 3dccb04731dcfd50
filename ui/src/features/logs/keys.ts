// What a key means in the log view. Pure.

export type LogAction =
  | { do: "move"; by: number; extend: boolean }
  | { do: "screen"; by: number }
  | { do: "first" | "last" | "follow" | "wrap" | "time" | "expand" | "context" | "mute" | "bookmark" | "highlight" | "mode" | "search" | "copy" | "save" | "clear" | "back" }
  | { do: "hit" | "marked" | "error"; forward: boolean };

type Pressed = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

const PLAIN: Record<string, LogAction> = {
  j: { do: "move", by: 1, extend: false },
  k: { do: "move", by: -1, extend: false },
  ArrowDown: { do: "move", by: 1, extend: false },
  ArrowUp: { do: "move", by: -1, extend: false },
  PageDown: { do: "screen", by: 1 },
  PageUp: { do: "screen", by: -1 },
  " ": { do: "screen", by: 1 },
  g: { do: "first" },
  Home: { do: "first" },
  G: { do: "last" },
  End: { do: "last" },
  n: { do: "hit", forward: true },
  N: { do: "hit", forward: false },
  "]": { do: "marked", forward: true },
  "[": { do: "marked", forward: false },
  e: { do: "error", forward: true },
  E: { do: "error", forward: false },
  f: { do: "follow" },
  w: { do: "wrap" },
  t: { do: "time" },
  Enter: { do: "expand" },
  c: { do: "context" },
  m: { do: "mute" },
  b: { do: "bookmark" },
  h: { do: "highlight" },
  s: { do: "mode" },
  "/": { do: "search" },
  Escape: { do: "back" },
};

const WITH_CONTROL: Record<string, LogAction> = { c: { do: "copy" }, s: { do: "save" }, l: { do: "clear" } };

export function logAction(event: Pressed): LogAction | undefined {
  if (event.altKey) return undefined;
  if (event.ctrlKey || event.metaKey) return WITH_CONTROL[event.key.toLowerCase()];
  if (event.shiftKey && event.key === "ArrowDown") return { do: "move", by: 1, extend: true };
  if (event.shiftKey && event.key === "ArrowUp") return { do: "move", by: -1, extend: true };
  return PLAIN[event.key];
}
