// Tests of the window in the distribution's Chromium, against a true session on a true engine.
import { defineConfig } from "@playwright/test";

const root = typeof process.getuid === "function" && process.getuid() === 0;

export default defineConfig({
  testDir: "tests/e2e",
  globalSetup: "./tests/e2e/stack.ts",
  outputDir: "test-results",
  // One stack, one story: the tests follow each other.
  workers: 1,
  fullyParallel: false,
  // Told as flaky when the second try is needed.
  retries: 1,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    viewport: { width: 1440, height: 900 },
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env["SHOAL_CHROMIUM"] ?? "/usr/bin/chromium",
      args: ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", ...(root ? ["--no-sandbox"] : [])],
    },
  },
});
