// The list on the screen: where it stands, which rows are drawn, and what moves it. Rows are recycled elements.
import { atBottom, bottom, centred, placed, revealing, scrolled, type Anchor, type Rows } from "../../lib/listview";

interface ListOptions {
  make: () => HTMLElement;
  fill: (element: HTMLElement, row: number) => void;
  rows: () => Rows;
  /** After every frame that moved it. */
  moved: (by: number) => void;
}

/** What a wheel turned goes over several frames, so that the eye can follow: this share of the rest in each. */
const EASE = 0.35;

export class LogList {
  anchor: Anchor = { row: 0, skip: 0 };
  height = 0;
  readonly #shown = new Map<number, HTMLElement>();
  readonly #free: HTMLElement[] = [];
  #rest = 0;
  #frame = 0;

  constructor(
    private readonly host: HTMLElement,
    private readonly options: ListOptions,
  ) {}

  get atEnd(): boolean {
    return atBottom(this.anchor, this.options.rows(), this.height);
  }

  /** Numbers of the rows in view. */
  get view(): { first: number; last: number } {
    const rows = placed(this.anchor, this.options.rows(), this.height);
    return { first: rows[0]?.row ?? 0, last: rows.at(-1)?.row ?? 0 };
  }

  toEnd(): void {
    this.#rest = 0;
    this.anchor = bottom(this.options.rows(), this.height);
  }

  reveal(row: number): void {
    this.#rest = 0;
    this.anchor = revealing(row, this.anchor, this.options.rows(), this.height);
  }

  /** Stands where it stood, as far as the rows that there are allow. */
  settle(): void {
    this.anchor = scrolled(this.anchor, 0, this.options.rows(), this.height);
  }

  /** Puts a row at the top, or a third down the view. */
  go(row: number, middle: boolean): void {
    this.#rest = 0;
    this.anchor = middle ? centred(row, this.options.rows(), this.height) : scrolled({ row, skip: 0 }, 0, this.options.rows(), this.height);
  }

  /** Moves by pixels, over some frames when `smooth`. */
  by(pixels: number, smooth: boolean): void {
    this.#rest += pixels;
    if (!smooth) this.#step(this.#rest);
    else if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#turn());
  }

  #turn(): void {
    this.#frame = 0;
    const step = Math.abs(this.#rest) < 4 ? this.#rest : this.#rest * EASE;
    this.#step(step);
    if (this.#rest !== 0) this.#frame = requestAnimationFrame(() => this.#turn());
  }

  #step(by: number): void {
    this.#rest -= by;
    const before = this.anchor;
    this.anchor = scrolled(this.anchor, by, this.options.rows(), this.height);
    // At either end there is nothing left to do for the rest.
    if (this.anchor.row === before.row && this.anchor.skip === before.skip) this.#rest = 0;
    this.draw(false);
    this.options.moved(by);
  }

  /** Draws what is in view; `refill` fills the rows that are there already as well. */
  draw(refill: boolean): void {
    const rows = placed(this.anchor, this.options.rows(), this.height);
    const wanted = new Set(rows.map(({ row }) => row));
    for (const [row, element] of this.#shown) {
      if (wanted.has(row)) continue;
      this.#shown.delete(row);
      this.#free.push(element);
      element.hidden = true;
    }
    for (const { row, y, height } of rows) {
      const known = this.#shown.get(row);
      const element = known ?? this.#free.pop() ?? this.#add();
      element.style.transform = `translateY(${Math.round(y)}px)`;
      if (known !== undefined && !refill) continue;
      this.#shown.set(row, element);
      element.hidden = false;
      element.style.height = `${height}px`;
      element.dataset["row"] = String(row);
      this.options.fill(element, row);
    }
  }

  rowOf(element: Element | null): number | undefined {
    const row = element?.closest<HTMLElement>("[data-row]")?.dataset["row"];
    return row === undefined ? undefined : Number(row);
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
  }

  #add(): HTMLElement {
    const element = this.options.make();
    this.host.append(element);
    return element;
  }
}
