// Errors as the session tells them, as a class, so that nothing else is ever thrown across the door.
import type { ApiError } from "./generated/ApiError";
import type { Code } from "./generated/Code";

export class Refusal extends Error {
  readonly code: Code;
  readonly hint: string | undefined;
  readonly causes: readonly string[];
  readonly service: string | undefined;
  /** Where in what was typed, in characters from its beginning. */
  readonly at: number | undefined;

  constructor(error: ApiError) {
    super(error.message);
    this.name = "Refusal";
    this.code = error.code;
    this.hint = error.hint;
    this.causes = error.causes ?? [];
    this.service = error.service;
    this.at = error.at;
  }
}

const isApiError = (value: unknown): value is ApiError =>
  typeof value === "object" && value !== null && "code" in value && "message" in value && typeof value.message === "string";

/** Whatever was thrown, as a refusal. */
export function refusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  if (isApiError(thrown)) return new Refusal(thrown);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new Refusal({ code: "failed", message });
}

/** What is told when the session cannot be reached at all. */
export const sessionGone = (): Refusal =>
  new Refusal({
    code: "session-gone",
    message: "The session does not answer",
    hint: "Shoal tries again by itself; `shoal up` starts a session by hand",
  });
