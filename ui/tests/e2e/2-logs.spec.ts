import { allReady, expect, row, show, test } from "./test";

test.beforeEach(async ({ shoal }) => {
  await allReady(shoal);
  await show(shoal, "Logs");
});

const names = ".log-row:not([hidden]) .service";

test("lines of several services stream by themselves", async ({ shoal }) => {
  await expect.poll(async () => new Set(await shoal.locator(names).allTextContents()).size).toBeGreaterThan(2);
  const last = shoal.locator(".log-row:not([hidden])").last();
  const before = await last.textContent();
  await expect.poll(async () => shoal.locator(".log-row:not([hidden])").allTextContents()).not.toContain(before);
});

test("the search takes text, regular expressions and expressions", async ({ shoal }) => {
  const search = shoal.getByRole("textbox", { name: "Search lines" });
  const texts = async () => (await shoal.locator(".log-row:not([hidden]) .text").allTextContents()).filter((t) => t !== "");

  await search.fill("order");
  await expect.poll(async () => { const all = await texts(); return all.length > 0 && all.every((t) => /order/i.test(t)); }).toBe(true);
  await expect(shoal.locator("mark").first()).toHaveText(/order/i);

  await search.fill("/status=(4|5)\\d\\d/");
  await expect(shoal.getByText("regex")).toBeVisible();
  await expect.poll(async () => { const all = await texts(); return all.length > 0 && all.every((t) => /status=(4|5)\d\d/.test(t)); }).toBe(true);

  await search.fill('service == "orders" && level == "info"');
  await expect(shoal.getByText("expression", { exact: true })).toBeVisible();
  await expect.poll(async () => [...new Set((await shoal.locator(names).allTextContents()).filter(Boolean))]).toEqual(["orders"]);

  await search.fill("no line says this 1x2y3z");
  await expect(shoal.getByText("No line matches")).toBeVisible();
  await search.press("Escape");
  await expect(search).toHaveValue("");
  await expect.poll(async () => (await texts()).length).toBeGreaterThan(3);
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

test("following yields to the reader and resumes on request", async ({ shoal }) => {
  const list = shoal.getByRole("log", { name: "Log lines" });
  await expect.poll(async () => list.evaluate((e) => e.scrollHeight > e.clientHeight * 2)).toBe(true);
  await list.hover();
  await shoal.mouse.wheel(0, -900);
  const pill = shoal.getByRole("button", { name: /Follow/ });
  await expect(pill).toBeVisible();
  const top = await list.evaluate((e) => e.scrollTop);
  await expect(pill).toContainText(/\d+ new/);
  expect(Math.abs((await list.evaluate((e) => e.scrollTop)) - top)).toBeLessThan(2);
  await pill.click();
  await expect(pill).toBeHidden();
  await expect.poll(async () => list.evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight)).toBeLessThan(25);
});

test("a line opens in the inspector", async ({ shoal }) => {
  const list = shoal.getByRole("log", { name: "Log lines" });
  await list.hover();
  await shoal.mouse.wheel(0, -900);
  await shoal.locator(".log-row:not([hidden])").nth(3).click();
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  await expect(inspector).toContainText("Container");
  await expect(inspector).toContainText("shop");
});

test("the pool of rows stays small whatever is scrolled", async ({ shoal }) => {
  const list = shoal.getByRole("log", { name: "Log lines" });
  for (let i = 0; i < 12; i += 1) await list.evaluate((e, n) => e.scrollTo(0, (e.scrollHeight / 12) * n), i);
  expect(await shoal.locator(".log-row").count()).toBeLessThan(90);
});
