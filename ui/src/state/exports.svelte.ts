// The calls of the view as files for other tools.
import type { Backend } from "../api/backend";
import { refusal, type Refusal } from "../api/error";
import type { CallsQuery } from "../api/generated/CallsQuery";
import type { ExportFormat } from "../api/generated/ExportFormat";
import { plural } from "../lib/format";
import { readPackets } from "./packets";

/** A file to be saved. */
export interface Exported {
  /** Behind the name. */
  suffix: string;
  type: string;
  parts: BlobPart[];
}

/** Forms that hold many calls. */
export type FileFormat = Extract<ExportFormat, "ndjson" | "har" | "otlp" | "openapi">;

const FILES: Readonly<Record<FileFormat, Omit<Exported, "parts">>> = {
  ndjson: { suffix: ".ndjson", type: "application/x-ndjson" },
  har: { suffix: ".har", type: "application/json" },
  otlp: { suffix: ".otlp.json", type: "application/json" },
  openapi: { suffix: ".openapi.json", type: "application/json" },
};

/** How long what was said stays, in milliseconds. */
const SAID_MS = 6000;

export class Exports {
  /** While a file is being made. */
  busy = $state(false);
  /** What is worth saying about the last one. */
  said = $state("");
  #forget: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly backend: Backend,
    private readonly complain: (attempt: string, error: Refusal) => void,
  ) {}

  calls(query: CallsQuery, format: FileFormat): Promise<Exported | null> {
    return this.#make("calls_export", async () => {
      const { text, note } = await this.backend.call("calls_export", { ids: [], query, format });
      this.#say(note ?? "");
      return { ...FILES[format], parts: [text, "\n"] };
    });
  }

  /** The packets of a query's time and services, as far as they are kept. */
  packets({ since, until, services, from, to }: CallsQuery): Promise<Exported | null> {
    return this.#make("packets_read", async () => {
      const ends = [from, to].filter((service) => service !== undefined && service !== "outside") as string[];
      const { parts, count } = await readPackets(this.backend, {
        services: services.length > 0 ? services : ends,
        since: since ?? ALL,
        ...(until === undefined ? {} : { until }),
      });
      this.#say(`${plural(count, "packet")}, raw: passwords and tokens in them are not hidden`);
      return { suffix: ".pcap", type: "application/vnd.tcpdump.pcap", parts };
    });
  }

  async #make(attempt: string, make: () => Promise<Exported>): Promise<Exported | null> {
    if (this.busy) return null;
    this.busy = true;
    try {
      return await make();
    } catch (thrown) {
      this.complain(attempt, refusal(thrown));
      return null;
    } finally {
      this.busy = false;
    }
  }

  #say(text: string): void {
    this.said = text;
    clearTimeout(this.#forget);
    this.#forget = setTimeout(() => (this.said = ""), SAID_MS);
  }
}

/** Before anything that is kept. */
const ALL = "1970-01-01T00:00:00Z";
