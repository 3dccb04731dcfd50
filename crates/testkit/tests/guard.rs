//! The guard leaves nothing behind, however a test ends.

use std::sync::mpsc;

use testkit::EngineGuard;

#[tokio::test]
async fn nothing_is_left_after_a_panic() {
    let watcher = EngineGuard::connect("watcher").await;
    let (tell, told) = mpsc::channel();
    let failing = tokio::spawn(async move {
        let mut guard = EngineGuard::connect("panic").await;
        guard.ensure_network(&guard.name("n"), &guard.labels()).await.unwrap();
        guard.ensure_volume(&guard.name("v"), &guard.labels()).await.unwrap();
        let tag = guard.image_tag("i");
        guard.import_image(&tag, vec![0; 1024], &[]).await.unwrap();
        guard.run(&guard.shell("c", "sleep 600")).await;
        let own = guard.filter();
        let seen = (guard.list(&own).await.unwrap().len(), guard.networks(&own).await.unwrap().len());
        tell.send((guard.prefix().to_owned(), tag.clone(), seen)).unwrap();
        panic!("as a failing test does");
    });
    assert!(failing.await.unwrap_err().is_panic());
    let (prefix, tag, seen) = told.recv().unwrap();
    assert_eq!(seen, (1, 1));
    let own = [(testkit::LABEL, prefix.as_str())];
    assert_eq!(watcher.list(&own).await.unwrap(), []);
    assert_eq!(watcher.networks(&own).await.unwrap(), []);
    assert_eq!(watcher.volumes(&own).await.unwrap(), []);
    assert_eq!(watcher.image(&tag).await.unwrap(), None);
}

#[tokio::test]
async fn no_two_tests_share_a_name() {
    let (one, two) = (EngineGuard::connect("same").await, EngineGuard::connect("same").await);
    assert_ne!(one.prefix(), two.prefix());
}
