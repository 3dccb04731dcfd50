// Two texts line by line, side by side. Pure.

export interface DiffRow {
  /** Undefined: the other side has a line here that this one lacks. */
  left: string | undefined;
  right: string | undefined;
  same: boolean;
}

/** More pairs of lines than this are not compared one by one: what differs is then one block. */
const MOST = 4_000_000;

export function lineDiff(left: string, right: string): DiffRow[] {
  const [a, b] = [lines(left), lines(right)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const same = (line: string): DiffRow => ({ left: line, right: line, same: true });
  const middle = between(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  return [...a.slice(0, head).map(same), ...middle, ...a.slice(a.length - tail).map(same)];
}

const lines = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

/** The longest common subsequence by the table of its lengths; what lies between its lines differs. */
function between(a: string[], b: string[]): DiffRow[] {
  if (a.length * b.length > MOST || a.length === 0 || b.length === 0) return block(a, b);
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i * width + j] =
        a[i] === b[j] ? (common[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(common[(i + 1) * width + j] ?? 0, common[i * width + j + 1] ?? 0);
    }
  }
  const rows: DiffRow[] = [];
  let [i, j, fromLeft, fromRight] = [0, 0, 0, 0];
  const differing = () => rows.push(...block(a.slice(fromLeft, i), b.slice(fromRight, j)));
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      differing();
      rows.push({ left: a[i], right: b[j], same: true });
      i += 1;
      j += 1;
      [fromLeft, fromRight] = [i, j];
    } else if ((common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0)) i += 1;
    else j += 1;
  }
  [i, j] = [a.length, b.length];
  differing();
  return rows;
}

/** Lines that have nothing in common, side by side. */
const block = (a: readonly string[], b: readonly string[]): DiffRow[] =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, i) => ({ left: a[i], right: b[i], same: false }));

/** Names and values of both sides: in the order of the left one, then what only the right one has. */
export function pairDiff(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): (DiffRow & { name: string })[] {
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return names.map((name) => ({ name, left: left[name], right: right[name], same: left[name] === right[name] }));
}

/** Rows that are the same far from any that differs, left out: `null` stands for each such run. */
export function folded<Row extends { same: boolean }>(rows: readonly Row[], around = 3): (Row | null)[] {
  const near = rows.map((_, i) => rows.slice(Math.max(0, i - around), i + around + 1).some((row) => !row.same));
  const out: (Row | null)[] = [];
  rows.forEach((row, i) => {
    if (near[i] === true) out.push(row);
    else if (out.at(-1) !== null || out.length === 0) out.push(null);
  });
  return out;
}
