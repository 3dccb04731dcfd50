// What somebody typed into a search box: text, `/a regular expression/`, or an expression.
import { isExpression } from "./cel";

export type Search = { kind: "none" } | { kind: "text"; text: string } | { kind: "grep"; grep: string } | { kind: "where"; where: string };

export const LOG_ROOTS = ["service", "instance", "level", "text", "stream", "ts", "fields", "trace"] as const;
export const CALL_ROOTS = [
  "protocol", "from", "to", "operation", "route", "method", "path", "status", "ok", "ms", "bytes", "headers", "body", "ts",
  "background", "forbidden", "waits", "pending", "failed", "trace", "conn", "service", "services", "quality", "note", "id",
  "target", "query", "http", "tcp", "ttfb_ms",
] as const;

export function readSearch(typed: string, roots: readonly string[]): Search {
  const text = typed.trim();
  if (text === "") return { kind: "none" };
  const grep = /^\/(.+)\/$/s.exec(text)?.[1];
  if (grep !== undefined) return { kind: "grep", grep };
  return isExpression(text, roots) ? { kind: "where", where: text } : { kind: "text", text };
}

/** The pieces of `text`, with those that match the search marked. */
export function highlight(text: string, search: Search): { text: string; hit: boolean }[] {
  const pattern = hitPattern(search);
  if (pattern === null) return [{ text, hit: false }];
  const pieces: { text: string; hit: boolean }[] = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (match[0] === "") continue;
    if (match.index > at) pieces.push({ text: text.slice(at, match.index), hit: false });
    pieces.push({ text: match[0], hit: true });
    at = match.index + match[0].length;
  }
  if (at < text.length || pieces.length === 0) pieces.push({ text: text.slice(at), hit: false });
  return pieces;
}

function hitPattern(search: Search): RegExp | null {
  if (search.kind === "text") {
    // As in the session: a capital letter makes case count.
    const flags = /\p{Lu}/u.test(search.text) ? "g" : "gi";
    return new RegExp(search.text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), flags);
  }
  if (search.kind === "grep") {
    try {
      return new RegExp(search.grep, "g");
    } catch {
      return null; // The session's regular expressions are not quite the browser's.
    }
  }
  return null;
}
