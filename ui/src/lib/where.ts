// Writes expressions for the search box, out of what somebody clicked. Pure.
import { readSearch } from "./search";

const text = (value: string): string => JSON.stringify(value);

/** `to == "orders"`, `status == 500`: the session compares a status that is a number as one. */
export function equals(field: string, value: string): string {
  return field === "status" && /^\d{1,9}$/.test(value) ? `status == ${Number(value)}` : `${field} == ${text(value)}`;
}

/** `headers["x-user"] == "7"` */
export const headerEquals = (header: string, value: string): string => `headers[${text(header)}] == ${text(value)}`;

export const allOf = (terms: readonly string[]): string => terms.join(" && ");

/** What was typed, narrowed by one more term. What was no expression becomes one that says nearly the same. */
export function withTerm(typed: string, term: string, roots: readonly string[], searched = "operation"): string {
  const before = readSearch(typed, roots);
  if (before.kind === "none") return term;
  if (before.kind === "text") return `${searched}.matches(${text(`(?i)${escaped(before.text)}`)}) && ${term}`;
  if (before.kind === "grep") return `${searched}.matches(${text(before.grep)}) && ${term}`;
  if (before.where === term || before.where.endsWith(` && ${term}`) || before.where.includes(`${term} && `)) return before.where;
  return `${bindsLoosely(before.where) ? `(${before.where})` : before.where} && ${term}`;
}

const escaped = (pattern: string): string => pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Whether `&& more` behind it would bind tighter than something in it. */
const bindsLoosely = (where: string): boolean => /\|\||\?/.test(where.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""'));
