// Rules with their reasons. Formatting is nobody's business here.
import js from "@eslint/js";
import importX, { createNodeResolver } from "eslint-plugin-import-x";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

import svelteConfig from "./svelte.config.js";

/** No zone may import from another but those named: data flows one way, and no feature knows another. */
const zone = (target, from, message) => ({ target: `./src/${target}`, from: from.map((f) => `./src/${f}`), message });
const FEATURES = ["calls", "first-run", "logs", "manifest", "map", "palette", "services", "terminal", "timeline"];

export default ts.config(
  { ignores: ["dist", "node_modules", "src/api/generated", "test-results", "playwright-report"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    plugins: { "import-x": importX },
    languageOptions: {
      globals: { ...globals.browser, ...globals.es2023 },
      // For whoever reads a component from outside: its script is TypeScript.
      parserOptions: { parser: ts.parser },
    },
    settings: {
      "import-x/resolver-next": [createNodeResolver({ extensions: [".ts", ".js", ".svelte"] })],
      "import-x/extensions": [".ts", ".js", ".svelte"],
      "import-x/parsers": { "@typescript-eslint/parser": [".ts"], "svelte-eslint-parser": [".svelte"] },
    },
    rules: {
      "import-x/no-cycle": ["error", { ignoreExternal: true }],
      "import-x/order": ["error", { alphabetize: { order: "asc", caseInsensitive: true }, "newlines-between": "ignore", groups: ["builtin", "external", ["parent", "sibling", "index"]] }],
      "import-x/no-restricted-paths": ["error", {
        zones: [
          zone("lib", ["state", "parts", "features", "views"], "lib/ is free of everything but shapes"),
          zone("api", ["lib", "state", "parts", "features", "views"], "api/ knows only the contract"),
          zone("state", ["parts", "features", "views"], "state does not know who shows it"),
          zone("parts", ["api", "state", "features", "views"], "parts know no domain"),
          zone("features", ["views"], "views compose features, not the other way"),
          ...FEATURES.map((name) => zone(`features/${name}`, FEATURES.filter((f) => f !== name).map((f) => `features/${f}`), "features do not know each other")),
        ],
      }],
      "no-restricted-imports": ["error", { patterns: [{ group: ["@tauri-apps/*"], message: "only api/tauri.ts knows the shell" }] }],
      "no-console": "error",
      // Untrusted text never becomes markup or code.
      "no-restricted-properties": ["error",
        { property: "innerHTML", message: "text goes in by textContent" },
        { property: "outerHTML", message: "text goes in by textContent" },
        { property: "insertAdjacentHTML", message: "text goes in by textContent" },
      ],
      "no-eval": "error",
      "no-new-func": "error",
      "svelte/no-at-html-tags": "error",
      "svelte/button-has-type": "error",
      "svelte/no-target-blank": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-invalid-void-type": "off",
      // A setter in an arrow is the shortest way to say what happens.
      "@typescript-eslint/no-confusing-void-expression": "off",
    },
  },
  { files: ["src/**"], rules: { "max-lines": ["error", { max: 400 }] } },
  { files: ["src/api/tauri.ts"], rules: { "no-restricted-imports": "off" } },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig, extraFileExtensions: [".svelte"] } },
    rules: {
      // `let { … } = $props()` is how components say what they take.
      "prefer-const": "off",
      // Dates and addresses are made, read and dropped here, and never state.
      "svelte/prefer-svelte-reactivity": "off",
    },
  },
  { files: ["src/api/fake/**", "tests/**", "bench/**", "*.ts", "*.js"], languageOptions: { globals: globals.node }, rules: { "@typescript-eslint/no-non-null-assertion": "off" } },
);
