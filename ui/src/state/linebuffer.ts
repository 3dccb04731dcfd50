// The lines that a log view holds: a contiguous piece of the whole list, with the cursors to go on at both ends. Pure.
import type { LogLine } from "../api/generated/LogLine";
import type { LogsPage } from "../api/generated/LogsPage";

export const LINES_KEPT = 10_000;

interface LineBuffer {
  readonly lines: readonly LogLine[];
  /** To read what is older; undefined at the very beginning. */
  readonly before: string | undefined;
  /** To read what is newer. */
  readonly after: string | undefined;
  /** How many lines were let go at the front since the first page: keeps row positions stable. */
  readonly dropped: number;
}

/** What a buffer takes of a page. */
export type Piece = Pick<LogsPage, "lines" | "before" | "after">;

export const NO_LINES: LineBuffer = { lines: [], before: undefined, after: undefined, dropped: 0 };

export const firstPage = (page: Piece): LineBuffer => ({
  lines: page.lines,
  before: page.before,
  after: page.after,
  dropped: 0,
});

/** Lines of another place in the log, under numbers that no line had before. */
export const elsewhere = (buffer: LineBuffer, page: Piece): LineBuffer => ({
  ...firstPage(page),
  dropped: buffer.dropped + buffer.lines.length + LINES_KEPT,
});

/** Newer lines came; what does not fit is let go at the front. */
export function append(buffer: LineBuffer, page: Piece, kept = LINES_KEPT): LineBuffer {
  const all = [...buffer.lines, ...page.lines];
  const surplus = Math.max(0, all.length - kept);
  return {
    lines: surplus > 0 ? all.slice(surplus) : all,
    before: surplus > 0 ? all[surplus]?.cursor : buffer.before,
    after: page.after,
    dropped: buffer.dropped + surplus,
  };
}

/** Older lines came; what does not fit is let go at the end, from where reading then goes on. */
export function prepend(buffer: LineBuffer, page: Piece, kept = LINES_KEPT): LineBuffer {
  const all = [...page.lines, ...buffer.lines];
  const lines = all.length > kept ? all.slice(0, kept) : all;
  return {
    lines,
    before: page.before,
    after: lines.length < all.length ? lines.at(-1)?.cursor : buffer.after,
    dropped: buffer.dropped - page.lines.length,
  };
}
