//! A window under a driver of its own.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

/// How long the page may take to show something: a build machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);
/// One window at a time: each takes a core to draw.
static SCREEN: Mutex<()> = Mutex::const_new(());

/// The program that belongs beside the window's.
pub(crate) fn shoal() -> PathBuf {
    let shoal = Path::new(env!("CARGO_BIN_EXE_shoal-desktop")).with_file_name("shoal");
    assert!(shoal.is_file(), "{} is missing\nhint: ./dev build, or cargo build -p cli", shoal.display());
    shoal
}

/// An open window. Its driver and whatever that started end when this is dropped.
pub(crate) struct Window {
    client: Client,
    driver: Driver,
    browsed: PathBuf,
    downloads: PathBuf,
    _screen: MutexGuard<'static, ()>,
}

struct Driver(Child);

impl Window {
    /// Opens a window with these arguments; sessions keep their things in `home`.
    pub(crate) async fn open(home: &TempDir, arguments: &[&str]) -> Self {
        let screen = SCREEN.lock().await;
        shoal();
        let browsed = home.path().join("browsed");
        let downloads = home.path().join("downloads");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Command::new("WebKitWebDriver")
            .arg(format!("--port={port}"))
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env("SHOAL_STATE_DIR", home.path().join("state"))
            .env("PATH", path_with_browser(home.path(), &browsed))
            .env("LANG", "C.UTF-8")
            .env("XDG_CONFIG_HOME", downloading_to(&downloads))
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("WebKitWebDriver starts; ./dev setup installs it");
        let driver = Driver(driver);
        let window = json!({ "binary": env!("CARGO_BIN_EXE_shoal-desktop"), "args": arguments });
        let capabilities = [("webkitgtk:browserOptions".to_owned(), window)].into_iter().collect();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let address = format!("http://127.0.0.1:{port}");
        let begun = Instant::now();
        let client = loop {
            // The driver takes a moment to listen.
            match tokio::time::timeout(PATIENCE, builder.connect(&address)).await {
                Ok(Ok(client)) => break client,
                outcome => assert!(begun.elapsed() < PATIENCE, "no window within {PATIENCE:?}: {outcome:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        Self { client, driver, browsed, downloads, _screen: screen }
    }

    /// Waits until the page shows what `xpath` describes.
    pub(crate) async fn see(&self, xpath: &str) -> Element {
        let seen = self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(xpath)).await;
        let Ok(element) = seen else {
            let page = self.ask("return document.body.innerText").await;
            panic!("the page never showed {xpath}, but:\n{}", page.as_str().unwrap_or_default());
        };
        element
    }

    pub(crate) async fn click(&self, xpath: &str) {
        self.see(xpath).await.click().await.unwrap_or_else(|e| panic!("{xpath} cannot be clicked: {e}"));
    }

    pub(crate) async fn enter(&self, xpath: &str, text: &str) {
        self.see(xpath).await.send_keys(text).await.unwrap_or_else(|e| panic!("{xpath} takes no keys: {e}"));
    }

    /// Runs a script in the page.
    pub(crate) async fn ask(&self, script: &str) -> Value {
        tokio::time::timeout(PATIENCE, self.client.execute(script, Vec::new())).await.unwrap().unwrap()
    }

    /// Keeps a picture of the page beside the test's build, once what it shows is drawn.
    pub(crate) async fn picture(&self, name: &str) {
        let drawn =
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(1)))";
        self.client.execute_async(drawn, Vec::new()).await.unwrap();
        let picture = tokio::time::timeout(PATIENCE, self.client.screenshot()).await.unwrap().unwrap();
        assert!(picture.len() > 20_000, "a picture of {} bytes shows next to nothing", picture.len());
        fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png")), picture).unwrap();
    }

    /// What the user's browser was asked to show, once `address` is among it.
    pub(crate) async fn browsed(&self, address: &str) -> Vec<String> {
        let told = || fs::read_to_string(&self.browsed).unwrap_or_default();
        self.until("the browser was asked", || told().lines().any(|line| line == address)).await;
        told().lines().map(str::to_owned).collect()
    }

    /// What was downloaded under a name that ends like this.
    pub(crate) fn downloaded(&self, ending: &str) -> String {
        let mut files = fs::read_dir(&self.downloads).unwrap().flatten().map(|entry| entry.path());
        let file = files.find(|path| path.to_string_lossy().ends_with(ending));
        file.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default()
    }

    /// Waits for something outside of the page.
    pub(crate) async fn until(&self, what: &str, so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !so() {
            assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Closes the window as its user would.
    pub(crate) async fn close(self) {
        let Self { client, driver, .. } = self;
        client.close().await.unwrap();
        drop(driver);
    }

    /// Kills the window's process, without a word.
    pub(crate) fn kill(self) {
        kill(self.driver.window());
    }
}

/// Kills a process and waits until it is gone.
pub(crate) fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
    let begun = Instant::now();
    while fs::exists(format!("/proc/{pid}/exe")).unwrap() && begun.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
}

impl Driver {
    /// The process of the window in the driver's group.
    fn window(&self) -> u32 {
        let group = self.0.id().to_string();
        let is_window = |pid: &u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            after_name.split_whitespace().nth(2) == Some(&group)
                && program == Path::new(env!("CARGO_BIN_EXE_shoal-desktop"))
        };
        let all = fs::read_dir("/proc").unwrap().flatten();
        let mut pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.find(is_window).expect("the window is a process of the driver's group")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        // Neither can be waited for twice, and a group that ended by itself is as good.
        drop(Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status());
        drop(self.0.wait());
    }
}

/// A folder of settings that say where downloads go.
fn downloading_to(downloads: &Path) -> PathBuf {
    let folder = downloads.with_extension("settings");
    fs::create_dir_all(downloads).unwrap();
    fs::create_dir_all(&folder).unwrap();
    let says = format!("XDG_DOWNLOAD_DIR=\"{}\"\n", downloads.display());
    fs::write(folder.join("user-dirs.dirs"), says).unwrap();
    folder
}

/// A `PATH` whose browser only writes down what it was asked to show.
fn path_with_browser(home: &Path, browsed: &Path) -> String {
    let folder = home.join("bin");
    fs::create_dir_all(&folder).unwrap();
    let browser = folder.join("xdg-open");
    fs::write(&browser, format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >>'{}'\n", browsed.display())).unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}
