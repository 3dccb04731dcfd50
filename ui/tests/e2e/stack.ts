// The stack under test: the example, copied so that its files may be edited, under a name, a port and a state folder of
// its own. With SHOAL_E2E_URL the tests use a session that is already there, and leave out those that edit files.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const repository = resolve(import.meta.dirname, "../../..");
const program = process.env["SHOAL"] ?? join(repository, "target/debug/shoal");
const NAME = "shop-e2e";

export default async function setup(): Promise<() => Promise<void>> {
  if (process.env["SHOAL_E2E_URL"] !== undefined) return async () => undefined;
  const folder = mkdtempSync(join(tmpdir(), "shoal-"));
  cpSync(join(repository, "services.example.toml"), join(folder, "services.toml"));
  cpSync(join(repository, "examples"), join(folder, "examples"), { recursive: true });
  const env = { ...process.env, XDG_STATE_HOME: join(folder, "state"), XDG_RUNTIME_DIR: join(folder, "run"), SHOP_PORT: String(await freePort()) };
  const stack = ["--file", join(folder, "services.toml"), "--project-name", NAME];
  const server = spawn(program, [...stack, "serve", "--listen", "127.0.0.1:0"], { env, stdio: ["ignore", "pipe", "inherit"] });
  process.env["SHOAL_E2E_URL"] = await firstLine(server);
  process.env["SHOAL_E2E_FOLDER"] = folder;
  process.env["SHOAL_E2E_PORT"] = env.SHOP_PORT;
  return async () => {
    try {
      execFileSync(program, [...stack, "down", "--volumes", "--all"], { env, stdio: "inherit", timeout: 60_000 });
    } finally {
      server.kill("SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

async function firstLine(server: ChildProcess): Promise<string> {
  return new Promise((found, failed) => {
    let said = "";
    server.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const end = said.indexOf("\n");
      if (end >= 0) found(said.slice(0, end).trim());
    });
    server.once("error", failed);
    server.once("exit", (code) => failed(new Error(`\`shoal serve\` ended with exit code ${code}`)));
  });
}

async function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer().once("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => found(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
