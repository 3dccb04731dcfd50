// One terminal on the screen: xterm.js with the window's tokens, joined to a stream. The DOM renderer, since WebGL
// blanks in webviews without a graphics card.
import "@xterm/xterm/css/xterm.css";

import { FitAddon } from "@xterm/addon-fit";
import { Terminal, type ITheme } from "@xterm/xterm";

import type { Backend } from "../../api/backend";
import { openTerminal } from "../../api/terminal";
import { resolveTokens } from "../../design/resolve";

export interface Screen {
  focus(): void;
  restyle(): void;
  dispose(): void;
}

export function openScreen(host: HTMLElement, backend: Backend, service: string): Screen {
  const terminal = new Terminal({
    theme: theme(),
    fontFamily: getComputedStyle(host).getPropertyValue("--mono"),
    fontSize: 12,
    lineHeight: 1.3,
    cursorBlink: false,
    scrollback: 10_000,
    screenReaderMode: false,
    allowProposedApi: false,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(host);
  fit.fit();

  const link = openTerminal(backend, service, terminal.cols, terminal.rows, {
    output: (bytes) => terminal.write(bytes),
    ended: (reason) => {
      // The reason comes from outside: what could steer the terminal is taken out.
      // eslint-disable-next-line no-control-regex
      terminal.write(`\r\n\u001b[2m[${reason.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ")}]\u001b[0m\r\n`);
      terminal.options.disableStdin = true;
    },
  });
  terminal.onData((text) => link.type(text));
  terminal.onResize(({ cols, rows }) => link.resize(cols, rows));

  const watch = new ResizeObserver(() => {
    // Hidden behind another tab it has no size, and must not tell the program so.
    if (host.clientWidth > 0 && host.clientHeight > 0) fit.fit();
  });
  watch.observe(host);
  return {
    focus: () => terminal.focus(),
    restyle: () => (terminal.options.theme = theme()),
    dispose: () => {
      watch.disconnect();
      link.close();
      terminal.dispose();
    },
  };
}

function theme(): ITheme {
  const t = resolveTokens([
    "surface", "text", "accent", "selected", "failed", "ready", "waiting", "reload",
    "hue-8", "text-faint", "text-dim", "hairline-strong",
  ]);
  return {
    background: t["surface"], foreground: t["text"], cursor: t["accent"], cursorAccent: t["surface"], selectionBackground: t["selected"],
    black: t["hairline-strong"], red: t["failed"], green: t["ready"], yellow: t["waiting"], blue: t["hue-8"], magenta: t["reload"], cyan: t["accent"], white: t["text-dim"],
    brightBlack: t["text-faint"], brightRed: t["failed"], brightGreen: t["ready"], brightYellow: t["waiting"], brightBlue: t["hue-8"], brightMagenta: t["reload"], brightCyan: t["accent"], brightWhite: t["text"],
  };
}
