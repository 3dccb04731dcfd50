// What was counted within the selected range of time; nothing while the present is looked at.
import type { Backend } from "../api/backend";
import type { Edge } from "../api/generated/Edge";
import { edgeKey, sample, type Sample } from "./rates";
import type { TimeRange } from "./selection";

const REFRESH_MS = 1000;
/** A range is dragged: not every place on its way is asked for. */
const SETTLE_MS = 60;
/** So long after its end a range may still change: calls that began in it end. */
const OPEN_MS = 30_000;

export class PastState {
  /** `null` as long as nothing was read. */
  edges = $state.raw<readonly Edge[] | null>(null);
  /** The span that was counted, which may differ a little from the one that was asked for. */
  span = $state.raw<TimeRange | null>(null);
  #range: TimeRange | undefined;
  #run = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly backend: Backend) {}

  /** The edges of this range from now on; of none: the present. */
  want(range: TimeRange | undefined): void {
    if (range?.from === this.#range?.from && range?.to === this.#range?.to) return;
    this.#range = range;
    this.#run += 1;
    clearTimeout(this.#timer);
    if (range === undefined) [this.edges, this.span] = [null, null];
    else this.#timer = setTimeout(() => void this.#read(range), SETTLE_MS);
  }

  async #read(range: TimeRange): Promise<void> {
    const run = this.#run;
    try {
      const answer = await this.backend.call("edges", whenOf(range));
      if (run !== this.#run) return;
      this.edges = answer.edges;
      this.span = answer.counted === undefined ? null : { from: Date.parse(answer.counted.since), to: Date.parse(answer.counted.until) };
    } catch {
      // What is shown stays; a session that does not answer is told of elsewhere.
    }
    if (run === this.#run && Date.now() < range.to + OPEN_MS) this.#timer = setTimeout(() => void this.#read(range), REFRESH_MS);
  }
}

/** A range as the session is asked for it. */
export const whenOf = (range: TimeRange): { since: string; until: string } => ({
  since: new Date(range.from).toISOString(),
  until: new Date(range.to).toISOString(),
});

/** The edges of a range in the place of those of the present: what was not used then has no calls. */
export function edgesThen(now: readonly Edge[], then: readonly Edge[]): Edge[] {
  const used = new Set(then.map(key));
  const unused = now.filter((edge) => !used.has(key(edge)));
  // Nobody can object to what did not happen.
  return [...then, ...unused.map(({ from, to, protocol, last, via, topic }) => ({ from, to, protocol, last, calls: 0, errors: 0, bytes: 0, ...(via === undefined ? {} : { via }), ...(topic === undefined ? {} : { topic }) }))];
}

const key = (edge: Edge): string => [edgeKey(edge), edge.protocol, edge.via ?? "", edge.topic ?? ""].join("\u0000");

/** Samples from which the rates over the span come. */
export function samplesOf(edges: readonly Edge[], span: TimeRange): Sample[] {
  return [sample([], span.from), sample(edges, span.to)];
}
