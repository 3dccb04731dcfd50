// Tokens as plain colours, for what cannot read CSS variables itself.

/** `#rrggbb` of each token, as the page shows it now. */
export function resolveTokens<Name extends string>(names: readonly Name[]): Record<Name, string> {
  const probe = document.createElement("span");
  document.body.append(probe);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  const found = {} as Record<Name, string>;
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    found[name] = paint === null ? "" : hex(paint, getComputedStyle(probe).color);
  }
  probe.remove();
  return found;
}

function hex(paint: CanvasRenderingContext2D, color: string): string {
  paint.fillStyle = color;
  paint.fillRect(0, 0, 1, 1);
  const [r = 0, g = 0, b = 0] = paint.getImageData(0, 0, 1, 1).data;
  return `#${[r, g, b].map((n) => n.toString(16).padStart(2, "0")).join("")}`;
}
