import { allReady, expect, row, test } from "./test";

test.describe.configure({ mode: "serial" });

test("nothing runs before the manifest is trusted", async ({ shoal }) => {
  test.skip(process.env["SHOAL_E2E_FOLDER"] === undefined, "the session was started by somebody else");
  await expect(row(shoal, "orders").getByLabel("stopped")).toBeVisible();
  await shoal.getByRole("button", { name: "Start all" }).click();
  const question = shoal.getByRole("dialog", { name: "Trust this manifest?" });
  await expect(question).toContainText("services.toml");
  await expect(question.getByRole("listitem")).not.toHaveCount(0);
  await shoal.keyboard.press("Escape");
  await expect(question).toBeHidden();
  await expect(row(shoal, "orders").getByLabel("stopped")).toBeVisible();
});

test("a yes starts everything, and the list says what waits for what", async ({ shoal }) => {
  test.setTimeout(300_000);
  if (await shoal.getByRole("button", { name: "Start all" }).isVisible()) {
    await shoal.getByRole("button", { name: "Start all" }).click();
    const yes = shoal.getByRole("button", { name: "Trust and start" });
    if (process.env["SHOAL_E2E_FOLDER"] !== undefined) await yes.click();
    await expect(row(shoal, "gateway")).toContainText("waits for");
  }
  await allReady(shoal);
  await expect(row(shoal, "orders").locator(".numbers")).toHaveText(/\d %.*\d+ MB/s, { timeout: 20_000 });
});

test("a published port is a link that leads to the service", async ({ shoal, request }) => {
  const link = row(shoal, "gateway").getByRole("link");
  const address = (await link.getAttribute("href")) ?? "";
  expect(address).toMatch(/^http:\/\/localhost:\d+$/);
  await expect(link).toHaveAttribute("rel", /noopener/);
  expect((await request.get(address)).status()).toBe(200);
});

test("a service stops and starts again", async ({ shoal }) => {
  await row(shoal, "mailer").hover();
  await shoal.getByRole("button", { name: "Stop mailer" }).click();
  await expect(row(shoal, "mailer").getByLabel("stopped")).toBeVisible({ timeout: 30_000 });
  await row(shoal, "mailer").hover();
  await shoal.getByRole("button", { name: "Start mailer" }).click();
  await expect(row(shoal, "mailer").getByLabel("ready")).toBeVisible({ timeout: 30_000 });
});
