// What is copied out of several rows is put together from the lines themselves: the rows stand apart in the document.
import type { LogLine } from "../../api/generated/LogLine";
import { clock } from "../../lib/format";

/** Takes over a copy that touches more than one row of `host`. */
export function copyLines(event: ClipboardEvent, host: HTMLElement, lineOf: (row: HTMLElement) => LogLine | undefined): void {
  const selection = getSelection();
  if (selection === null || selection.isCollapsed) return;
  const top = (row: HTMLElement) => row.getBoundingClientRect().top;
  const lines = [...host.querySelectorAll<HTMLElement>(".log-row:not([hidden])")]
    .filter((row) => selection.containsNode(row, true))
    .sort((a, b) => top(a) - top(b))
    .map(lineOf)
    .filter((line) => line !== undefined);
  if (lines.length < 2) return;
  event.clipboardData?.setData("text/plain", lines.map((line) => `${clock(line.ts)} ${line.service} ${line.text}`).join("\n"));
  event.preventDefault();
}
