//! How the window looks, and where its page may go.

use std::path::PathBuf;

use tauri::webview::{DownloadEvent, NewWindowResponse};
use tauri::{App, AppHandle, Manager, Theme, Url, WebviewUrl, WebviewWindowBuilder};

/// `LANG=C.UTF-8`, usual in containers, makes WebKitGTK report the language `C`, which no `Intl` function takes.
const LANGUAGE: &str = "if (!/^[a-z]{2,3}(-|$)/i.test(navigator.language)) {
  Object.defineProperty(navigator, 'language', { get: () => 'en-US' });
  Object.defineProperty(navigator, 'languages', { get: () => ['en-US'] });
}";

/// Opens the window, as `SHOAL_THEME=light|dark` and `SHOAL_WINDOW=WIDTHxHEIGHT` ask for.
pub(crate) fn build(app: &mut App, variable: impl Fn(&str) -> Option<String>) -> tauri::Result<()> {
    let dev = app.config().build.dev_url.clone();
    let pixels = |text: &str, usual: f64| text.parse::<u16>().map_or(usual, Into::into);
    let asked = variable("SHOAL_WINDOW");
    let size = asked.as_deref().and_then(|text| text.split_once('x')).unwrap_or(("1440", "900"));
    let mut builder = WebviewWindowBuilder::new(app, "main", WebviewUrl::default())
        .title("Shoal")
        .inner_size(pixels(size.0, 1440.0), pixels(size.1, 900.0))
        .min_inner_size(1000.0, 640.0)
        .initialization_script(LANGUAGE)
        .on_navigation(move |url| {
            url.scheme() == "tauri"
                || is_made_by_page(url)
                || dev.as_ref().is_some_and(|d| d.origin() == url.origin())
        })
        .on_download(|window, event| {
            if let DownloadEvent::Requested { destination, .. } = event {
                into_downloads(window.app_handle(), destination);
            }
            true
        })
        .on_new_window(|url, _| {
            if is_local(&url) {
                // Where no browser can be started, the address still stands on the page.
                drop(open::that_detached(url.as_str()));
            }
            NewWindowResponse::Deny
        });
    if let Some(name) = variable("SHOAL_THEME").filter(|name| name == "light" || name == "dark") {
        let theme = if name == "dark" { Theme::Dark } else { Theme::Light };
        let tell = format!("window.__SHOAL_THEME__ = '{name}';");
        builder = builder.theme(Some(theme)).initialization_script(tell);
    }
    builder.build().map(drop)
}

/// Whether it is a file that the page saves: the way to one is a navigation at first.
fn is_made_by_page(url: &Url) -> bool {
    url.scheme() == "blob" && url.path().starts_with("tauri:")
}

/// Where no folder is set aside for downloads the file would land in the current one, which may be a repository.
fn into_downloads(app: &AppHandle, destination: &mut PathBuf) {
    if app.path().download_dir().is_err()
        && let Some(name) = destination.file_name()
        && let Ok(home) = app.path().home_dir()
    {
        *destination = home.join(name);
    }
}

/// Whether it is a published port of this machine, which the user's browser may show.
fn is_local(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// Without a graphics card WebKitGTK's default renderer draws 10 to 35 pictures a second and the older one 60; with
/// NVIDIA's driver the default often stays blank. A driven window keeps the default, as screenshots of the other hang.
#[expect(unsafe_code, clippy::disallowed_methods, reason = "nothing runs yet that could read meanwhile")]
pub(crate) fn pick_renderer() {
    const OLDER: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
    let driven = std::env::var_os("TAURI_WEBVIEW_AUTOMATION").is_some_and(|v| v == "true");
    if !cfg!(target_os = "linux") || driven || std::env::var_os(OLDER).is_some() {
        return;
    }
    let card = std::fs::read_dir("/dev/dri")
        .is_ok_and(|all| all.flatten().any(|e| e.file_name().as_encoded_bytes().starts_with(b"renderD")));
    if !card || std::path::Path::new("/proc/driver/nvidia/version").exists() {
        // SAFETY: first in `main`, before any other thread.
        unsafe { std::env::set_var(OLDER, "1") }
    }
}
