// A page on the stack, which must not complain: no script error, nothing refused by the content security policy.
import { expect, test as base, type Page } from "@playwright/test";

export { expect };

export const test = base.extend<{ shoal: Page; refused: boolean }>({
  /** Whether the test asks for what the session refuses: browsers complain of that too. */
  refused: [false, { option: true }],
  shoal: async ({ page, refused }, use) => {
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" && !(refused && / 40[09] \((Bad Request|Conflict)\)/.test(message.text()))) complaints.push(message.text());
    });
    await page.goto(process.env["SHOAL_E2E_URL"] ?? "");
    await expect(page.getByRole("region", { name: "Services" })).toBeVisible();
    await use(page);
    expect(complaints).toEqual([]);
  },
});

/** Where the shop answers on this machine. */
export const shop = (path: string) => `http://localhost:${process.env["SHOAL_E2E_PORT"] ?? "8080"}${path}`;

/** A service's row in the list. */
export const row = (page: Page, service: string) => page.locator(`[data-service="${service}"]`);

/** Shows a view in the upper pane. */
export async function show(page: Page, view: "Map" | "Calls" | "Logs" | "Terminal") {
  await page.getByLabel("Main view").getByRole("tab", { name: view }).click();
}

/** Waits until every service is ready or has completed. */
export async function allReady(page: Page) {
  await expect(page.getByLabel("Services by state").getByRole("button")).toHaveText([/9\s*ready/, /1\s*completed/], { timeout: 240_000 });
}
