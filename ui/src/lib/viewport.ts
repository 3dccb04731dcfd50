// The piece of the map that is on the screen.
import type { Box, Point } from "./layout";
import { clamp } from "./scale";

export interface Viewport {
  /** The map's point at the screen's top left corner. */
  x: number;
  y: number;
  /** Screen pixels per unit of the map. */
  scale: number;
}

const LEAST = 0.25;
const MOST = 2;

/** Below this no name can be read: then the picture is cut instead. */
const LEAST_FIT = 0.5;

/** Shows all of `box`, centred, never larger than life. */
export function fit(box: Box, width: number, height: number): Viewport {
  const scale = clamp(Math.min(width / box.width, height / box.height), LEAST_FIT, 1);
  return { x: box.x + box.width / 2 - width / scale / 2, y: box.y + box.height / 2 - height / scale / 2, scale };
}

/** Larger or smaller by `factor`, with the map's point under `at` (in screen pixels) staying there. */
export function zoom(view: Viewport, factor: number, at: Point): Viewport {
  const scale = clamp(view.scale * factor, LEAST, MOST);
  return { x: view.x + at.x / view.scale - at.x / scale, y: view.y + at.y / view.scale - at.y / scale, scale };
}

export const pan = (view: Viewport, dx: number, dy: number): Viewport => ({ ...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale });
