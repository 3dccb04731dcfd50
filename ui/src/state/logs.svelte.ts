// The log view's lines: a piece of the log around where the reader is. At the end one outstanding long poll brings newer
// lines; in the middle pages come on demand at both ends; a jump puts another piece in its place.
import type { Backend, Request } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { LogLine } from "../api/generated/LogLine";
import type { LogsPage } from "../api/generated/LogsPage";
import type { LogsQuery } from "../api/generated/LogsQuery";
import { debounced } from "../lib/debounced";
import { append, elsewhere, firstPage, LINES_KEPT, NO_LINES, prepend } from "./linebuffer";

const PAGE = 400;
/** A poll that brings as many shows that reading every line cannot keep up. */
const FOLLOW_LIMIT = 1000;
const LONG_POLL_MS = 1000;
/** Who types is not asked for before they pause. */
const TYPING_MS = 120;
/** A record of several lines has no more. */
const RECORD = 500;
/** At most ten answers a second reach the screen. */
const PAUSE_MS = 100;
/** Reading stops after so many lines that nobody looks at. */
const AHEAD = 2000;
/** A search says how far it is after so many lines looked at. */
const BUDGET = 1_000_000;
/** Longer texts come cut, until somebody asks for all of one. */
const LONGEST = 16_384;

/** Where to go: to the first line of a moment, or to a line with its neighbours around it. */
type Jump = { moment: number } | { line: LogLine };

type From = Request<"logs_read">["from"];

export class LogsState {
  buffer = $state.raw(NO_LINES);
  loading = $state(true);
  error = $state.raw<Refusal | null>(null);
  following = $state(true);
  /** New lines since the view was scrolled away from the end. */
  unseen = $state(0);
  /** The newest lines are not in the buffer: reading stopped, or the reader is elsewhere. */
  detached = $state(false);
  /** Lines looked at by a search that has not yet filled the view; null when none goes on. */
  searched = $state<number | null>(null);
  /** Where the last jump ended: the view goes there. */
  landed = $state.raw<{ row: number; centred: boolean } | null>(null);
  #run = 0;
  #older = false;
  #newer = false;
  #flood = false;
  #wanted: Jump | undefined;
  #jumping: Promise<void> | undefined;
  /** What will be read with, once nobody types. */
  #asked: LogsQuery | undefined;
  readonly #typing = debounced(() => this.#asked !== undefined && this.read(this.#asked), TYPING_MS);

  constructor(
    private readonly backend: Backend,
    private query: LogsQuery,
  ) {}

  /** Reads with another query, from the newest lines on. */
  read(query: LogsQuery): void {
    this.#take(query);
    this.restart();
  }

  /** The same once no other one was asked for a moment. */
  ask(query: LogsQuery): void {
    this.#asked = query;
    this.#typing.ask();
  }

  /** Other lines are about to come: what is held now may not be among them. */
  get changing(): boolean {
    return this.loading || this.#asked !== undefined;
  }

  restart(): void {
    const run = ++this.#run;
    this.#attach(true);
    this.#wanted = undefined;
    this.loading = true;
    void this.#loop(run, true);
  }

  stop(): void {
    this.#run += 1;
    this.#typing.drop();
  }

  /** The view shows its end again, or no longer. */
  follow(on: boolean): void {
    if (on === this.following) return;
    if (on && this.detached) {
      this.restart();
      return;
    }
    this.following = on;
    this.unseen = 0;
  }

  /** Goes elsewhere, with another query if one is given; while one jump is under way only the last of the next ones counts. */
  async jump(to: Jump, query = this.#asked ?? this.query): Promise<void> {
    this.#take(query);
    this.#wanted = to;
    this.#jumping ??= this.#jumps().finally(() => (this.#jumping = undefined));
    return this.#jumping;
  }

