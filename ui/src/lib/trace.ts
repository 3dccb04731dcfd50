// The trace that a log line belongs to, where it says so.
import type { LogLine } from "../api/generated/LogLine";

const KEYS = ["trace_id", "traceId", "traceid", "trace.id", "trace-id", "trace", "traceparent", "dd.trace_id"];
const ID = /^(?:00-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?$/i;
const IN_TEXT = /\btrace(?:parent|[ _.-]?id)?["']?\s*[=:]\s*["']?(?:00-)?([0-9a-f]{32})\b/i;

/** The id as calls carry it, 32 hexadecimal digits; undefined when the line names none. */
export function traceOf(line: Pick<LogLine, "text" | "fields">): string | undefined {
  const fields: unknown = line.fields;
  if (typeof fields === "object" && fields !== null) {
    for (const key of KEYS) {
      const value: unknown = (fields as Record<string, unknown>)[key];
      const id = typeof value === "string" ? ID.exec(value)?.[1] : undefined;
      if (id !== undefined) return id.toLowerCase();
    }
  }
  return IN_TEXT.exec(line.text)?.[1]?.toLowerCase();
}
