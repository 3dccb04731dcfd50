// Lines leave the window: on the clipboard, or as a file of the browser's.
import { count } from "../../lib/format";
import { copyText } from "../../parts/clipboard";
import { download } from "../../parts/download";
import type { LogPanel } from "../../state/logpanel.svelte";
import { linesAs, MOST_LINES, type Form } from "../../state/logrange";

/** Copies the range, or the one line that is looked at. Says what happened. */
export async function copyRange(panel: LogPanel): Promise<string | undefined> {
  const range = panel.range ?? (panel.focus === undefined ? undefined : { from: panel.focus, to: panel.focus });
  if (range === undefined) return undefined;
  const { parts, lines, cut } = await linesAs(panel.backend, panel.query, range, "text");
  const done = await copyText(parts.join("").replace(/\n$/, ""));
  return done ? `${count(lines)} ${lines === 1 ? "line" : "lines"} copied${cut ? ", and the rest left out" : ""}` : "The clipboard cannot be written";
}

/** Saves the range, or all that matches. */
export async function save(panel: LogPanel, form: Form): Promise<string> {
  const { parts, lines, cut } = await linesAs(panel.backend, panel.query, panel.range, form);
  const [ending, type] = form === "text" ? ["log", "text/plain"] : ["ndjson", "application/x-ndjson"];
  download(`shoal-logs-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.${ending}`, type, parts);
  return cut ? `The first ${count(MOST_LINES)} lines saved; \`shoal logs\` writes them all` : `${count(lines)} ${lines === 1 ? "line" : "lines"} saved`;
}
