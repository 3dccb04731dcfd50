import { readFileSync } from "node:fs";

import type { Page } from "@playwright/test";

import { allReady, expect, row, show, test } from "./test";

test.beforeEach(async ({ shoal }) => {
  await allReady(shoal);
  await show(shoal, "Logs");
});

const names = ".log-row:not([hidden]) .service";
/** One line in twenty or so says this, a few in every second. */
const rare = "order placed";

test("lines of several services stream by themselves", async ({ shoal }) => {
  await expect.poll(async () => new Set(await shoal.locator(names).allTextContents()).size).toBeGreaterThan(2);
  const last = shoal.locator(".log-row:not([hidden])").last();
  const before = await last.textContent();
  await expect.poll(async () => shoal.locator(".log-row:not([hidden])").allTextContents()).not.toContain(before);
});

test("the search takes text, regular expressions and expressions", async ({ shoal }) => {
  const search = shoal.getByRole("textbox", { name: "Search lines" });
  const found = async () => (await shoal.locator(".log-row:not([hidden]) .text").allTextContents()).filter((t) => t !== "");

  await search.fill(rare);
  await expect.poll(async () => { const all = await found(); return all.length > 0 && all.every((t) => t.includes(rare)); }).toBe(true);
  await expect(shoal.locator("mark").first()).toHaveText(rare);

  await search.fill("/status=(4|5)\\d\\d/");
  await expect(shoal.getByText("regex")).toBeVisible();
  await expect.poll(async () => { const all = await found(); return all.length > 0 && all.every((t) => /status=(4|5)\d\d/.test(t)); }).toBe(true);

  await search.fill('service == "orders" && level == "info"');
  await expect(shoal.getByText("expression", { exact: true })).toBeVisible();
  await expect.poll(async () => [...new Set((await shoal.locator(names).allTextContents()).filter(Boolean))]).toEqual(["orders"]);

  await search.fill("no line says this 1x2y3z");
  await expect(shoal.getByText("No line matches")).toBeVisible();
  await search.press("Escape");
  await expect(search).toHaveValue("");
  await expect.poll(async () => (await found()).length).toBeGreaterThan(3);
});

test("a hit in a stack trace brings all of it", async ({ shoal }) => {
  await shoal.getByRole("textbox", { name: "Search lines" }).fill("BrokenPipeError: ");
  // The last line of the trace, with what is above it and nothing of others between.
  await expect(shoal.locator(".log-row:not([hidden])", { hasText: "self.sock.sendall" }).first()).toBeVisible({ timeout: 30_000 });
  await expect(shoal.locator(".log-row:not([hidden])", { hasText: "GET" })).toHaveCount(0);
});

test("service and level narrow it, and Esc widens it again", async ({ shoal }) => {
  await row(shoal, "web").getByRole("button", { name: "web", exact: false }).first().click();
  await expect(shoal.locator("[data-chip=services]")).toContainText("web");
  await expect.poll(async () => [...new Set((await shoal.locator(names).allTextContents()).filter(Boolean))]).toEqual(["web"]);
  await shoal.keyboard.press("Escape");
  await expect(shoal.locator("[data-chip]")).toHaveCount(0);
  await shoal.getByRole("combobox", { name: "Least level" }).selectOption("warn");
  await expect.poll(async () => {
    const levels = await shoal.locator(".log-row:not([hidden])").evaluateAll((rows) => rows.map((r) => (r as HTMLElement).dataset["level"]));
    return levels.length > 0 && levels.every((l) => ["warn", "error", "fatal"].includes(l ?? ""));
  }).toBe(true);
});

const shown = ".log-row:not([hidden])";
const list = (page: Page) => page.getByRole("log", { name: "Log lines" });

/** The texts of the rows from top to bottom, times and services included. */
const texts = async (page: Page) =>
  page.locator(shown).evaluateAll((rows) =>
    rows
      .map((row) => ({ top: row.getBoundingClientRect().top, text: row.textContent ?? "" }))
      .sort((a, b) => a.top - b.top)
      .map(({ text }) => text),
  );

