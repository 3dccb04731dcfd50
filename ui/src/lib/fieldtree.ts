// The fields of a line as the rows of a tree, each with the expression that asks for its value. Pure.

export interface FieldRow {
  depth: number;
  name: string;
  /** What is shown of the value; nothing for an object or a list, whose rows follow. */
  value: string;
  kind: "string" | "number" | "word" | "group";
  /** Asks for lines that have this value here; undefined where no expression can. */
  term: string | undefined;
}

/** A line's tree ends here: an inspector shows the rest. */
const MOST = 200;

export function fieldRows(fields: Record<string, unknown>): FieldRow[] {
  const rows: FieldRow[] = [];
  walk(fields, 0, "fields", rows);
  return rows;
}

function walk(value: Record<string, unknown> | readonly unknown[], depth: number, path: string, rows: FieldRow[]): void {
  const list = Array.isArray(value);
  for (const [name, inner] of Object.entries(value)) {
    if (rows.length >= MOST) return;
    const here = list ? `${path}[${name}]` : /^[A-Za-z_]\w*$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
    if (typeof inner === "object" && inner !== null) {
      const size = Object.keys(inner).length;
      rows.push({ depth, name, value: size === 0 ? (Array.isArray(inner) ? "[]" : "{}") : "", kind: "group", term: undefined });
      walk(inner as Record<string, unknown>, depth + 1, here, rows);
    } else {
      rows.push({ depth, name, value: typeof inner === "string" ? inner : String(inner), kind: kindOf(inner), term: `${here} == ${JSON.stringify(inner)}` });
    }
  }
}

const kindOf = (value: unknown): FieldRow["kind"] => (typeof value === "string" ? "string" : typeof value === "number" ? "number" : "word");
