/** How much of a call was seen, for people. */
export function qualityText(quality: string): string {
  const texts: Record<string, string> = {
    complete: "complete",
    truncated: "not all of it was captured, to keep within bounds",
    gap: "some of its bytes were lost",
    "mid-stream": "the connection was there before the capture",
    "no-response": "no response was seen",
    "no-request": "no request was seen",
  };
  return texts[quality] ?? quality;
}
