import type { Page } from "@playwright/test";

import { allReady, expect, show, test } from "./test";

/** Waits until every row shows `text`: what was typed has been asked for, and answered. */
async function onlyRowsWith(shoal: Page, text: string | RegExp) {
  await expect(shoal.locator("[data-call]", { hasNotText: text })).toHaveCount(0);
  await expect(shoal.locator("[data-call]", { hasText: text }).first()).toBeVisible();
}

test.beforeEach(async ({ shoal }) => {
  await allReady(shoal);
  await show(shoal, "Calls");
});

test("calls appear by themselves and open with headers and body", async ({ shoal }) => {
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  await shoal.getByRole("textbox", { name: "Search calls" }).fill('protocol == "http/1" && to == "orders" && ok && method == "GET"');
  await onlyRowsWith(shoal, /→\s*orders/);
  await shoal.locator("[data-call]").nth(2).click();
  await expect(inspector).toContainText("Outcome");
  await expect(inspector).toContainText("orders");
  await inspector.getByRole("tab", { name: "Request" }).click();
  await expect(inspector.getByRole("rowheader", { name: "host" })).toBeVisible();
  await inspector.getByRole("tab", { name: "Response" }).click();
  await expect(inspector.getByRole("rowheader", { name: "content-type" })).toBeVisible();
  await expect(inspector.locator("pre")).toContainText(/[{[]/);
  await inspector.getByRole("tab", { name: "Timing" }).click();
  await expect(inspector).toContainText(/First byte of the response\s*after .* (ms|s)/);
});

test("a call leaves as a curl command", async ({ shoal, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await shoal.getByRole("textbox", { name: "Search calls" }).fill('method == "GET" && ok');
  await onlyRowsWith(shoal, "GET");
  await shoal.locator("[data-call]").nth(1).click();
  await shoal.getByRole("button", { name: "Copy as curl" }).click();
  await expect(shoal.getByRole("button", { name: "Copied" })).toBeVisible();
  expect(await shoal.evaluate(async () => navigator.clipboard.readText())).toMatch(/^curl /);
});

test("only failed ones, only one protocol", async ({ shoal }) => {
  await shoal.getByRole("button", { name: "Failed only" }).click();
  await expect(shoal.locator("[data-call].failed").first()).toBeVisible({ timeout: 30_000 });
  await expect.poll(async () => shoal.locator("[data-call]:not(.failed)").count()).toBe(0);
  await shoal.getByRole("button", { name: "Failed only" }).click();
  await shoal.getByRole("combobox", { name: "Protocol" }).selectOption("tcp");
  await expect.poll(async () => [...new Set(await shoal.locator("[data-call] .protocol").allTextContents())]).toEqual(["tcp"]);
});

test("what came over the wire is text and never markup", async ({ shoal, request }) => {
  await request.get(`http://localhost:${process.env["SHOAL_E2E_PORT"] ?? "8080"}/<img src=x onerror=document.title='owned'>`);
  await shoal.getByRole("textbox", { name: "Search calls" }).fill("onerror");
  await onlyRowsWith(shoal, "onerror");
  await shoal.locator("[data-call]").first().click();
  await expect(shoal.getByRole("complementary", { name: "Inspector" })).toContainText("onerror");
  await show(shoal, "Logs");
  await shoal.getByRole("textbox", { name: "Search lines" }).fill("onerror=document");
  await expect(shoal.locator(".log-row:not([hidden])", { hasText: "onerror=document" }).first()).toBeVisible();
  expect(await shoal.locator("img").count()).toBe(0);
  await expect(shoal).toHaveTitle(/Shoal/);
});

test("by keys: arrows move the selection, Esc takes it back", async ({ shoal }) => {
  await expect(shoal.locator("[data-call]").nth(4)).toBeVisible();
  await shoal.getByRole("grid", { name: "Calls" }).focus();
  await shoal.keyboard.press("ArrowDown");
  const first = await shoal.locator("[data-call][aria-selected=true]").getAttribute("data-call");
  await shoal.keyboard.press("ArrowDown");
  await expect.poll(async () => shoal.locator("[data-call][aria-selected=true]").getAttribute("data-call")).not.toBe(first);
  await shoal.keyboard.press("Escape");
  await expect(shoal.locator("[data-call][aria-selected=true]")).toHaveCount(0);
});
