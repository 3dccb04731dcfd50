// Which rows of a long list are on the screen.

interface Visible {
  /** The first row to draw. */
  first: number;
  /** One behind the last row to draw. */
  end: number;
}

/** Rows in view plus `extra` on either side. */
export function visibleRows(scrollTop: number, height: number, rowHeight: number, rows: number, extra = 8): Visible {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - extra);
  const end = Math.min(rows, Math.ceil((scrollTop + height) / rowHeight) + extra);
  return { first: Math.min(first, end), end };
}

/** Where to scroll so that row `index` is in view, moving as little as can be. */
export function scrollToShow(index: number, scrollTop: number, height: number, rowHeight: number): number {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  if (top + rowHeight > scrollTop + height) return top + rowHeight - height;
  return scrollTop;
}
