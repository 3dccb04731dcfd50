// The numbers beside edges: what they say, and where there is room for them. Pure.
import { ms, rate as perSecond } from "./format";
import { objection, spoken, typical, type Pair } from "./graph";
import type { Box, Point, Size } from "./layout";
import { along } from "./pathpoints";

export type Tone = "plain" | "dim" | "bad";

/** Lines of words that stand beside each other. */
export type NoteText = { text: string; tone: Tone }[][];

export interface Note extends Size {
  key: string;
  path: string;
  lines: NoteText;
  /** Nearer to which end it is wanted: edges of one node lie apart at their other ends. */
  end?: "from" | "to" | undefined;
}

export interface PlacedNote extends Note {
  /** Its centre. */
  x: number;
  y: number;
  /** Where its edge is, when it had to stand apart from it. */
  from: Point | undefined;
}

/** How wide a letter is and how tall a line, in the map's units. */
const LETTER = 6.3;
const LINE = 14;
/** Widths grow by steps: a digit more moves nothing. */
const STEP = 7;
/** So much stays free around a note. */
const SPACE = 3;
/** Where along its edge a note is tried first. */
const SHARES = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82];
const NEAR_END = [0.66, 0.6, 0.72, 0.54, 0.78, 0.48, 0.84, 0.4, 0.3, 0.2];
/** Apart from its edge: so far at most, in such steps, in so many directions. */
const FARTHEST = 900;
const RING = 10;
const DIRECTIONS = 16;

/** The numbers of an edge; of one that is looked at by itself also what it speaks and what is wrong with it. */
export function noteLines(pair: Pair, rate: { calls: number; errors: number }, now: number, whole: boolean): NoteText {
  const time = typical(pair.edges, now);
  const calls = { text: perSecond(rate.calls), tone: "plain" as const };
  const took = time === undefined ? [] : [{ text: (time.old ? "was " : "") + ms(time.ms), tone: time.old ? ("dim" as const) : ("plain" as const) }];
  const failed = rate.errors > 0 ? [{ text: whole ? `${perSecond(rate.errors)} failed` : `× ${perSecond(rate.errors)}`, tone: "bad" as const }] : [];
  if (!whole) return [[calls], took, failed].filter((line) => line.length > 0);
  const against = objection(pair);
  const words = [{ text: spoken(pair), tone: "dim" as const }];
  return [[calls, ...took, ...failed], against === undefined ? words : [...words, { text: against, tone: pair.forbidden ? ("bad" as const) : ("dim" as const) }]];
}

export function noteSize(lines: NoteText): Size {
  const letters = lines.map((line) => line.reduce((sum, { text }) => sum + text.length + 2, -2));
  return { width: Math.ceil((Math.max(0, ...letters) * LETTER + 9) / STEP) * STEP, height: lines.length * LINE + 6 };
}

/**
 * Places for the notes in their order: on its edge where none covers a node or another note, else at the nearest free
 * place. `within` is what can be seen: none leaves it whose edge's middle lies in it.
 */
export function placeNotes(notes: readonly Note[], nodes: readonly Point[], size: Size, within: Box): PlacedNote[] {
  const taken: Box[] = nodes.map(({ x, y }) => ({ x, y, ...size }));
  return notes.map((note) => {
    const at = along(note.path);
    const middle = at(0.5);
    const bounded = holds(within, { ...middle, width: 0, height: 0 });
    const fits = (place: Point) => {
      const box = { ...place, width: note.width, height: note.height };
      return (!bounded || holds(within, box)) && !taken.some((other) => touch(box, other));
    };
    const shares = note.end === undefined ? SHARES : NEAR_END.map((share) => (note.end === "to" ? share : 1 - share));
    const on = shares.map(at).find(fits);
    const place = on ?? nearest(middle, fits) ?? middle;
    taken.push({ ...place, width: note.width, height: note.height });
    return { ...note, ...place, from: on === undefined ? middle : undefined };
  });
}

function nearest(middle: Point, fits: (place: Point) => boolean): Point | undefined {
  for (let away = RING; away <= FARTHEST; away += RING) {
    for (let i = 0; i < DIRECTIONS; i += 1) {
      const turn = (i / DIRECTIONS) * 2 * Math.PI;
      const place = { x: middle.x + Math.cos(turn) * away, y: middle.y + Math.sin(turn) * away };
      if (fits(place)) return place;
    }
  }
  return undefined;
}

/** Whether two boxes, each by its centre, come closer than they may. */
const touch = (a: Box, b: Box): boolean =>
  Math.abs(a.x - b.x) < (a.width + b.width) / 2 + SPACE && Math.abs(a.y - b.y) < (a.height + b.height) / 2 + SPACE;

/** Whether `box`, by its centre, lies in `view`, which is given by its corner. */
const holds = (view: Box, box: Box): boolean =>
  box.x - box.width / 2 >= view.x && box.x + box.width / 2 <= view.x + view.width && box.y - box.height / 2 >= view.y && box.y + box.height / 2 <= view.y + view.height;
