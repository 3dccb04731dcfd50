// Recognises the expressions of the search boxes. It only decides whether a text is meant as an expression: the
// session compiles it and reports what is wrong with it.

type Token = { kind: "name" | "literal" | "op" | "end"; text: string };

const TOKEN =
  /\s*(?:((?:[rbRB]{1,2})?"(?:[^"\\\n]|\\.)*"|(?:[rbRB]{1,2})?'(?:[^'\\\n]|\\.)*'|0[xX][\da-fA-F]+u?|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?u?)|([A-Za-z_]\w*)|(&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()[\]{}]))/y;

const COMPARISONS = new Set(["==", "!=", "<", "<=", ">", ">=", "in"]);

/** Whether `text` is a whole expression that compares, calls or combines something, over `roots`. */
export function isExpression(text: string, roots: readonly string[]): boolean {
  const tokens = tokenize(text);
  if (tokens === null) return false;
  const parser = new Parser(tokens, new Set(roots));
  return parser.ternary() && parser.done && parser.decides;
}

function tokenize(text: string): Token[] | null {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let at = 0;
  while (text.slice(at).trim() !== "") {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) return null;
    at = TOKEN.lastIndex;
    const [, literal, name, op] = match;
    if (literal !== undefined) tokens.push({ kind: "literal", text: literal });
    else if (name !== undefined) tokens.push({ kind: name === "in" ? "op" : "name", text: name });
    else tokens.push({ kind: "op", text: op ?? "" });
  }
  return tokens;
}

const END: Token = { kind: "end", text: "" };

class Parser {
  decides = false;
  #at = 0;

  constructor(
    private readonly tokens: Token[],
    private readonly roots: ReadonlySet<string>,
  ) {}

  get done(): boolean {
    return this.#at === this.tokens.length;
  }

  ternary(): boolean {
    if (!this.#binary()) return false;
    if (!this.#eat("?")) return true;
    return this.#binary() && this.#eat(":") && this.ternary();
  }

  // Precedence does not matter to the question asked here.
  #binary(): boolean {
    if (!this.#unary()) return false;
    for (;;) {
      const { kind, text } = this.#peek();
      if (kind !== "op" || !(COMPARISONS.has(text) || ["&&", "||", "+", "-", "*", "/", "%"].includes(text))) return true;
      if (COMPARISONS.has(text)) this.decides = true;
      this.#at += 1;
      if (!this.#unary()) return false;
    }
  }

  #unary(): boolean {
    while (this.#eat("!") || this.#eat("-"));
    return this.#primary() && this.#members();
  }

  #primary(): boolean {
    const token = this.#peek();
    this.#at += 1;
    if (token.kind === "literal") return true;
    if (token.kind === "name") {
      if (["true", "false", "null"].includes(token.text)) return true;
      if (this.#peek().text === "(") return true;
      return this.roots.has(token.text);
    }
    if (token.text === "(") return this.ternary() && this.#eat(")");
    if (token.text === "[") return this.#list("]");
    return false;
  }

  #members(): boolean {
    for (;;) {
      if (this.#eat(".")) {
        if (this.#peek().kind !== "name") return false;
        this.#at += 1;
      } else if (this.#eat("(")) {
        this.decides = true;
        if (!this.#list(")")) return false;
      } else if (this.#eat("[")) {
        if (!(this.ternary() && this.#eat("]"))) return false;
      } else return true;
    }
  }

  #list(close: string): boolean {
    if (this.#eat(close)) return true;
    do {
      if (!this.ternary()) return false;
    } while (this.#eat(","));
    return this.#eat(close);
  }

  #peek(): Token {
    return this.tokens[this.#at] ?? END;
  }

  #eat(text: string): boolean {
    const token = this.#peek();
    if (token.kind !== "op" || token.text !== text) return false;
    this.#at += 1;
    return true;
  }
}
