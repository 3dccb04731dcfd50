import { allReady, expect, show, test } from "./test";

test.beforeEach(async ({ shoal }) => {
  await allReady(shoal);
  await show(shoal, "Map");
});

const edge = (from: string, to: string) => `[data-edge="${from}>${to}"]`;

test("the observed edges are drawn, with what passed over them", async ({ shoal }) => {
  for (const [from, to] of [["load", "gateway"], ["gateway", "web"], ["web", "orders"], ["orders", "db"]] as const) {
    await expect(shoal.locator(edge(from, to))).toBeAttached({ timeout: 30_000 });
  }
  await shoal.locator(edge("web", "orders")).dispatchEvent("click");
  await expect(shoal.locator("[data-chip=edge]")).toContainText("web → orders");
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  await expect(inspector).toContainText("http/1");
  await expect(inspector).toContainText(/Median\s*[\d.]+ (ms|s)/);
  await inspector.getByRole("button", { name: "Show its calls" }).click();
  await expect(shoal.locator("[data-call]").first()).toBeVisible();
  await expect.poll(async () => {
    const parties = await shoal.locator("[data-call] .who").allTextContents();
    return parties.length > 0 && parties.every((text) => /web\s*→\s*orders/.test(text));
  }).toBe(true);
});

test("what does not fit is told, and leads to its edge", async ({ shoal }) => {
  await shoal.getByRole("contentinfo", { name: "Status" }).getByRole("button", { name: /finding/ }).click();
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  await inspector.locator("[data-finding=undeclared]").first().click();
  await expect(shoal.locator("[data-chip=edge]")).toBeVisible();
  await expect(inspector).toContainText("depends_on");
  await expect(inspector.getByRole("columnheader", { name: "Route" })).toBeVisible();
});

test("nodes stay where they are while calls go on", async ({ shoal }) => {
  await expect(shoal.locator(edge("gateway", "web"))).toBeAttached({ timeout: 30_000 });
  // The picture settles while the first edges are seen.
  await shoal.waitForTimeout(16_000);
  const places = async () => shoal.locator("foreignObject").evaluateAll((all) => all.map((e) => `${e.getAttribute("x")},${e.getAttribute("y")}`));
  const before = await places();
  await shoal.waitForTimeout(3000);
  expect(await places()).toEqual(before);
});

test("by keys: arrows move from node to node, Enter selects", async ({ shoal }) => {
  await shoal.locator("[data-node=gateway]").focus();
  await shoal.keyboard.press("ArrowRight");
  await expect(shoal.locator("[data-node]:focus")).not.toHaveAttribute("data-node", "gateway");
  await shoal.keyboard.press("Enter");
  await expect(shoal.locator("[data-chip=services]")).toBeVisible();
});

test("a node that is looked at shows its edges' numbers, and its list opens an edge by keys", async ({ shoal }) => {
  await expect(shoal.locator(edge("web", "orders"))).toBeAttached({ timeout: 30_000 });
  await expect(shoal.locator("[data-note]")).toHaveCount(0);
  await shoal.locator("[data-node=load]").focus();
  await shoal.keyboard.press("ArrowRight");
  await shoal.locator("[data-node=web]").focus();
  await expect(shoal.locator('[data-note="web>orders"]')).toContainText(/\/s.*ms/);
  await shoal.keyboard.press("Enter");
  const boxes = await shoal.locator("[data-note] rect, [data-node]").evaluateAll((all) => all.map((e) => e.getBoundingClientRect().toJSON() as DOMRect));
  const covers = (a: DOMRect, b: DOMRect) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  expect(boxes.filter((a, i) => boxes.some((b, j) => i < j && covers(a, b)))).toEqual([]);
  await shoal.keyboard.press("i");
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  await inspector.locator("[data-neighbour=orders]").focus();
  await shoal.keyboard.press("Enter");
  await expect(shoal.locator("[data-chip=edge]")).toContainText("web → orders");
  await expect(inspector).toContainText("last 10 s");
});

test("a range of the time axis narrows the lines", async ({ shoal }) => {
  const axis = shoal.getByRole("slider", { name: /Time range/ });
  const box = (await axis.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  await shoal.mouse.move(box.x + box.width - 160, box.y + 30);
  await shoal.mouse.down();
  await shoal.mouse.move(box.x + box.width - 60, box.y + 30, { steps: 4 });
  await shoal.mouse.up();
  await expect(shoal.locator("[data-chip=range]")).toBeVisible();
  await shoal.locator("[data-chip=range]").click();
  await expect(shoal.locator("[data-chip]")).toHaveCount(0);
});

test("a range of the time axis is the map of then, and Live is the present again", async ({ shoal }) => {
  await expect(shoal.locator(edge("web", "orders"))).toBeAttached({ timeout: 30_000 });
  const axis = shoal.getByRole("slider", { name: /Time range/ });
  await axis.press("ArrowLeft");
  await expect(shoal.locator("[data-chip=range]")).toBeVisible();
  const live = shoal.getByRole("group", { name: "Map of observed calls" }).locator("..").getByRole("button", { name: "Live" });
  await expect(live).toBeVisible();
  await shoal.locator(edge("web", "orders")).dispatchEvent("click");
  const inspector = shoal.getByRole("complementary", { name: "Inspector" });
  await expect(inspector).toContainText("Rate");
  await live.click();
  await expect(shoal.locator("[data-chip=range]")).toHaveCount(0);
  await expect(inspector).toContainText("Now");
});

test("the axis moves into the past and back, and a range stays on it", async ({ shoal }) => {
  const axis = shoal.getByRole("slider", { name: /Time range/ });
  const number = async (name: string) => Number(await axis.getAttribute(name));
  const back = shoal.getByLabel("Time axis").getByRole("button", { name: "live" });
  const before = await number("aria-valuemax");
  await axis.press("PageUp");
  await expect(back).toBeVisible();
  expect(await number("aria-valuemax")).toBeLessThan(before);
  await axis.press("ArrowRight");
  for (let i = 0; i < 30; i += 1) await axis.press("ArrowLeft");
  await expect(shoal.locator("[data-chip=range]")).toBeVisible();
  expect(await number("aria-valuenow")).toBeGreaterThan(await number("aria-valuemin"));
  for (let i = 0; i < 30; i += 1) await axis.press("ArrowRight");
  expect(await number("aria-valuenow")).toBe(await number("aria-valuemax"));
  await back.click();
  await expect(shoal.locator("[data-chip=range]")).toHaveCount(0);
  await expect(back).toHaveCount(0);
  await shoal.getByLabel("Time axis").getByRole("button", { name: /^Span/ }).click();
  await shoal.getByRole("menuitemradio", { name: "All of the session" }).click();
  await expect(shoal.getByLabel("Time axis").getByRole("button", { name: "Span: all of the session" })).toBeVisible();
  await expect(shoal.locator(".timeline .mark").first()).toBeVisible();
});
