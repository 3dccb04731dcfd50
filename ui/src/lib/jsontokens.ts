// Pretty JSON cut into pieces that a view may colour. Anything else passes through as it is.

interface JsonToken {
  kind: "key" | "string" | "number" | "word" | "mark";
  text: string;
}

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|\b(true|false|null)\b/g;

export function jsonTokens(text: string): JsonToken[] {
  const tokens: JsonToken[] = [];
  let at = 0;
  const push = (kind: JsonToken["kind"], piece: string) => piece !== "" && tokens.push({ kind, text: piece });
  for (const match of text.matchAll(TOKEN)) {
    push("mark", text.slice(at, match.index));
    const [all, string, colon, number, word] = match;
    if (string !== undefined) {
      push(colon === undefined ? "string" : "key", string);
      push("mark", colon ?? "");
    } else push(number === undefined ? "word" : "number", number ?? word ?? all);
    at = match.index + all.length;
  }
  push("mark", text.slice(at));
  return tokens;
}
