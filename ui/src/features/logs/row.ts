// One row of the log view, made and filled by hand: rows are recycled, and text goes in by `textContent` alone.
import "./row.css";

import type { LogLine } from "../../api/generated/LogLine";
import { fieldRows, type FieldRow } from "../../lib/fieldtree";
import { bytes } from "../../lib/format";
import { hue, hueText } from "../../lib/hue";
import { levelLetter } from "../../lib/lineparts";
import { timeText, type TimeForm } from "../../lib/logtime";
import { columns, folded, pieces, rowText, type Pin, type RowText } from "../../lib/rowtext";
import type { Search } from "../../lib/search";

/** Letters of a row that is not opened: more would push its neighbours off the screen. */
const SHOWN = 2000;

/** What all rows have in common. */
export interface Looks {
  search: Search;
  pins: readonly Pin[];
  wrap: boolean;
  time: TimeForm;
  /** Letters that fit beside the other columns. */
  fits: number;
  /** The time of the selected line. */
  reference: string | undefined;
}

/** What one row has. */
interface RowState {
  expanded: boolean;
  selected: boolean;
  ranged: boolean;
  bookmarked: boolean;
  /** The line above it in the list. */
  above: LogLine | undefined;
}

const texts = new WeakMap<LogLine, RowText>();
const trees = new WeakMap<LogLine, readonly FieldRow[]>();

function textOf(line: LogLine): RowText {
  const known = texts.get(line) ?? rowText(line);
  texts.set(line, known);
  return known;
}

/** What an expanded row shows below its text: its fields, or what a carriage return wrote over. */
function treeOf(line: LogLine): readonly FieldRow[] {
  const known = trees.get(line);
  if (known !== undefined) return known;
  const over = folded(line.text).over > 0 ? line.text.split("\r").filter((part) => part.trim() !== "") : [];
  const rows = line.fields === undefined
    ? over.map((value, i): FieldRow => ({ depth: 0, name: `${i + 1}`, value, kind: "string", term: undefined }))
    : fieldRows(line.fields);
  trees.set(line, rows);
  return rows;
}

/** How many lines of text the row is high. */
export function heightOf(line: LogLine, looks: Pick<Looks, "wrap" | "fits">, expanded: boolean): number {
  const { text, over } = textOf(line);
  const whole = () => columns(shownText(expanded ? text : text.slice(0, SHOWN)) + tail(line, over, expanded));
  const wrapped = looks.wrap || expanded ? Math.max(1, Math.ceil(whole() / Math.max(looks.fits, 1))) : 1;
  return expanded ? wrapped + treeOf(line).length + (line.whole === undefined ? 0 : 1) : wrapped;
}

/** What is said of a line behind its text: that there is more of it, and of what kind. */
function tail(line: LogLine, over: number, expanded: boolean): string {
  if (over > 0) return `  ${over} overwritten`;
  const length = line.whole ?? line.text.length;
  return !expanded && length > SHOWN ? ` … ${bytes(length)}, Enter opens it` : "";
}

// A tab is as wide as four letters, wherever it stands: then a text's width does not depend on its place.
const shownText = (text: string): string => text.replaceAll("\t", "    ");

export function makeRow(): HTMLElement {
  const row = document.createElement("div");
  row.className = "log-row";
  row.role = "listitem";
  for (const name of ["time", "service", "level", "text"]) row.append(element("span", name, ""));
  return row;
}

const filled = new WeakMap<HTMLElement, [LogLine, Looks, RowState]>();

/** Leaves a row that would not change alone: what the reader has selected or is clicking in it stays. */
export function fillRow(row: HTMLElement, line: LogLine, looks: Looks, state: RowState): void {
  const [oldLine, oldLooks, old] = filled.get(row) ?? [];
  const same = (Object.keys(state) as (keyof RowState)[]).every((key) => (key === "above" && looks.time !== "delta" && line.cont !== true) || old?.[key] === state[key]);
  if (oldLine === line && oldLooks === looks && same) return;
  filled.set(row, [line, looks, state]);
  const [time, service, level, text] = row.children as unknown as HTMLElement[];
  if (time === undefined || service === undefined || level === undefined || text === undefined) return;
  // Of a record the first line says when and whose it is, unless others stand between them.
  const cont = line.cont === true && state.above?.instance === line.instance && state.above.stream === line.stream;
  row.style.setProperty("--service", hue(line.service));
  row.style.setProperty("--service-text", hueText(line.service));
  row.dataset["level"] = line.level ?? "";
  row.classList.toggle("selected", state.selected);
  row.classList.toggle("ranged", state.ranged);
  row.classList.toggle("bookmarked", state.bookmarked);
  row.classList.toggle("wrapped", looks.wrap || state.expanded);
  row.ariaCurrent = state.selected ? "true" : null;
  time.textContent = cont ? "" : timeText(line.ts, looks.time, looks.reference, state.above?.ts);
  service.textContent = cont ? "" : line.service;
  level.textContent = cont ? "" : levelLetter(line.level);
  const shown = textOf(line);
  const longest = state.expanded ? Infinity : SHOWN;
  const nodes: Node[] = pieces(shown, looks.search, looks.pins, longest).map(({ text, classes, hit }) => {
    if (classes === "" && !hit) return document.createTextNode(shownText(text));
    return element(hit ? "mark" : "span", classes, shownText(text));
  });
  const more = tail(line, shown.over, state.expanded);
  if (more !== "") nodes.push(element("span", "rest", more));
  if (state.expanded) nodes.push(...treeNodes(line));
  text.replaceChildren(...nodes);
}

function treeNodes(line: LogLine): Node[] {
  const nodes = treeOf(line).map(({ depth, name, value, kind, term }) => {
    const row = element("span", "field", "");
    row.style.setProperty("--depth", String(depth));
    row.append(element("span", "name", name), element("span", `value ${kind}`, value));
    if (term !== undefined) {
      row.dataset["term"] = term;
      row.title = `Only lines with ${term}`;
    }
    return row;
  });
  if (line.whole !== undefined) {
    const all = element("span", "field all", `Show all ${bytes(line.whole)}`);
    all.dataset["all"] = "";
    nodes.push(all);
  }
  return nodes;
}

function element(name: "mark" | "span", classes: string, text: string): HTMLElement {
  const made = document.createElement(name);
  made.className = classes;
  made.textContent = text;
  return made;
}
