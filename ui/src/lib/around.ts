// The way of an edge against the direction of the layers: along a lane between the rows, not behind nodes. Pure.
import type { Point, Size } from "./layout";

/** So far a lane keeps from nodes. */
const SPACE = 12;
/** Both ends stand beside the middle of their nodes, so that an edge there and one back do not lie on each other. */
const ASIDE = 22;
const CORNER = 14;
/** A lane that is crossed by a node is worse than any detour. */
const BLOCKED = 10_000;

/** From the top or bottom of one node over a lane to the top or bottom of the other, which stands to its left. */
export function aroundPath(size: Size, from: Point, to: Point, others: readonly Point[]): string {
  const [right, left] = [from.x - ASIDE, to.x + ASIDE];
  const lane = bestLane(size, from, to, others);
  const side = (node: Point) => node.y + (lane < node.y ? -1 : 1) * (size.height / 2);
  // The tip of the arrow needs its room before the border.
  const [start, end] = [side(from), side(to) + (lane < to.y ? -5 : 5)];
  const corner = (edge: number) => Math.min(CORNER, Math.abs(lane - edge), (right - left) / 2);
  const [a, b] = [corner(start), corner(end)];
  const [down, up] = [Math.sign(lane - start), Math.sign(end - lane)];
  return `M${right} ${start} V${lane - down * a} Q${right} ${lane} ${right - a} ${lane} H${left + b} Q${left} ${lane} ${left} ${lane + up * b} V${end}`;
}

function bestLane(size: Size, from: Point, to: Point, others: readonly Point[]): number {
  const [right, left] = [from.x - ASIDE, to.x + ASIDE];
  const crosses = (node: Point, x: number) => Math.abs(node.x - x) < size.width / 2 + SPACE / 2;
  const reaches = (node: Point) => node.x - size.width / 2 < right && node.x + size.width / 2 > left;
  const step = size.height / 2 + SPACE;
  const lanes = others.filter(reaches).flatMap((node) => [node.y - step, node.y + step]);
  const cost = (lane: number) => {
    const within = (node: Point, a: number, b: number) => node.y > Math.min(a, b) && node.y < Math.max(a, b);
    const blocked = others.filter(
      (node) =>
        (reaches(node) && Math.abs(node.y - lane) < step - 1) ||
        (node !== from && crosses(node, right) && within(node, from.y, lane)) ||
        (node !== to && crosses(node, left) && within(node, to.y, lane)),
    );
    return blocked.length * BLOCKED + Math.abs(lane - from.y) + Math.abs(lane - to.y);
  };
  return lanes.reduce((best, lane) => (cost(lane) < cost(best) ? lane : best), Math.max(from.y, to.y) + step);
}
