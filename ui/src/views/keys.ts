// The keys that work everywhere.
import { VIEWS, type View } from "../state/workbench.svelte";

interface KeyActions {
  palette: () => void;
  search: () => void;
  view: (view: View) => void;
  inspect: () => void;
  help: () => void;
  /** Returns whether there was anything to widen. */
  widen: () => boolean;
}

export function globalKey(event: KeyboardEvent, actions: KeyActions): void {
  if (event.defaultPrevented) return;
  const command = event.ctrlKey || event.metaKey;
  const target = event.target as HTMLElement;
  const typing = target.closest("input, textarea, select, .xterm") !== null;
  if (command && event.key.toLowerCase() === "k" && !event.shiftKey) actions.palette();
  else if (event.altKey && /^[1-4]$/.test(event.key)) {
    const view = VIEWS[Number(event.key) - 1];
    if (view !== undefined) actions.view(view.id);
  } else if (typing) return;
  else if (event.key === "/" || (command && event.key.toLowerCase() === "f")) actions.search();
  else if (event.key === "?") actions.help();
  else if (event.key === "i" && !command && !event.altKey) actions.inspect();
  else if (event.key !== "Escape" || !actions.widen()) return;
  event.preventDefault();
}
