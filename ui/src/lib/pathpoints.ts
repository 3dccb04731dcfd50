// Points along an edge's path, without a browser to ask. Pure.
import type { Point } from "./layout";

/** A curve is cut into so many straight pieces. */
const PIECES = 16;

/** The points of a path of `M`, `C`, `Q`, `H` and `V` with absolute places, as `edgePath` draws it. */
function pointsOf(path: string): Point[] {
  const points: Point[] = [];
  for (const [, letter, rest] of path.matchAll(/([MCQHV])([^MCQHV]*)/g)) {
    const n = (rest ?? "").trim().split(/[\s,]+/).map(Number);
    const from = points.at(-1) ?? { x: 0, y: 0 };
    const at = (i: number): Point => ({ x: n[i] ?? 0, y: n[i + 1] ?? 0 });
    if (letter === "M") points.push(at(0));
    else if (letter === "H") points.push({ x: n[0] ?? 0, y: from.y });
    else if (letter === "V") points.push({ x: from.x, y: n[0] ?? 0 });
    else points.push(...curve(letter === "C" ? [from, at(0), at(2), at(4)] : [from, at(0), at(2)]));
  }
  return points;
}

/** A Bézier curve through its first and last point, by de Casteljau. */
function curve(through: readonly Point[]): Point[] {
  return Array.from({ length: PIECES }, (_, i) => {
    const t = (i + 1) / PIECES;
    let row = through;
    while (row.length > 1) {
      row = row.slice(1).map((b, j) => {
        const a = row[j] ?? b;
        return { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
      });
    }
    return row[0] ?? { x: 0, y: 0 };
  });
}

/** Where a path is after this share of its length. */
export function along(path: string): (share: number) => Point {
  const points = pointsOf(path);
  const lengths = points.map((p, i) => Math.hypot(p.x - (points[i - 1] ?? p).x, p.y - (points[i - 1] ?? p).y));
  const whole = lengths.reduce((sum, length) => sum + length, 0);
  return (share) => {
    let left = share * whole;
    for (const [i, length] of lengths.entries()) {
      const [a, b] = [points[i - 1], points[i]];
      if (a !== undefined && b !== undefined && left <= length) {
        const t = length === 0 ? 0 : left / length;
        return { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
      }
      left -= length;
    }
    return points.at(-1) ?? { x: 0, y: 0 };
  };
}
