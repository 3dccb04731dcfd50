// A call's body as something to read.
import type { CallMessage } from "../api/generated/CallMessage";

export type Body = { kind: "none" } | { kind: "json"; text: string } | { kind: "text"; text: string } | { kind: "hex"; text: string };

export function readBody(message: CallMessage): Body {
  const { body } = message;
  if (body === undefined || body === "") return { kind: "none" };
  if (message.binary === true) return { kind: "hex", text: hexDump(body) };
  const start = body.trimStart()[0];
  if (start === "{" || start === "[") {
    try {
      return { kind: "json", text: JSON.stringify(JSON.parse(body), null, 2) };
    } catch {
      // Cut off or no JSON after all: shown as it came.
    }
  }
  return { kind: "text", text: body };
}

/** Hexadecimal digits as lines of offset, sixteen bytes and their printable characters. */
export function hexDump(digits: string): string {
  const lines: string[] = [];
  for (let at = 0; at < digits.length; at += 32) {
    const bytes = digits.slice(at, at + 32).match(/../g) ?? [];
    const text = bytes.map((b) => {
      const code = Number.parseInt(b, 16);
      return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : ".";
    });
    lines.push(`${(at / 2).toString(16).padStart(6, "0")}  ${bytes.join(" ").padEnd(47)}  ${text.join("")}`);
  }
  return lines.join("\n");
}
