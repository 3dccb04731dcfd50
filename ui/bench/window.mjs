// The browser's part of `./dev bench window`: scrolls the log view of the page at the given address and tells how it felt.
// Says `feed` and `rest` on a line of their own to whoever started it, who then lets lines arrive or stops.
import { chromium } from "@playwright/test";

const say = (text) => process.stdout.write(`${text}\n`);
const [url = ""] = process.argv.slice(2);

/** Runs in the page: watches frames and how long inputs wait for theirs. */
function install() {
  /** When each frame was drawn, and the longest time that the list showed no line where it should. */
  let running;
  window.inputs = [];
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => window.inputs.push(entry.duration))).observe({ type: "event", durationThreshold: 16 });
  window.watchFrames = () => {
    const frames = { at: [], blank: 0 };
    running = frames;
    let since;
    const host = document.querySelector("#log-lines")?.getBoundingClientRect();
    const frame = (now) => {
      if (running !== frames || host === undefined) return;
      frames.at.push(now);
      const shown = [0.1, 0.5, 0.9].every((part) => {
        const row = document.elementFromPoint(host.left + 200, host.top + host.height * part)?.closest(".log-row");
        return (row?.querySelector(".text")?.textContent ?? "") !== "";
      });
      if (shown) since = undefined;
      else frames.blank = Math.max(frames.blank, now - (since ??= frames.at.at(-2) ?? now));
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  };
  window.frames = () => {
    const done = running ?? { at: [], blank: 0 };
    running = undefined;
    return done;
  };
}

const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

async function measured(page, name, doing) {
  await page.evaluate(() => window.watchFrames());
  await doing();
  const { at, blank } = await page.evaluate(() => window.frames());
  const gaps = at.slice(1).map((now, i) => now - (at[i] ?? now));
  const seconds = ((at.at(-1) ?? 0) - (at[0] ?? 0)) / 1000;
  say(`${name.padEnd(34)} ${(gaps.length / seconds).toFixed(1).padStart(6)} frames/s   p99 ${quantile(gaps, 0.99).toFixed(0).padStart(4)} ms   longest blank ${blank.toFixed(0).padStart(4)} ms`);
}

const browser = await chromium.launch({
  executablePath: process.env["SHOAL_CHROMIUM"] ?? "/usr/bin/chromium",
  args: ["--disable-gpu", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
});
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
let messages = 0;
page.on("requestfinished", () => (messages += 1));
page.on("websocket", (socket) => socket.on("framereceived", () => (messages += 1)));
await page.addInitScript(install);
await page.goto(url);
await page.getByLabel("Main view").getByRole("tab", { name: "Logs" }).click();
const list = page.getByRole("log", { name: "Log lines" });
const bar = page.getByRole("scrollbar", { name: "Place in the log" });
await page.locator(".log-row:not([hidden])").first().waitFor();
await page.locator(".strip .count", { hasText: /[1-9].* lines/ }).waitFor();

/** A wheel that turns in every frame, for `ms` milliseconds. */
const wheel = async (by, ms) =>
  list.evaluate(
    async (element, [by, ms]) =>
      new Promise((done) => {
        const until = performance.now() + ms;
        const turn = () => {
          element.dispatchEvent(new WheelEvent("wheel", { deltaY: by, bubbles: true, cancelable: true }));
          if (performance.now() < until) requestAnimationFrame(turn);
          else done();
        };
        requestAnimationFrame(turn);
      }),
    [by, ms],
  );

const box = await bar.boundingBox();
if (box === null) throw new Error("there is no scroll bar");
const x = box.x + box.width / 2;
const at = (share) => box.y + 2 + share * (box.height - 4);

await measured(page, "wheel, 120 px a frame, up", async () => wheel(-120, 4000));
await measured(page, "wheel, 12 px a frame, down", async () => wheel(12, 4000));
await measured(page, "wheel, 2000 px a frame, up", async () => wheel(-2000, 4000));
await measured(page, "dragging the bar through it all", async () => {
  await page.mouse.move(x, at(0.95));
  await page.mouse.down();
  for (let i = 0; i <= 120; i += 1) await page.mouse.move(x, at(0.95 - 0.9 * (i / 120)));
  await page.mouse.up();
});

const jumps = [];
for (let i = 0; i < 20; i += 1) {
  const share = 0.05 + 0.9 * ((i * 7919) % 20) / 20;
  // Listens before it clicks: the answer may come in the next frame.
  await page.evaluate(() => {
    const text = () => document.querySelector(".log-row:not([hidden])")?.textContent;
    const before = text();
    window.jumped = new Promise((done) => {
      addEventListener("pointerdown", (event) => {
        const look = () => (text() === before ? requestAnimationFrame(look) : done(performance.now() - event.timeStamp));
        requestAnimationFrame(look);
      }, { once: true, capture: true });
    });
  });
  await page.mouse.click(x, at(share));
  jumps.push(await page.evaluate(() => window.jumped));
}
say(`${"jump to lines on the screen".padEnd(34)} p50 ${quantile(jumps, 0.5).toFixed(0)} ms   p95 ${quantile(jumps, 0.95).toFixed(0)} ms`);

await page.keyboard.press("Escape");
await list.focus();
await page.keyboard.press("End");
await page.evaluate(() => void (window.inputs = []));
say("feed");
await page.waitForTimeout(1500);
messages = 0;
const began = Date.now();
await measured(page, "following the flood, with keys", async () => {
  for (let i = 0; i < 40; i += 1) {
    await page.keyboard.press(i % 2 === 0 ? "w" : "t");
    await page.waitForTimeout(200);
  }
});
say(`${"messages to the page".padEnd(34)} ${(messages / ((Date.now() - began) / 1000)).toFixed(1)}/s`);
const inputs = await page.evaluate(() => window.inputs);
say(`${"key to paint".padEnd(34)} p50 ${quantile(inputs, 0.5).toFixed(0)} ms   p95 ${quantile(inputs, 0.95).toFixed(0)} ms   longest ${Math.max(0, ...inputs).toFixed(0)} ms   (${inputs.length} above 16 ms)`);
await measured(page, "wheel in the flood, 120 px a frame", async () => wheel(-120, 4000));
say("rest");
await browser.close();
