// Which backend this page has. The fake one is cut out of a build, since the condition is false there.
import type { Backend } from "./backend";
import { httpBackend } from "./http";

export async function pickBackend(): Promise<Backend> {
  if (import.meta.env.DEV && !new URLSearchParams(location.search).has("real")) {
    return (await import("./fake/backend")).fakeBackend(new URLSearchParams(location.search));
  }
  if ("__TAURI_INTERNALS__" in window) return (await import("./tauri")).tauriBackend();
  return httpBackend(new URL("/", location.href));
}
