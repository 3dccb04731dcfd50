// What the command palette offers.
import type { Command } from "../features/palette/Palette.svelte";
import { isUp } from "../state/health";
import type { ThemeState } from "../state/prefs.svelte";
import { VIEWS, type WorkbenchState } from "../state/workbench.svelte";

export function commandsOf(bench: WorkbenchState, theme: ThemeState, onopen: (() => void) | undefined, onkeys: () => void): Command[] {
  const { stack } = bench;
  const list: Command[] = VIEWS.map((view, i) => ({
    id: `view-${view.id}`, title: `Show ${view.label.toLowerCase()}`, group: "View", keys: `Alt ${i + 1}`, run: () => bench.show(view.id),
  }));
  const add = (id: string, title: string, group: string, run: () => void) => list.push({ id, title, group, run });

  add("second", bench.second === null ? "Open a second view" : "Close the second view", "View", () => bench.toggleBelow());
  add("failed", "Show failed calls", "View", () => {
    bench.calls.failed = true;
    bench.calls.mode = "list";
    bench.reveal("calls");
  });
  add("routes", "Show calls by route", "View", () => {
    bench.calls.mode = "routes";
    bench.reveal("calls");
  });
  add("findings", "Show findings", "View", () => bench.toggleFindings());
  add("errors", "Show lines of level error", "View", () => {
    bench.logs.level = "error";
    bench.reveal("logs");
  });
  add("start", "Start all", "Stack", () => stack.startAll());
  add("stop", "Stop all", "Stack", () => stack.stopAll());
  add("restart", "Restart all", "Stack", () => stack.act("restart", []));
  add("rebuild", "Rebuild all", "Stack", () => stack.act("rebuild", []));
  if (onopen !== undefined) add("open", "Open another stack…", "Stack", onopen);

  for (const service of stack.services) {
    const name = service.service;
    add(`${name}-show`, `Show ${name}`, "Service", () => bench.inspectService(name));
    if (isUp(service)) {
      add(`${name}-restart`, `Restart ${name}`, "Service", () => stack.act("restart", [name]));
      add(`${name}-stop`, `Stop ${name}`, "Service", () => stack.act("stop", [name]));
    } else add(`${name}-start`, `Start ${name}`, "Service", () => stack.act("start", [name]));
    add(`${name}-rebuild`, `Rebuild ${name}`, "Service", () => stack.act("rebuild", [name]));
    if (service.state === "running") add(`${name}-terminal`, `Terminal in ${name}`, "Service", () => bench.terminal(name));
    for (const port of service.ports.filter((p) => p.protocol === "tcp")) {
      add(`${name}-port-${port.host}`, `Open http://localhost:${port.host} (${name})`, "Service", () => window.open(`http://localhost:${port.host}`, "_blank", "noopener"));
    }
  }
  list.push({ id: "keys", title: "Show all keys", group: "View", keys: "?", run: onkeys });
  add("log-clear", bench.logs.cleared === undefined ? "Clear the log view" : "Show the lines that were cleared", "Logs", () => bench.logs.toggleCleared());
  add("log-wrap", bench.logs.looks.wrap ? "Do not wrap log lines" : "Wrap log lines", "Logs", () => bench.logs.looks.set({ wrap: !bench.logs.looks.wrap }));
  if (bench.logs.muted.length > 0) add("log-unmute", "Show muted services' lines", "Logs", () => (bench.logs.muted = []));

  for (const name of ["system", "light", "dark"] as const) {
    add(`theme-${name}`, name === "system" ? "Theme as the system" : `Theme ${name}`, "Theme", () => theme.choose(name));
  }
  return list;
}
