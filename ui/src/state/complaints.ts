// Errors that no pane shows by itself, each kind once. Pure.
import type { Refusal } from "../api/error";

export interface Complaint {
  key: string;
  /** What was tried, such as `restart`. */
  attempt: string;
  error: Refusal;
  times: number;
}

const KEPT = 5;

/** The list with one more; the same failure again only counts up. */
export function complain(list: readonly Complaint[], attempt: string, error: Refusal): Complaint[] {
  const key = `${attempt}\u0000${error.code}\u0000${error.message}`;
  const known = list.find((c) => c.key === key);
  if (known !== undefined) return list.map((c) => (c === known ? { ...c, error, times: c.times + 1 } : c));
  return [...list, { key, attempt, error, times: 1 }].slice(-KEPT);
}
