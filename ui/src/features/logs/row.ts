// One row of the log view, made and filled by hand: rows are recycled, and text goes in by `textContent` alone.
import "./row.css";

import type { LogLine } from "../../api/generated/LogLine";
import { clock } from "../../lib/format";
import { hue } from "../../lib/hue";
import { levelLetter, lineParts } from "../../lib/lineparts";
import { highlight, type Search } from "../../lib/search";

/** Longer texts are cut in the list; the inspector shows them whole. */
const SHOWN = 2000;

export function makeRow(): HTMLElement {
  const row = document.createElement("div");
  row.className = "log-row";
  row.role = "listitem";
  for (const name of ["time", "service", "level", "text"]) {
    const cell = document.createElement("span");
    cell.className = name;
    row.append(cell);
  }
  return row;
}

export function fillRow(row: HTMLElement, line: LogLine, search: Search, selected: boolean): void {
  const [time, service, level, text] = row.children as unknown as HTMLElement[];
  if (time === undefined || service === undefined || level === undefined || text === undefined) return;
  const cont = line.cont === true;
  row.style.setProperty("--service", hue(line.service));
  row.dataset["level"] = line.level ?? "";
  row.classList.toggle("selected", selected);
  row.ariaCurrent = selected ? "true" : null;
  time.textContent = cont ? "" : clock(line.ts);
  service.textContent = cont ? "" : line.service;
  level.textContent = cont ? "" : levelLetter(line.level);
  const parts = lineParts(line);
  const shown = parts.text.length > SHOWN ? `${parts.text.slice(0, SHOWN)}…` : parts.text;
  const pieces: Node[] = highlight(shown, search).map((piece) => (piece.hit ? element("mark", piece.text) : document.createTextNode(piece.text)));
  if (parts.rest !== "") pieces.push(element("small", `  ${parts.rest.slice(0, SHOWN)}`));
  text.replaceChildren(...pieces);
}

function element(name: "mark" | "small", text: string): HTMLElement {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
