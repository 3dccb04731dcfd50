use std::time::Duration;

use futures_util::StreamExt as _;
use testkit::EngineGuard;

#[tokio::test]
async fn a_busy_container_shows() {
    let guard = EngineGuard::connect("stats").await;
    let busy = guard.run(&guard.shell("busy", "while :; do :; done")).await;
    let idle = guard.run(&guard.shell("idle", "sleep 60")).await;
    let (mut of_busy, mut of_idle) = (guard.stats(&busy).skip(1), guard.stats(&idle).skip(1));
    let both = async { (of_busy.next().await.unwrap().unwrap(), of_idle.next().await.unwrap().unwrap()) };
    let (busy, idle) = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
    assert!(busy.cpu_cores > 0.05 && busy.cpu_cores < 3.0, "{busy:?}");
    assert!(idle.cpu_cores < busy.cpu_cores / 2.0, "{idle:?} {busy:?}");
    assert!(idle.memory > 0 && idle.memory < 64 << 20 && idle.memory_limit > idle.memory, "{idle:?}");
}
