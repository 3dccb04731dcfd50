import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { allReady, expect, row, shop, show, test } from "./test";

test.beforeEach(async ({ shoal }) => allReady(shoal));

const folder = process.env["SHOAL_E2E_FOLDER"] ?? "";

test("a terminal runs commands in a container", async ({ shoal }) => {
  await row(shoal, "orders").getByRole("button").first().dblclick();
  await shoal.getByRole("complementary", { name: "Inspector" }).getByRole("button", { name: "Terminal" }).click();
  const screen = shoal.locator("[data-terminal=orders]");
  await expect(screen.locator(".xterm-rows")).toContainText(/[$#]\s*$/);
  await screen.click();
  await shoal.keyboard.type("echo answer-$((6*7))\n");
  await expect(screen.locator(".xterm-rows")).toContainText("answer-42");
  // Another view comes and goes; the shell stays.
  await show(shoal, "Map");
  await show(shoal, "Terminal");
  await expect(screen.locator(".xterm-rows")).toContainText("answer-42");
  await screen.click();
  await shoal.keyboard.type("exit 3\n");
  await expect(screen.locator(".xterm-rows")).toContainText("ended with exit code 3");
});

test("the palette finds services, views and actions", async ({ shoal }) => {
  await shoal.keyboard.press("Control+k");
  const palette = shoal.getByRole("dialog", { name: "Commands" });
  await palette.getByRole("combobox").fill("rest stock");
  await expect(palette.getByRole("option").first()).toContainText("Restart stock");
  await palette.getByRole("combobox").fill("show calls");
  await shoal.keyboard.press("Enter");
  await expect(palette).toBeHidden();
  await expect(shoal.getByLabel("Main view").getByRole("tab", { name: "Calls" })).toHaveAttribute("aria-selected", "true");
  await shoal.keyboard.press("Alt+3");
  await expect(shoal.getByLabel("Main view").getByRole("tab", { name: "Logs" })).toHaveAttribute("aria-selected", "true");
});

test("a saved file is live, and the time axis says so", async ({ shoal, request }) => {
  test.skip(folder === "", "the session's files are somebody else's");
  const file = join(folder, "examples/shop/orders/app/__init__.py");
  writeFileSync(file, readFileSync(file, "utf8").replace('{"status": "ok"}', '{"status": "changed"}'));
  const answer = async () => (await request.get(shop("/api/healthz"))).text();
  await expect.poll(answer).toContain("changed");
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  // A change of the manifest has such a mark too, and the newest one may still be on its way.
  await expect(async () => {
    await shoal.locator("button.mark:has(svg.reload)").last().click();
    await expect(inspector).toContainText("examples/shop/orders/app/__init__.py", { timeout: 1000 });
  }).toPass();
  await expect(inspector).toContainText(/apply\s*[\d.]+ (ms|s)/);
  await allReady(shoal);
});

test("an error in the manifest is shown in its place while the stack runs on", async ({ shoal }) => {
  test.skip(folder === "", "the session's files are somebody else's");
  const file = join(folder, "services.toml");
  const good = readFileSync(file, "utf8");
  writeFileSync(file, good.replace('depends_on = ["web", "orders"]', 'dependson = ["web", "orders"]'));
  try {
    const strip = shoal.getByRole("region", { name: "Manifest" });
    await expect(strip).toContainText("1 error in the manifest");
    await expect(strip).toContainText(/services\.toml:\d+:\d+/);
    await expect(strip).toContainText("depends_on");
    await expect(strip.locator("pre")).toContainText("^^^");
    await expect(row(shoal, "gateway").getByLabel("ready")).toBeVisible();
  } finally {
    writeFileSync(file, good);
  }
  await expect(shoal.getByRole("region", { name: "Manifest" })).toBeHidden();
  await expect(shoal.getByRole("contentinfo", { name: "Status" })).toContainText("manifest ok");
});

test("light and dark are both whole", async ({ shoal }) => {
  const ground = async () => shoal.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await shoal.getByRole("button", { name: "Theme" }).click();
  await shoal.getByRole("menuitemradio", { name: "Light" }).click();
  const light = await ground();
  await shoal.getByRole("button", { name: "Theme" }).click();
  await shoal.getByRole("menuitemradio", { name: "Dark" }).click();
  expect(await ground()).not.toBe(light);
  await shoal.reload();
  await expect(shoal.locator("html")).toHaveAttribute("data-theme", "dark");
});

test("a small window still shows everything", async ({ shoal }) => {
  await shoal.setViewportSize({ width: 1000, height: 700 });
  await row(shoal, "orders").getByRole("button").first().dblclick();
  await show(shoal, "Calls");
  await expect(shoal.getByRole("button", { name: "Stop all" })).toBeInViewport();
  expect(await shoal.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(1000);
});

test("messages stay few however much happens", async ({ shoal }) => {
  const counts = await shoal.evaluate(async () => {
    const before = performance.getEntriesByType("resource").length;
    await new Promise((resolve) => setTimeout(resolve, 5000));
    return performance.getEntriesByType("resource").length - before;
  });
  // Lines at most ten a second, calls four, the time axis one.
  expect(counts).toBeLessThan(5 * 16);
});
