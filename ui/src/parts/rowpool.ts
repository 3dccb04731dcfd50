// The rows of a long list as a pool of recycled elements: scrolling moves and refills a few of them and makes none.

export interface RowPoolOptions {
  rowHeight: number;
  make: () => HTMLElement;
  /** Shows row `index`, counted from the list's start. Text goes in by `textContent` only. */
  fill: (row: HTMLElement, index: number) => void;
}

export class RowPool {
  readonly #rows = new Map<number, HTMLElement>();
  readonly #free: HTMLElement[] = [];
  #offset = 0;

  constructor(
    private readonly host: HTMLElement,
    private readonly options: RowPoolOptions,
  ) {}

  /**
   * Shows the rows from `first` to before `end`. `offset` is how many rows the list lost at its front, so that a row
   * keeps its element while others come and go; `refill` fills the rows that are there already as well.
   */
  show(first: number, end: number, offset: number, refill: boolean): void {
    const moved = offset !== this.#offset;
    this.#offset = offset;
    for (const [key, row] of this.#rows) {
      if (key - offset >= first && key - offset < end) continue;
      this.#rows.delete(key);
      this.#free.push(row);
      row.hidden = true;
    }
    for (let index = first; index < end; index += 1) {
      const known = this.#rows.get(index + offset);
      const row = known ?? this.#free.pop() ?? this.#add();
      if (known === undefined) {
        this.#rows.set(index + offset, row);
        row.hidden = false;
      }
      if (known === undefined || moved) row.style.transform = `translateY(${index * this.options.rowHeight}px)`;
      if (known === undefined || refill) {
        row.dataset["index"] = String(index + offset);
        this.options.fill(row, index);
      }
    }
  }

  /** The row's place in the list, or undefined when the element is in no row. */
  indexOf(element: Element | null): number | undefined {
    const key = element?.closest<HTMLElement>("[data-index]")?.dataset["index"];
    return key === undefined ? undefined : Number(key) - this.#offset;
  }

  #add(): HTMLElement {
    const row = this.options.make();
    this.host.append(row);
    return row;
  }
}
