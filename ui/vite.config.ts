import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  // One build for two hosts: the window's own scheme, and `shoal serve` at `/`.
  base: "./",
  server: { port: 5173, strictPort: true, host: "127.0.0.1" },
  build: {
    target: "es2023",
    // Everything stays a file of its own: the content security policy allows no inline script and no data: module.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  test: { include: ["tests/unit/**/*.test.ts"], environment: "node" },
});
