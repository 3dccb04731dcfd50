import type { CaptureView } from "../api/generated/CaptureView";
import { bytes, count, plural } from "./format";

/** What a capture missed, each cause in its own unit; nothing where nothing was missed. */
export function whatIsLost(capture: CaptureView): string[] {
  const calls = capture.lost_transport + capture.given_up;
  return [
    capture.lost_kernel > 0 ? plural(capture.lost_kernel, "packet") : "",
    capture.lost_gaps > 0 ? bytes(capture.lost_gaps) : "",
    calls > 0 ? plural(calls, "call") : "",
  ].filter(Boolean);
}

/** What a capture saw and missed, a line each. */
export function captureTitle(capture: CaptureView): string {
  return [
    capture.message,
    `${count(capture.packets)} packets seen`,
    `kernel: ${count(capture.lost_kernel)} packets dropped, as they came too fast`,
    `decoders: ${bytes(capture.lost_gaps)} missing in connections, ${count(capture.given_up)} calls not followed to their end`,
    `transport: ${count(capture.lost_transport)} calls dropped on the way here`,
    capture.tallied > 0 ? `${count(capture.tallied)} calls only counted, as they came too thick` : "",
  ]
    .filter(Boolean)
    .join("\n");
}
