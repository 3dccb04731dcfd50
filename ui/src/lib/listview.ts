// Where a long list stands whose rows differ in height. Only rows near the view are ever asked for their height, so it
// does not matter how many there are, and rows that come in front or behind move nothing. Pure.

export interface Rows {
  /** Rows are numbered; numbers do not change when others come and go. */
  first: number;
  /** One behind the last. */
  end: number;
  height: (row: number) => number;
}

/** The row at the top of the view, and how many of its pixels are above it. */
export interface Anchor {
  row: number;
  skip: number;
}

interface Placed {
  row: number;
  y: number;
  height: number;
}

/** The list's end at the view's lower edge; the list's beginning at the upper one when it is shorter than the view. */
export function bottom(rows: Rows, view: number): Anchor {
  let left = view;
  for (let row = rows.end - 1; row >= rows.first; row -= 1) {
    left -= rows.height(row);
    if (left <= 0) return { row, skip: -left };
  }
  return { row: rows.first, skip: 0 };
}

const isBelow = (a: Anchor, b: Anchor): boolean => a.row > b.row || (a.row === b.row && a.skip > b.skip);

/** The nearest anchor at which the view is full, as far as there are rows. */
export function within(anchor: Anchor, rows: Rows, view: number): Anchor {
  if (anchor.row < rows.first) return { row: rows.first, skip: 0 };
  const last = bottom(rows, view);
  return isBelow(anchor, last) ? last : anchor;
}

/** The anchor `by` pixels further down. */
export function scrolled(anchor: Anchor, by: number, rows: Rows, view: number): Anchor {
  let { row, skip } = anchor;
  skip += by;
  while (skip < 0 && row > rows.first) {
    row -= 1;
    skip += rows.height(row);
  }
  while (row < rows.end - 1 && skip >= rows.height(row)) {
    skip -= rows.height(row);
    row += 1;
  }
  return within({ row, skip: Math.max(0, skip) }, rows, view);
}

/** The rows in view. They are drawn in the frame that moves them, so none beyond the edges is needed. */
export function placed(anchor: Anchor, rows: Rows, view: number): Placed[] {
  const list: Placed[] = [];
  let y = -anchor.skip;
  for (let { row } = anchor; row < rows.end && y < view; row += 1) {
    const height = rows.height(row);
    list.push({ row, y, height });
    y += height;
  }
  return list;
}

/** The anchor at which `row` is in view, moving as little as can be. */
export function revealing(row: number, anchor: Anchor, rows: Rows, view: number): Anchor {
  if (row < anchor.row || (row === anchor.row && anchor.skip > 0)) return within({ row, skip: 0 }, rows, view);
  let y = -anchor.skip;
  for (let at = anchor.row; at <= row && y <= view; at += 1) y += rows.height(at);
  if (y <= view) return anchor;
  return within(bottom({ ...rows, end: row + 1 }, view), rows, view);
}

/** The anchor at which `row` is a third down the view: for what was jumped to. */
export const centred = (row: number, rows: Rows, view: number): Anchor => scrolled({ row, skip: 0 }, -Math.floor(view / 3), rows, view);

/** Whether the view shows the list's end. */
export function atBottom(anchor: Anchor, rows: Rows, view: number): boolean {
  const last = bottom(rows, view);
  return !isBelow(last, anchor);
}