/** Stops following some lines above the end, and looks at one that `has` chooses: the first of its record, which has a time. */
async function lookAt(page: Page, has: string | RegExp) {
  await list(page).hover();
  let at = -1;
  await expect(async () => {
    // A stack trace may fill the view: then further up.
    await page.mouse.wheel(0, -900);
    await expect(page.getByRole("button", { name: /Follow/ })).toBeVisible();
    // What the view cuts cannot be clicked.
    at = await page.locator(shown).evaluateAll((rows, has) => {
      const box = document.querySelector("#log-lines")!.getBoundingClientRect();
      const whole = (row: Element) => row.getBoundingClientRect().top >= box.top && row.getBoundingClientRect().bottom <= box.bottom - 60;
      return rows.findIndex((row) => whole(row) && row.querySelector(".time")?.textContent !== "" && new RegExp(has).test(row.querySelector(".text")?.textContent ?? ""));
    }, new RegExp(has).source);
    expect(at).toBeGreaterThanOrEqual(0);
  }).toPass();
  await page.locator(`${shown} .text`).nth(at).click();
  await expect(page.locator(".log-row.selected")).toHaveCount(1);
  await list(page).focus();
}

test("following yields to the reader and resumes on request", async ({ shoal }) => {
  await expect.poll(async () => shoal.locator(shown).count()).toBeGreaterThan(20);
  await expect.poll(async () => (await shoal.locator(".count").textContent()) ?? "").toMatch(/\d/);
  await list(shoal).hover();
  await shoal.mouse.wheel(0, -900);
  const pill = shoal.getByRole("button", { name: /Follow/ });
  await expect(pill).toBeVisible();
  // The wheel's turn is shown over some frames.
  await expect.poll(async () => { const one = await texts(shoal); await shoal.waitForTimeout(150); return (await texts(shoal)).join() === one.join(); }).toBe(true);
  const before = await texts(shoal);
  await expect(pill).toContainText(/\d+ new/);
  expect(await texts(shoal)).toEqual(before);
  await pill.click();
  await expect(pill).toBeHidden();
  await expect.poll(async () => (await texts(shoal)).at(-1)).not.toBe(before.at(-1));
});

test("a line opens in the inspector", async ({ shoal }) => {
  await lookAt(shoal, /\S/);
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  await expect(inspector).toContainText("Container");
  await expect(inspector).toContainText("shop");
});

test("the pool of rows stays small whatever is scrolled, and the bar goes to any place", async ({ shoal }) => {
  const bar = shoal.getByRole("scrollbar", { name: "Place in the log" });
  await expect.poll(async () => Number(await bar.getAttribute("aria-valuenow"))).toBe(100);
  const { x, y, width, height } = (await bar.boundingBox())!;
  // Its very end is under the handle between the panes.
  await shoal.mouse.move(x + width / 2, y + height - 12);
  await shoal.mouse.down();
  for (let i = 0; i <= 12; i += 1) await shoal.mouse.move(x + width / 2, y + height - 12 - ((height - 12) * i) / 12);
  await shoal.mouse.up();
  await expect.poll(async () => Number(await bar.getAttribute("aria-valuenow"))).toBeLessThan(3);
  const first = (await texts(shoal))[0];
  await list(shoal).focus();
  await shoal.keyboard.press("g");
  await expect.poll(async () => (await texts(shoal))[0]).toBe(first);
  await shoal.keyboard.press("G");
  await expect.poll(async () => Number(await bar.getAttribute("aria-valuenow"))).toBe(100);
  expect(await shoal.locator(".log-row").count()).toBeLessThan(90);
});

