// Packets as the parts of a capture file, page by page.
import type { Backend } from "../api/backend";
import type { PacketsRead } from "../api/generated/PacketsRead";

export interface Packets {
  parts: Uint8Array<ArrayBuffer>[];
  count: number;
}

/** All that there are by now of what is asked for. */
export async function readPackets(backend: Backend, request: Omit<PacketsRead, "wait_ms" | "after">): Promise<Packets> {
  const packets: Packets = { parts: [], count: 0 };
  let after: string | undefined;
  for (let more = true; more; ) {
    const page = await backend.call("packets_read", { ...request, wait_ms: 0, ...(after === undefined ? {} : { after }) });
    packets.parts.push(fromBase64(page.pcap));
    packets.count += page.packets;
    ({ after, more } = page);
  }
  return packets;
}

const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
