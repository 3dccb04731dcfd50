// Sentences of the session mark literals by backticks, as people do in code.

/** The pieces of a sentence, literals without their backticks. */
export function literals(text: string): { text: string; literal: boolean }[] {
  return text
    .split(/`([^`\n]+)`/)
    .map((piece, i) => ({ text: piece, literal: i % 2 === 1 }))
    .filter((piece) => piece.text !== "");
}
