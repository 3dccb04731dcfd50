// Lines taken out of Shoal: as text for people, or as one JSON object a line for programs.
import type { Backend } from "../api/backend";
import type { LogLine } from "../api/generated/LogLine";
import type { LogsPage } from "../api/generated/LogsPage";
import type { LogsQuery } from "../api/generated/LogsQuery";

export type Form = "text" | "ndjson";

/** From one line to another, both included, in the order of the log. */
export interface Range {
  from: LogLine;
  to: LogLine;
}

const PAGE = 5000;
/** A browser holds the whole file in memory while it is made; `shoal logs` writes files of any size. */
export const MOST_LINES = 1_000_000;

const lineText = (line: LogLine, form: Form): string => (form === "text" ? `${line.ts} ${line.service} ${line.text}` : JSON.stringify(line));

/** Hands the lines of a query over in order, page by page; says whether some were left out. */
async function eachLine(backend: Backend, query: LogsQuery, range: Range | undefined, take: (lines: readonly LogLine[]) => void): Promise<{ cut: boolean }> {
  const begin = range === undefined ? query : { ...query, since: range.from.ts };
  let from: { at: "oldest" } | { at: "after"; cursor: string } = { at: "oldest" };
  let [begun, taken] = [range === undefined, 0];
  for (;;) {
    const page: LogsPage = await backend.call("logs_read", { query: begin, from, limit: PAGE, wait_ms: 0, budget: 0, longest: 0, raw: false });
    let lines = page.lines;
    if (!begun) {
      const at = lines.findIndex((line) => line.cursor === range?.from.cursor);
      begun = at >= 0;
      lines = begun ? lines.slice(at) : [];
    }
    const end = range === undefined ? -1 : lines.findIndex((line) => line.cursor === range.to.cursor);
    if (end >= 0) lines = lines.slice(0, end + 1);
    take(lines);
    taken += lines.length;
    if (end >= 0 || !page.more || page.lines.length === 0) return { cut: false };
    if (taken >= MOST_LINES) return { cut: true };
    from = { at: "after", cursor: page.after };
  }
}

/** All lines as one text, for the clipboard or a file. */
export async function linesAs(backend: Backend, query: LogsQuery, range: Range | undefined, form: Form): Promise<{ parts: string[]; lines: number; cut: boolean }> {
  const parts: string[] = [];
  let count = 0;
  const { cut } = await eachLine(backend, query, range, (lines) => {
    if (lines.length > 0) parts.push(`${lines.map((line) => lineText(line, form)).join("\n")}\n`);
    count += lines.length;
  });
  return { parts, lines: count, cut };
}
