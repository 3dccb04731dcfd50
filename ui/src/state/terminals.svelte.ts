// Which terminals are open. Each one's screen belongs to its view.

export interface Terminal {
  id: number;
  service: string;
}

export class TerminalsState {
  open = $state.raw<Terminal[]>([]);
  active = $state(0);
  #next = 1;

  add(service: string): void {
    const id = this.#next++;
    this.open = [...this.open, { id, service }];
    this.active = id;
  }

  close(id: number): void {
    const at = this.open.findIndex((t) => t.id === id);
    this.open = this.open.filter((t) => t.id !== id);
    if (this.active === id) this.active = this.open[Math.min(at, this.open.length - 1)]?.id ?? 0;
  }
}
