// A call's body as something to read: the ways in which it can be shown, the most telling one first.
import type { CallMessage } from "../api/generated/CallMessage";
import type { PartShape } from "../api/generated/PartShape";

export type BodyView =
  | { kind: "table"; label: string; columns: string[]; rows: string[][] }
  | { kind: "image"; label: string; url: string }
  | { kind: "json" | "text" | "hex"; label: string; text: string };

/** A message of a call, or one of the messages of a stream. */
type Readable = Pick<CallMessage, "body" | "binary" | "truncated" | "media" | "headers" | "fields">;

/** More rows than this are left to the JSON view, in a table they would only slow the window. */
const TABLE_ROWS = 500;
const IMAGES = /^image\/(png|jpeg|gif|webp|avif)$/;

/** How GraphQL documents begin. */
const DOCUMENT = /^[\s,]*(\{|(query|mutation|subscription|fragment)\b)/;

export function readBody(message: Readable): BodyView[] {
  const { body, fields, ...rest } = message;
  if (fields !== undefined) return [...asFields(readBody({ body: fields })), ...readBody(body === undefined ? rest : { ...rest, body })];
  if (body === undefined || body === "") return [];
  const type = mediaType(message);
  if (message.binary === true) {
    const hex: BodyView = { kind: "hex", label: "Hex", text: hexDump(body) };
    return IMAGES.test(type) && message.truncated !== true ? [{ kind: "image", label: "Image", url: dataUrl(type, body) }, hex] : [hex];
  }
  const text: BodyView = { kind: "text", label: type === "application/sql" ? "SQL" : "Text", text: body };
  if (type === "application/x-www-form-urlencoded") return [formTable(body), text];
  const start = body.trimStart()[0];
  if (start === "{" || start === "[") {
    try {
      const value: unknown = JSON.parse(body);
      const json: BodyView = { kind: "json", label: "JSON", text: JSON.stringify(value, null, 2) };
      const table = rowTable(value);
      return [...(table === undefined ? [] : [table]), json, ...documentOf(value), ...(type.includes("json") ? [] : [text])];
    } catch {
      // Cut off or no JSON after all: shown as it came.
    }
  }
  return [text];
}

/** A message of a stream: as its decoder made it readable, where one did, beside its bytes. */
export function readPart(part: PartShape): BodyView[] {
  const { decoded, media, ...bytes } = part;
  if (decoded === undefined) return readBody(part);
  const views = readBody(media === undefined ? { body: decoded } : { body: decoded, media });
  return [...asFields(views), ...readBody(bytes)];
}

/** What a decoder made readable line by line. */
function asFields(views: BodyView[]): BodyView[] {
  return views.map((view) => (view.kind === "text" ? { ...view, label: "Fields" } : view));
}

/** The document of a GraphQL request, whose lines JSON hides. */
function documentOf(value: unknown): BodyView[] {
  if (typeof value !== "object" || value === null || !("query" in value)) return [];
  const { query } = value;
  return typeof query === "string" && DOCUMENT.test(query) ? [{ kind: "text", label: "Query", text: query }] : [];
}

/** What the body is: by its header, else by the decoder that rendered it; in lower case, without parameters. */
function mediaType(message: Readable): string {
  const type = message.headers?.["content-type"] ?? message.media ?? "";
  return type.replace(/;.*/s, "").trim().toLowerCase();
}

/** A list of objects whose values are mostly plain, such as the rows of a query, as a table. */
function rowTable(value: unknown): BodyView | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > TABLE_ROWS) return undefined;
  if (!value.every((row): row is Record<string, unknown> => typeof row === "object" && row !== null && !Array.isArray(row))) return undefined;
  const columns = [...new Set(value.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0 || columns.length > 64) return undefined;
  const rows = value.map((row) => columns.map((column) => cell(row[column])));
  return { kind: "table", label: "Rows", columns, rows };
}

function cell(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function formTable(body: string): BodyView {
  return { kind: "table", label: "Form", columns: ["Field", "Value"], rows: [...new URLSearchParams(body)].map(([field, value]) => [field, value]) };
}

function dataUrl(type: string, digits: string): string {
  const bytes = digits.match(/../g) ?? [];
  return `data:${type};base64,${btoa(bytes.map((b) => String.fromCharCode(Number.parseInt(b, 16))).join(""))}`;
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
