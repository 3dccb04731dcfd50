import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Page } from "@playwright/test";

import { allReady, expect, shop, show, test } from "./test";

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
  await shoal.getByRole("textbox", { name: "Search calls" }).fill('protocol == "http/1" && method == "GET" && ok');
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
  await shoal.getByRole("combobox", { name: "Protocol" }).selectOption("postgres");
  await expect.poll(async () => [...new Set(await shoal.locator("[data-call] .protocol").allTextContents())]).toEqual(["postgres"]);
});

test("what came over the wire is text and never markup", async ({ shoal, request }) => {
  await request.get(shop("/<img src=x onerror=document.title='owned'>"));
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

test("a call's query is shown behind its path", async ({ page, shoal }) => {
  await page.request.get(shop("/search?q=lamp&api_key=hush"));
  await shoal.getByRole("textbox", { name: "Search calls" }).fill('path == "/search" && to == "gateway"');
  await onlyRowsWith(shoal, "GET /search");
  await shoal.locator("[data-call]").first().click();
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  await expect(inspector.getByText(/^GET \/search\?q=/)).toBeVisible();
});

test("a call shows its chain, in the inspector and in the list", async ({ shoal }) => {
  await shoal.getByRole("textbox", { name: "Search calls" }).fill('to == "orders" && operation.startsWith("POST /orders") && ok');
  await onlyRowsWith(shoal, "POST /orders");
  await shoal.locator("[data-call]").nth(1).click();
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  await inspector.getByRole("tab", { name: "Chain" }).click();
  const rows = inspector.getByRole("treeitem");
  await expect(rows.filter({ hasText: "db" }).first()).toBeVisible();
  const size = await rows.count();
  expect(size).toBeGreaterThan(3);
  await expect(rows.and(shoal.locator("[aria-selected=true]"))).toContainText("POST /orders");
  // Its calls are looked at one by one, and the chain stays as it is.
  await rows.last().click();
  await expect(rows.last()).toHaveAttribute("aria-selected", "true");
  await inspector.getByRole("tree", { name: "Chain" }).focus();
  await shoal.keyboard.press("Home");
  await expect(rows.first()).toHaveAttribute("aria-selected", "true");
  expect(await rows.count()).toBe(size);

  await shoal.locator("[data-call]").nth(1).hover();
  await shoal.locator("[data-call]").nth(1).getByRole("button", { name: "Chain of this call" }).click();
  const grid = shoal.getByRole("grid", { name: "Calls" });
  await expect(grid.locator("[data-chain]", { hasText: "db" }).first()).toBeVisible();
  // What assistive technology makes of a press: a click without a pointer.
  await shoal.locator("[data-call]").nth(1).dispatchEvent("click");
  const opened = await shoal.locator("[data-call]").nth(1).getAttribute("data-call");
  await grid.focus();
  await shoal.keyboard.press("ArrowDown");
  const active = async () => grid.evaluate((element) => document.getElementById(element.getAttribute("aria-activedescendant") ?? "")?.querySelector("[data-chain]")?.textContent ?? "");
  await expect.poll(active, "the keys go into the chain").not.toBe("");
  await shoal.keyboard.press("ArrowLeft");
  await expect(grid.locator("[data-chain]")).toHaveCount(0);
  await expect(shoal.locator("[data-call][aria-selected=true]")).toHaveAttribute("data-call", opened ?? "");
});

test("background calls stay out until they are asked for", async ({ shoal, request }) => {
  const search = shoal.getByRole("textbox", { name: "Search calls" });
  await request.get(shop("/healthz"));
  await search.fill('background != ""');
  await expect(shoal.getByText("No call matches")).toBeVisible();
  await shoal.getByRole("button", { name: "Health checks, scrapes and polls too" }).click();
  await expect(shoal.locator("[data-call].background").first()).toBeVisible({ timeout: 30_000 });
  await expect(shoal.locator("[data-call]:not(.background)")).toHaveCount(0);
});

test("calls group by route, and a route leads to its calls", async ({ shoal }) => {
  await shoal.getByRole("button", { name: "Routes", exact: true }).click();
  const grid = shoal.getByRole("grid", { name: "Routes" });
  await expect(grid.locator("[data-route]").first()).toBeVisible();
  await grid.getByRole("button", { name: "Failed" }).click();
  await expect(grid.locator("[data-column=errors]")).toHaveAttribute("aria-sort", "descending");
  await expect(grid.locator("[data-route]").first()).toContainText("×");
  await grid.locator('[data-route="POST /orders"]').first().click();
  await expect(shoal.getByRole("textbox", { name: "Search calls" })).toHaveValue(/^route == "POST \/orders" && from == /);
  await onlyRowsWith(shoal, "POST /orders");
});

test("a value becomes a filter", async ({ shoal }) => {
  const search = shoal.getByRole("textbox", { name: "Search calls" });
  await search.fill('to == "orders" && method == "GET"');
  await onlyRowsWith(shoal, "GET");
  await shoal.locator("[data-call]").first().click();
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  await inspector.getByText("Status", { exact: true }).hover();
  await inspector.getByRole("button", { name: "Filter the calls by this status" }).click();
  await expect(search).toHaveValue(/^to == "orders" && method == "GET" && status == \d+$/);
  await onlyRowsWith(shoal, "GET");
});

test("two calls are compared", async ({ shoal }) => {
  const search = shoal.getByRole("textbox", { name: "Search calls" });
  await search.fill('to == "orders" && method == "POST" && !ok');
  await onlyRowsWith(shoal, "POST");
  await shoal.locator("[data-call]").first().click();
  await shoal.getByRole("button", { name: "Compare", exact: true }).click();
  await search.fill('to == "orders" && method == "POST" && ok');
  await onlyRowsWith(shoal, "201");
  await shoal.locator("[data-call]").first().click();
  await shoal.getByRole("button", { name: /^Compare with POST/ }).click();
  const compare = shoal.getByRole("region", { name: "Two calls compared" });
  await expect(compare.getByRole("row", { name: /Status/ })).toHaveClass(/differs/);
  await expect(compare.getByRole("row", { name: /Protocol/ })).not.toHaveClass(/differs/);
  await expect(compare.getByRole("table", { name: "response body" })).toBeVisible();
  await compare.getByRole("button", { name: "Close the comparison" }).click();
  await expect(shoal.locator("[data-call]").first()).toBeVisible();
});

test("what is hidden in a call is shown to who asks, until they leave it", async ({ shoal, request }) => {
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  await request.get(shop("/revealed"), { headers: { Authorization: "Bearer hush" } });
  await shoal.getByRole("textbox", { name: "Search calls" }).fill("/revealed");
  await onlyRowsWith(shoal, "/revealed");
  await shoal.locator("[data-call]", { hasText: "outside" }).first().click();
  await inspector.getByRole("tab", { name: "Request" }).click();
  await expect(inspector).toContainText("[redacted]");
  await inspector.getByRole("button", { name: "Reveal" }).click();
  await expect(inspector).toContainText("Bearer hush");
  await inspector.getByRole("button", { name: "Hide" }).click();
  await expect(inspector).not.toContainText("hush");
});

test.describe("a call's packets", () => {
  test.use({ refused: true });
  test("leave as a capture file once they are kept, and until then it is told how to keep them", async ({ shoal }) => {
    const folder = process.env["SHOAL_E2E_FOLDER"] ?? "";
    test.skip(folder === "", "the session's files are somebody else's");
    const save = shoal.getByRole("button", { name: "Save packets" });
    const problems = shoal.getByRole("status", { name: "Problems" });
    await shoal.getByRole("textbox", { name: "Search calls" }).fill('method == "GET" && ok');
    await onlyRowsWith(shoal, "GET");
    await shoal.locator("[data-call]").first().click();
    await save.click();
    await expect(problems).toContainText("no packets are kept");
    await expect(problems).toContainText('write packets = "16m" under [calls] in the manifest');

    const manifest = join(folder, "services.toml");
    const good = readFileSync(manifest, "utf8");
    writeFileSync(manifest, good.replace("[calls]", '[calls]\npackets = "16m"'));
    try {
      await expect(async () => {
        await shoal.keyboard.press("Escape");
        await shoal.locator("[data-call]").first().click();
        const [file] = await Promise.all([shoal.waitForEvent("download", { timeout: 2000 }), save.click()]);
        expect(file.suggestedFilename()).toMatch(/\.pcap$/);
        expect(readFileSync(await file.path()).readUInt32LE()).toBe(0xa1b23c4d);
      }).toPass();
      await expect(shoal.getByRole("button", { name: /^\d+ packets saved$/ })).toBeVisible();
    } finally {
      writeFileSync(manifest, good);
    }
  });
});