test("Enter opens a line to its fields, and a click on one filters by it", async ({ shoal }) => {
  await lookAt(shoal, /status=200/);
  await shoal.keyboard.press("Enter");
  const field = shoal.locator(".log-row.selected .field[data-term]", { hasText: "status" });
  await expect(field).toHaveText(/status\s*200/);
  await field.click();
  const search = shoal.getByRole("textbox", { name: "Search lines" });
  await expect(search).toHaveValue(/^fields\.status == "?200"?$/);
  await expect.poll(async () => { const all = await shoal.locator(`${shown} .text`).allTextContents(); return all.length > 0 && all.every((t) => t.includes("200")); }).toBe(true);
});

test("c shows a hit among its neighbours and goes back", async ({ shoal }) => {
  const search = shoal.getByRole("textbox", { name: "Search lines" });
  await search.fill(rare);
  await expect.poll(async () => { const all = await texts(shoal); return all.length > 2 && all.every((t) => t.includes(rare)); }).toBe(true);
  await shoal.locator(shown).nth(1).click();
  const hit = await shoal.locator(".log-row.selected").textContent();
  await list(shoal).focus();
  await shoal.keyboard.press("c");
  await expect(shoal.getByRole("button", { name: /Around .* Back/ })).toBeVisible();
  await expect.poll(async () => (await texts(shoal)).some((t) => !t.includes(rare))).toBe(true);
  await expect(shoal.locator(".log-row.selected")).toHaveText(hit ?? "");
  await shoal.keyboard.press("c");
  await expect.poll(async () => { const all = await texts(shoal); return all.length > 2 && all.every((t) => t.includes(rare)); }).toBe(true);
});

test("a search that only marks keeps the other lines, and n goes from hit to hit", async ({ shoal }) => {
  const search = shoal.getByRole("textbox", { name: "Search lines" });
  // The hits that it goes over, and one that may be the newest line, from where it begins.
  await search.fill(rare);
  await expect.poll(async () => { const all = await texts(shoal); return all.length > 3 && all.every((t) => t.includes(rare)); }).toBe(true);
  await shoal.getByRole("button", { name: /Leave only the lines/ }).click();
  await expect(shoal.locator(".count")).toContainText(/\d+ hits/);
  await expect.poll(async () => (await texts(shoal)).some((t) => !t.includes(rare))).toBe(true);
  await list(shoal).focus();
  const selected = shoal.locator(".log-row.selected");
  const seen = new Set<string>();
  for (let i = 0; i < 3; i += 1) {
    await shoal.keyboard.press("N");
    await expect.poll(async () => seen.has((await selected.textContent()) ?? "")).toBe(false);
    await expect(selected).toContainText(rare);
    seen.add((await selected.textContent()) ?? "");
  }
  await shoal.keyboard.press("n");
  await expect.poll(async () => seen.has((await selected.textContent()) ?? "")).toBe(true);
});

test.describe("a search that is refused", () => {
  test.use({ refused: true });
  test("is told what is wrong, and where", async ({ shoal }) => {
    const search = shoal.getByRole("textbox", { name: "Search lines" });
    await search.fill('level == "error" && fields.');
    const wrong = shoal.getByRole("alert");
    await expect(wrong).toBeVisible();
    await expect(wrong.locator("pre")).toContainText("^");
    await search.fill("/(/");
    await expect(wrong).toContainText(/\S/);
    await search.fill("");
    await expect(wrong).toBeHidden();
  });
});

test("services are muted, and the view cleared, and both undone", async ({ shoal }) => {
  const pills = shoal.getByRole("group", { name: "Services in the log" });
  await pills.getByRole("button", { name: "web", exact: false }).first().click();
  await expect.poll(async () => (await shoal.locator(names).allTextContents()).filter((n) => n === "web")).toEqual([]);
  await pills.getByRole("button", { name: "web", exact: false, pressed: true }).click();
  await expect.poll(async () => (await shoal.locator(names).allTextContents()).includes("web")).toBe(true);

  // The list is full again within a second; how many lines there are says whether the old ones are among them.
  const lines = async () => Number((await shoal.locator(".count").textContent())?.replace(/\D/g, "") || NaN);
  await expect.poll(lines).toBeGreaterThan(100);
  const all = await lines();
  await list(shoal).focus();
  await shoal.keyboard.press("Control+l");
  const undo = shoal.getByRole("button", { name: /Cleared at .* Undo/ });
  await expect(undo).toBeVisible();
  await expect.poll(lines).toBeLessThan(all / 2);
  await undo.click();
  await expect(undo).toBeHidden();
  await expect.poll(lines).toBeGreaterThan(all);
});