  async readOlder(): Promise<void> {
    const cursor = this.buffer.before;
    if (cursor === undefined || this.#older) return;
    const run = this.#run;
    this.#older = true;
    try {
      const page = await this.#page({ at: "before", cursor }, PAGE);
      if (run !== this.#run || this.buffer.before !== cursor) return;
      const full = this.buffer.lines.length + page.lines.length > LINES_KEPT;
      this.buffer = prepend(this.buffer, page);
      this.#count(page);
      if (full) this.detached = true;
    } catch (thrown) {
      if (run === this.#run) this.error = refusal(thrown);
    } finally {
      this.#older = false;
    }
  }

  /** Reads on behind the last line when reading had stopped there. */
  async readNewer(): Promise<void> {
    const cursor = this.buffer.after;
    if (cursor === undefined || this.#newer || !this.detached) return;
    const run = this.#run;
    this.#newer = true;
    try {
      const page = await this.#page({ at: "after", cursor }, PAGE);
      if (run !== this.#run || this.buffer.after !== cursor) return;
      this.buffer = append(this.buffer, page);
      if (!page.more) this.#attach(false);
    } catch (thrown) {
      if (run === this.#run) this.error = refusal(thrown);
    } finally {
      this.#newer = false;
    }
  }

  /** The line at `cursor`, when it is held. */
  line = (cursor: string): LogLine | undefined => this.buffer.lines.find((l) => l.cursor === cursor);

  /** The whole of a line that came cut. */
  async whole(line: LogLine): Promise<LogLine | undefined> {
    const query = { services: [line.service], since: line.ts, until: line.ts };
    const page = await this.backend.call("logs_read", { query, from: { at: "oldest" }, limit: 1000, wait_ms: 0, budget: 0, longest: 0, raw: true });
    return page.lines.find((l) => l.cursor === line.cursor);
  }

  /** The next hit of a query in a direction, wherever it is; with `records` the first line of the next record. */
  async next(query: LogsQuery, from: LogLine, forward: boolean, records = false): Promise<LogLine | undefined> {
    const page = await this.#page({ at: forward ? "after" : "before", cursor: from.cursor }, records ? RECORD : 1, 0, query, 0);
    const lines = forward ? page.lines : page.lines.toReversed();
    return lines.find((line) => !records || line.cont !== true) ?? lines[0];
  }

  #take(query: LogsQuery): void {
    this.query = query;
    this.#asked = undefined;
    this.#typing.drop();
  }

  #attach(following: boolean): void {
    this.following = following;
    this.unseen = 0;
    this.detached = false;
    this.#flood = false;
    this.searched = null;
  }

  async #page(from: From, limit: number, wait_ms = 0, query = this.query, budget = BUDGET): Promise<LogsPage> {
    return this.backend.call("logs_read", { query, from, limit, wait_ms, budget, longest: LONGEST, raw: true });
  }

  /** A page that is not full although there is more tells how far a search is. */
  #count(page: LogsPage): void {
    this.searched = page.more && page.lines.length < PAGE ? (this.searched ?? 0) + page.scanned : null;
  }

  async #loop(run: number, first: boolean): Promise<void> {
    while (run === this.#run) {
      while (run === this.#run && this.detached) await pause(PAUSE_MS);
      if (run !== this.#run) return;
      const began = Date.now();
      try {
        if (first) await this.#first(run);
        else await (this.#flood ? this.#last(run) : this.#read(run));
        first = false;
        if (run === this.#run) this.error = null;
      } catch (thrown) {
        if (run !== this.#run) return;
        this.error = refusal(thrown);
        this.loading = false;
        // A query that cannot be read will not be read the next time either.
        if (this.error.code === "bad-request") return;
        await pause(LONG_POLL_MS);
      }
      await pause(Math.max(PAUSE_MS - (Date.now() - began), 0));
    }
  }

  async #first(run: number): Promise<void> {
    const page = await this.#page({ at: "newest" }, PAGE);
    if (run !== this.#run) return;
    // Whoever scrolled meanwhile did so in the lines of another question.
    this.#attach(true);
    this.buffer = firstPage(page);
    this.#count(page);
    this.loading = false;
  }

  async #read(run: number): Promise<void> {
    const cursor = this.buffer.after ?? "";
    const page = await this.#page({ at: "after", cursor }, FOLLOW_LIMIT, LONG_POLL_MS, this.query, 0);
    if (run !== this.#run || this.buffer.after !== cursor) return;
    if (!this.following) {
      this.unseen += page.lines.length;
      if (this.unseen > AHEAD) {
        this.detached = true;
        return;
      }
    }
    this.#flood = page.more && this.following;
    if (page.lines.length > 0 || page.after !== cursor) this.buffer = append(this.buffer, page);
  }

  /** Under a flood the view shows the last screen at every turn, whatever came in between; that is read when somebody scrolls there. */
  async #last(run: number): Promise<void> {
    if (!this.following) {
      this.#flood = false;
      this.detached = true;
      return;
    }
    const known = this.buffer.lines.at(-1)?.cursor;
    const page = await this.#page({ at: "newest" }, PAGE);
    if (run !== this.#run) return;
    const overlap = page.lines.findIndex((line) => line.cursor === known);
    if (overlap < 0) this.buffer = elsewhere(this.buffer, page);
    else this.buffer = append(this.buffer, { ...page, lines: page.lines.slice(overlap + 1) });
    this.#flood = overlap < 0;
  }

  async #jumps(): Promise<void> {
    while (this.#wanted !== undefined) {
      const to = this.#wanted;
      this.#wanted = undefined;
      const run = ++this.#run;
      this.#attach(false);
      this.detached = true;
      void this.#loop(run, false);
      try {
        await ("line" in to ? this.#toLine(to.line, run) : this.#toMoment(to.moment, run));
        if (run === this.#run) this.error = null;
      } catch (thrown) {
        if (run !== this.#run) continue;
        this.error = refusal(thrown);
        // A browser drops what is under way when the machine's network changes.
        if (this.error.code === "session-gone") {
          await pause(PAUSE_MS);
          this.#wanted ??= to;
        }
      }
      this.loading = false;
    }
  }

  async #toMoment(moment: number, run: number): Promise<void> {
    const asked = new Date(moment).toISOString();
    const since = this.query.since !== undefined && this.query.since > asked ? this.query.since : asked;
    const page = await this.#page({ at: "oldest" }, PAGE, 0, { ...this.query, since }, 0);
    if (run !== this.#run) return;
    if (page.lines.length === 0) {
      this.restart();
      return;
    }
    // The query's own beginning is further up.
    this.#land({ ...page, before: page.lines[0]?.cursor ?? page.after }, 0, false);
  }

  async #toLine(line: LogLine, run: number): Promise<void> {
    const { cursor } = line;
    const [older, newer] = await Promise.all([this.#page({ at: "before", cursor }, PAGE / 2, 0), this.#page({ at: "after", cursor }, PAGE / 2, 0)]);
    if (run !== this.#run) return;
    const page = { ...newer, lines: [...older.lines, line, ...newer.lines] };
    if (older.before === undefined) delete page.before;
    else page.before = older.before;
    this.#land(page, older.lines.length, true);
  }

  #land(page: LogsPage, at: number, centred: boolean): void {
    this.buffer = elsewhere(this.buffer, page);
    this.landed = { row: this.buffer.dropped + at, centred };
    if (!page.more) this.detached = false;
  }
}

const pause = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
