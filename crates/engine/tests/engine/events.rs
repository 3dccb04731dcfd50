use std::time::Duration;

use engine::{ContainerSpec, EventKind};
use futures_util::StreamExt as _;
use model::Timestamp;
use testkit::EngineGuard;

#[tokio::test]
async fn a_life_is_told_in_order() {
    let guard = EngineGuard::connect("events").await;
    let since = Timestamp::from_system(std::time::SystemTime::now());
    let mut events = guard.events(&guard.filter());
    let id = {
        let engine = guard.engine().clone();
        let mine = guard.shell("a", "exit 5");
        let other = ContainerSpec { name: guard.name("b"), labels: [].into(), ..mine.clone() };
        let life = tokio::spawn(async move {
            // The listener must be there before the first event.
            tokio::time::sleep(Duration::from_millis(500)).await;
            let unlabelled = engine.create(&other).await.unwrap();
            engine.remove(&unlabelled, true).await.unwrap();
            let id = engine.create(&mine).await.unwrap();
            engine.start(&id).await.unwrap();
            for _ in 0..200 {
                if engine.inspect(&id).await.unwrap().exit_code.is_some() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            engine.remove(&id, true).await.unwrap();
            id
        });
        let mut seen = Vec::new();
        let listening = async {
            while let Some(event) = events.next().await {
                let event = event.unwrap();
                assert_eq!(event.name, guard.name("a"));
                assert_eq!(event.labels.get(testkit::LABEL).map(String::as_str), Some(guard.prefix()));
                let last = event.kind == EventKind::Removed;
                seen.push(event);
                if last {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), listening).await.unwrap();
        let id = life.await.unwrap();
        assert!(seen.iter().all(|event| event.id == id));
        assert!(seen.windows(2).all(|pair| pair[0].ts <= pair[1].ts));
        let known: Vec<_> =
            seen.into_iter().map(|event| event.kind).filter(|k| !matches!(k, EventKind::Other(_))).collect();
        let died = EventKind::Died { exit_code: 5 };
        assert_eq!(known, [EventKind::Created, EventKind::Started, died, EventKind::Removed]);
        id
    };
    assert!(guard.inspect(&id).await.is_err());

    let past = guard.events_since(&guard.filter(), since).map(|event| event.unwrap().kind);
    let past = tokio::time::timeout(Duration::from_secs(10), past.take(2).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(past, [EventKind::Created, EventKind::Started]);
}