test("a range is copied and saved, all of it and nothing else", async ({ shoal, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await lookAt(shoal, /\S/);
  for (let i = 0; i < 4; i += 1) await shoal.keyboard.press("Shift+ArrowDown");
  await expect(shoal.locator(".log-row.ranged")).toHaveCount(5);
  await shoal.keyboard.press("Control+c");
  await expect(shoal.getByRole("status").filter({ hasText: "5 lines copied" })).toBeVisible();
  expect((await shoal.evaluate(() => navigator.clipboard.readText())).split("\n")).toHaveLength(5);
  const [file] = await Promise.all([shoal.waitForEvent("download"), shoal.keyboard.press("Control+s")]);
  expect(file.suggestedFilename()).toMatch(/^shoal-logs-.*\.log$/);
  expect(readFileSync(await file.path(), "utf8").trim().split("\n")).toHaveLength(5);
  await shoal.getByRole("button", { name: "How lines are shown and saved" }).click();
  const [lines] = await Promise.all([shoal.waitForEvent("download"), shoal.getByRole("menuitem", { name: "Save range as NDJSON" }).click()]);
  const objects = readFileSync(await lines.path(), "utf8").trim().split("\n").map((line) => JSON.parse(line) as { ts: string; service: string; text: string });
  expect(objects).toHaveLength(5);
  expect(objects.every((line) => line.ts !== "" && line.service !== "")).toBe(true);
});

test("wrap, forms of time, highlights and bookmarks have keys, and ? lists them", async ({ shoal }) => {
  await lookAt(shoal, /\S/);
  const time = shoal.locator(".log-row.selected .time");
  await expect(time).toHaveText(/^\d\d:\d\d:\d\d\.\d{3}$/);
  await shoal.keyboard.press("t");
  await expect(time).toHaveText(/Z$/);
  await shoal.keyboard.press("t");
  await expect(time).toHaveText("+0.00 ms");
  await shoal.keyboard.press("t");
  await expect(time).toHaveText(/^[+−]/);
  await shoal.keyboard.press("t");
  await shoal.keyboard.press("w");
  await expect(shoal.locator(".log-row.wrapped").first()).toBeVisible();
  await shoal.keyboard.press("w");
  await expect(shoal.locator(".log-row.wrapped:not([hidden])")).toHaveCount(0);

  const marked = (await shoal.locator(".log-row.selected").textContent()) ?? "";
  await shoal.keyboard.press("b");
  await expect(shoal.locator(".log-row.bookmarked")).toHaveCount(1);
  await shoal.keyboard.press("G");
  await expect(shoal.locator(".log-row.bookmarked:not([hidden])")).toHaveCount(0);
  await shoal.keyboard.press("]");
  await expect(shoal.locator(".log-row.selected")).toHaveText(marked);

  await shoal.locator(".log-row.selected .text").dblclick({ position: { x: 20, y: 10 } });
  await shoal.keyboard.press("h");
  await expect(shoal.getByRole("group", { name: "Highlighted terms" }).getByRole("button")).toHaveCount(1);
  await expect(shoal.locator(`${shown} .pin-0`).first()).toBeVisible();

  await shoal.keyboard.press("?");
  await expect(shoal.getByRole("dialog", { name: "Keys" })).toContainText("Mute the service of the line");
  await shoal.keyboard.press("Escape");
  await expect(shoal.getByRole("dialog", { name: "Keys" })).toBeHidden();
});
