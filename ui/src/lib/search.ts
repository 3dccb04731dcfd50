// What somebody typed into a search box: text, `/a regular expression/`, or an expression.
import { isExpression } from "./cel";

export type Search = { kind: "none" } | { kind: "text"; text: string } | { kind: "grep"; grep: string } | { kind: "where"; where: string };

export const LOG_ROOTS = ["service", "instance", "level", "text", "stream", "ts", "fields", "trace"] as const;
export const CALL_ROOTS = [
  "protocol", "from", "to", "operation", "route", "method", "path", "status", "ok", "ms", "bytes", "headers", "body", "ts",
  "background", "forbidden", "waits", "pending", "failed", "trace", "conn", "service", "services", "quality", "note", "id",
  "target", "query", "http", "tcp", "ttfb_ms", "decrypted",
] as const;

export function readSearch(typed: string, roots: readonly string[]): Search {
  const text = typed.trim();
  if (text === "") return { kind: "none" };
  const grep = /^\/(.+)\/$/s.exec(text)?.[1];
  if (grep !== undefined) return { kind: "grep", grep };
  return isExpression(text, roots) || isBegun(text, roots) ? { kind: "where", where: text } : { kind: "text", text };
}

/** How what was typed is read, where that needs a word. */
export const searchMode = (search: Search): "regex" | "expression" | undefined =>
  search.kind === "grep" ? "regex" : search.kind === "where" ? "expression" : undefined;

/** Whether a text begins as an expression does: whoever writes one wants to hear what is wrong with it. */
function isBegun(text: string, roots: readonly string[]): boolean {
  const [, name, , rest] = /^[!(\s]*([A-Za-z_]\w*)((?:\.\w+|\[[^\]]*\])*)\s*(.*)$/s.exec(text) ?? [];
  return name !== undefined && roots.includes(name) && /^(?:[=!]=\s|[<>]=?\s|\bin\b\s*\[)/.test(rest ?? "");
}

/** Finds what the search found, to mark it; null where nothing can be marked. */
export function hitPattern(search: Search): RegExp | null {
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
