//! Names that no two tests share.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Everything that a test makes in the engine carries this label; its value is the test's own prefix.
pub const LABEL: &str = "shoal.test";

/// The image that `./dev setup` makes: Debian 12 with `sh`, `bash` and the usual small programs.
pub const BASE_IMAGE: &str = "shoal/base:bookworm";

/// A prefix that no other test has, of this process or another.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() % 100_000_000;
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("shoal-test-{name}-{}-{at}-{n}", std::process::id())
}
