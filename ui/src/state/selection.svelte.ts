import * as pure from "./selection";
import type { Selection, Step, TimeRange } from "./selection";

export class SelectionState {
  steps = $state.raw<Selection>(pure.EVERYTHING);
  readonly services = $derived(pure.servicesOf(this.steps));
  readonly edge = $derived(pure.find(this.steps, "edge"));
  readonly range = $derived<TimeRange | undefined>(pure.find(this.steps, "range")?.range);
  readonly call = $derived(pure.find(this.steps, "call")?.id);
  readonly line = $derived(pure.find(this.steps, "line")?.cursor);
  readonly event = $derived(pure.find(this.steps, "event")?.seq);
  readonly subject = $derived(pure.subject(this.steps));

  narrow(step: Step): void {
    this.steps = pure.narrow(this.steps, step);
  }

  toggleService(service: string, add: boolean): void {
    this.steps = pure.toggleService(this.steps, service, add);
  }

  remove(kind: Step["kind"]): void {
    this.steps = pure.without(this.steps, kind);
  }

  /** Returns whether there was anything to widen. */
  widen(): boolean {
    const had = this.steps.length > 0;
    this.steps = pure.widen(this.steps);
    return had;
  }
}
