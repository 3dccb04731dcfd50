// What the log view does on a key.
import { refusal } from "../../api/error";
import type { LogLine } from "../../api/generated/LogLine";
import { TIME_FORMS } from "../../lib/logtime";
import type { LogAction } from "./keys";
import { copyRange, save } from "./save";
import type { LogSurface } from "./surface.svelte";

/** Returns false when there was nothing to do, so that the key may mean something elsewhere. */
export function act(action: LogAction, surface: LogSurface): boolean {
  const { panel, list } = surface;
  if (list === undefined) return false;
  const { lines, looks } = panel;
  const at = surface.at();
  const failed = (error: unknown) => surface.say(refusal(error).message);
  const rows = { first: lines.buffer.dropped, end: lines.buffer.dropped + lines.buffer.lines.length };
  switch (action.do) {
    case "move": {
      // Without a line that is held, the last one in view is where moving begins.
      const row = at === undefined ? list.view.last : at.row + action.by;
      if (row >= rows.first && row < rows.end) surface.select(row, action.extend);
      return true;
    }
    case "screen":
      if (action.by < 0) surface.follow(false);
      list.by(action.by * Math.max(20, list.height - 40), false);
      return true;
    case "first":
      void lines.jump({ moment: panel.outline.data.from_ms[0] ?? 0 });
      return true;
    case "last":
      surface.follow(true);
      return true;
    case "follow":
      surface.follow(!lines.following);
      return true;
    case "wrap":
      looks.set({ wrap: !looks.wrap });
      return true;
    case "time": {
      const next = (TIME_FORMS.findIndex((form) => form.id === looks.time) + 1) % TIME_FORMS.length;
      looks.set({ time: TIME_FORMS[next]?.id ?? "local" });
      return true;
    }
    case "expand":
      if (at === undefined) surface.select(list.view.last, false);
      else {
        panel.toggleExpanded(at.line);
        surface.refresh();
        list.reveal(at.row);
        list.draw(false);
      }
      return true;
    case "context":
      if (panel.context === undefined && at === undefined) return true;
      panel.toggleContext(at?.line);
      return true;
    case "mute":
      if (at !== undefined) panel.toggleMuted(at.line.service);
      return true;
    case "bookmark":
      if (at !== undefined) panel.toggleBookmark(at.line);
      return true;
    case "highlight":
      panel.pin(getSelection()?.toString() ?? "");
      return true;
    case "mode":
      panel.mode = panel.mode === "filter" ? "find" : "filter";
      return true;
    case "search":
      surface.search();
      return true;
    case "copy":
      // Text that is selected is copied by the browser.
      if (getSelection()?.isCollapsed === false) return false;
      void copyRange(panel).then((said) => said !== undefined && surface.say(said), failed);
      return true;
    case "save":
      void save(panel, "text").then((said) => surface.say(said), failed);
      return true;
    case "clear":
      panel.toggleCleared();
      return true;
    case "hit":
    case "error": {
      const query = action.do === "hit" ? panel.found : { ...panel.query, level: "error" };
      const from = panel.focus ?? lines.buffer.lines[list.view.last - rows.first];
      const found = (line: LogLine | undefined) => (line === undefined ? surface.say(action.forward ? "No later one" : "No earlier one") : surface.goTo(line));
      if (from !== undefined) void lines.next(query, from, action.forward, action.do === "error").then(found, failed);
      return true;
    }
    case "marked": {
      const marks = panel.bookmarks;
      const here = at === undefined ? -1 : marks.findIndex((mark) => mark.cursor === at.line.cursor);
      const next = marks[(here + (action.forward ? 1 : -1) + marks.length) % Math.max(1, marks.length)];
      if (next !== undefined) surface.goTo(next);
      return true;
    }
    case "back":
      if (panel.mark !== undefined) panel.mark = undefined;
      else if (panel.context !== undefined) panel.toggleContext(undefined);
      else return false;
      return true;
  }
}
