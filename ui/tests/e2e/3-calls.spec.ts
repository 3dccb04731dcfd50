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

test("a call is made again as it was edited, and both answers stand side by side", async ({ shoal, request }) => {
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  await request.get(shop("/healthz?again=1"), { headers: { Authorization: "Bearer hush", "X-Plain": "loud" } });
  await shoal.getByRole("button", { name: "Health checks, scrapes and polls too" }).click();
  await shoal.getByRole("textbox", { name: "Search calls" }).fill('from == "outside" && headers["x-plain"] == "loud"');
  await onlyRowsWith(shoal, "/healthz");
  await shoal.locator("[data-call]").first().click();
  await inspector.getByRole("tab", { name: "Replay" }).click();
  await expect(inspector.getByLabel("Path and query")).toHaveValue("/healthz?again=1");
  const headers = inspector.getByLabel("Headers");
  await expect(headers).toHaveValue(/authorization: \[redacted\]/);
  await inspector.getByRole("button", { name: "Send" }).click();
  await expect(inspector).toContainText(/Now200.*Sent to .*, without authorization/);
  const both = shoal.getByRole("region", { name: "Both answers" });
  await expect(both.getByRole("row", { name: /Status/ })).not.toHaveClass(/differs/);

  await inspector.getByLabel("Path and query").fill("/no-such-page");
  await headers.fill("host: shop\nno header");
  await headers.press("Control+Enter");
  await expect(inspector).toContainText("no header is no header");
  await headers.fill("host: shop");
  await headers.press("Control+Enter");
  await expect(inspector).toContainText(/Now404/);
  await expect(both.getByRole("row", { name: /Status/ })).toHaveClass(/differs/);
  await inspector.getByRole("button", { name: "As it was sent" }).click();
  await expect(inspector.getByLabel("Path and query")).toHaveValue("/healthz?again=1");
});

test("what is not made again says why, and gives the command that does it", async ({ shoal, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  await shoal.getByRole("combobox", { name: "Protocol" }).selectOption("grpc");
  await onlyRowsWith(shoal, "grpc");
  await shoal.locator("[data-call]").nth(1).click();
  await inspector.getByRole("tab", { name: "Replay" }).click();
  await expect(inspector).toContainText("Only calls of HTTP are made again here");
  await inspector.getByRole("button", { name: "Copy as grpcurl" }).click();
  await expect(inspector.getByRole("button", { name: "Copied" })).toBeVisible();
  expect(await shoal.evaluate(async () => navigator.clipboard.readText())).toMatch(/^grpcurl -plaintext -import-path '\.' -proto /);
});

test("the calls of the view leave as files", async ({ shoal }) => {
  await shoal.getByRole("textbox", { name: "Search calls" }).fill('to == "orders" && method == "POST"');
  await onlyRowsWith(shoal, "POST");
  const exported = async (item: RegExp) => {
    await shoal.getByRole("button", { name: "Export these calls" }).press("Enter");
    const menu = shoal.getByRole("menu", { name: "Export these calls" });
    await expect(menu.getByRole("menuitem").first()).toBeFocused();
    const [file] = await Promise.all([shoal.waitForEvent("download"), menu.getByRole("menuitem", { name: item }).press("Enter")]);
    return { name: file.suggestedFilename(), text: readFileSync(await file.path(), "utf8") };
  };
  const archive = await exported(/HTTP Archive/);
  expect(archive.name).toMatch(/-calls\.har$/);
  const { entries } = (JSON.parse(archive.text) as { log: { entries: { _to: string; request: { method: string } }[] } }).log;
  expect([...new Set(entries.map((entry) => `${entry.request.method} ${entry._to}`))]).toEqual(["POST orders"]);
  const lines = (await exported(/a call a line/)).text.trimEnd().split("\n");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ method: "POST", to: { service: "orders" } });
  expect(Object.keys((JSON.parse((await exported(/OpenAPI/)).text) as { paths: object }).paths)).toEqual(["/orders"]);
  expect((await exported(/OpenTelemetry/)).text).toContain('"resourceSpans"');
});

test.describe("a call's packets", () => {
  test.use({ refused: true });
  test("leave as a capture file once they are kept, and until then it is told how to keep them", async ({ shoal }) => {
    const folder = process.env["SHOAL_E2E_FOLDER"] ?? "";
    test.skip(folder === "", "the session's files are somebody else's");
    const save = shoal.getByRole("button", { name: "Save packets" });
    await shoal.getByRole("textbox", { name: "Search calls" }).fill('method == "GET" && ok');
    await onlyRowsWith(shoal, "GET");
    await shoal.locator("[data-call]").first().click();
    await expect(save).toBeDisabled();
    await expect(shoal.getByRole("complementary", { name: "Inspector" })).toContainText('No packets are kept: packets = "16m" under [calls] in the manifest');

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
