// What this window remembers about itself: sizes by stack, the theme for all.

import { TIME_FORMS, type TimeForm } from "../lib/logtime";

export type Theme = "system" | "light" | "dark";

declare global {
  interface Window {
    /** Set by the window's shell to force a theme, from `SHOAL_THEME`. */
    __SHOAL_THEME__?: unknown;
  }
}

const isTheme = (value: unknown): value is Theme => value === "system" || value === "light" || value === "dark";

/** Storage may be switched off, which only means that nothing is remembered. */
function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Nothing is remembered then.
  }
}

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}

export class ThemeState {
  chosen = $state<Theme>("system");
  #forced = false;

  constructor() {
    const forced = [new URLSearchParams(location.search).get("theme"), window.__SHOAL_THEME__].find(isTheme);
    this.#forced = forced !== undefined;
    const kept = stored("shoal.theme");
    this.chosen = forced ?? (isTheme(kept) ? kept : "system");
    this.#apply();
  }

  choose(theme: Theme): void {
    this.chosen = theme;
    if (!this.#forced) store("shoal.theme", theme);
    this.#apply();
  }

  #apply(): void {
    if (this.chosen === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = this.chosen;
  }
}

interface Sizes {
  sidebar: number;
  inspector: number;
  second: number;
}

/** What a window of this width starts with. */
export const defaultSizes = (width: number): Sizes =>
  width < 1200 ? { sidebar: 232, inspector: 338, second: 260 } : { sidebar: 256, inspector: 400, second: 260 };

export class SizesState {
  sizes = $state<Sizes>(defaultSizes(window.innerWidth));

  constructor(private readonly stack: string) {
    const kept = parsed(stored(`shoal.sizes.${stack}`));
    if (typeof kept !== "object" || kept === null) return;
    for (const name of ["sidebar", "inspector", "second"] as const) {
      const value = (kept as Record<string, unknown>)[name];
      if (typeof value === "number" && Number.isFinite(value)) this.sizes[name] = value;
    }
  }

  set(name: keyof Sizes, value: number): void {
    this.sizes[name] = value;
    store(`shoal.sizes.${this.stack}`, JSON.stringify(this.sizes));
  }
}

/** How log lines are shown, whatever the stack. */
export class LogLooks {
  wrap = $state(false);
  time = $state<TimeForm>("local");

  constructor() {
    const kept = parsed(stored("shoal.logs")) as Partial<Record<"wrap" | "time", unknown>> | null;
    this.wrap = kept?.wrap === true;
    this.time = TIME_FORMS.find((form) => form.id === kept?.time)?.id ?? "local";
  }

  set(looks: { wrap?: boolean; time?: TimeForm }): void {
    Object.assign(this, looks);
    store("shoal.logs", JSON.stringify({ wrap: this.wrap, time: this.time }));
  }
}
