// A log line as its view shows it: of a JSON line the message first and the other fields dimmed behind it.
import type { LogLine } from "../api/generated/LogLine";

interface LineParts {
  text: string;
  /** The other fields as `key=value`, or nothing. */
  rest: string;
}

const MESSAGE = ["msg", "message", "text", "event", "@m"] as const;
const KNOWN_ELSEWHERE = new Set(["level", "lvl", "severity", "time", "ts", "timestamp", "@timestamp", "@t", "@l"]);

export function lineParts(line: LogLine): LineParts {
  if (line.fields === undefined || !line.text.trimStart().startsWith("{")) return { text: line.text, rest: "" };
  const fields = line.fields;
  const key = MESSAGE.find((name) => typeof fields[name] === "string");
  if (key === undefined) return { text: line.text, rest: "" };
  const rest = Object.entries(fields)
    .filter(([name]) => name !== key && !KNOWN_ELSEWHERE.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return { text: String(fields[key]), rest: rest.join(" ") };
}

/** The letter that stands for a level; unknown ones have none. */
export function levelLetter(level: string | undefined): string {
  return level === undefined ? "" : (({ trace: "T", debug: "D", info: "I", warn: "W", error: "E", fatal: "F" })[level] ?? "");
}

export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
