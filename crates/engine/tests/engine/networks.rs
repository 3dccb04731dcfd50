use engine::{ContainerSpec, EngineError, Network};
use testkit::EngineGuard;

#[tokio::test]
async fn a_network_is_made_once_and_told_in_full() {
    let guard = EngineGuard::connect("net").await;
    let name = guard.name("n");
    let made = guard.ensure_network(&name, &guard.labels()).await.unwrap();
    assert_eq!(guard.ensure_network(&name, &guard.labels()).await.unwrap(), made);
    assert_eq!(made.bridge, format!("br-{}", &made.id[..12]));
    assert!(std::path::Path::new("/sys/class/net").join(&made.bridge).exists());
    assert_eq!((made.subnets.len(), made.gateways.len()), (1, 1));
    assert_eq!(made.labels, guard.labels());
    let listed = guard.networks(&guard.filter()).await.unwrap();
    assert_eq!(listed.iter().map(|n| (&n.id, &n.bridge)).collect::<Vec<_>>(), [(&made.id, &made.bridge)]);

    let on = |what: &str, script: &str| ContainerSpec {
        network: Network::Named { name: name.clone(), aliases: vec![what.to_owned()] },
        ..guard.shell(what, script)
    };
    let db = guard.run(&on("db", "sleep 60")).await;
    let web = guard.run(&on("web", "getent hosts db | cut -d' ' -f1")).await;
    assert_eq!(guard.ended(&web).await, 0);
    let facts = guard.inspect(&db).await.unwrap();
    assert_eq!(facts.gateways, made.gateways);
    let [(network, address)] = facts.addresses.as_slice() else { panic!("{:?}", facts.addresses) };
    assert_eq!(network, &name);
    assert_eq!(guard.addresses_in(&name, &db).await.unwrap(), [*address]);
    assert!(guard.addresses_in(&name, &web).await.unwrap().is_empty(), "it has ended");
    assert_eq!(crate::logs::all(&guard, &web, false).await, [address.to_string()]);

    let shared =
        ContainerSpec { network: Network::Container(db.clone()), ..guard.shell("side", "hostname -I") };
    let side = guard.run(&shared).await;
    guard.ended(&side).await;
    assert_eq!(crate::logs::all(&guard, &side, false).await[0].trim(), address.to_string());

    let busy = guard.remove_network(&name).await.unwrap_err();
    assert!(
        matches!(busy, EngineError::Conflict { .. } | EngineError::Other { status: Some(403), .. }),
        "{busy:?}"
    );
    for id in [&db, &web, &side] {
        guard.remove(id, true).await.unwrap();
    }
    guard.remove_network(&name).await.unwrap();
    guard.remove_network(&name).await.unwrap();
    assert_eq!(guard.network(&name).await.unwrap(), None);
}

#[tokio::test]
async fn a_volume_keeps_what_is_written() {
    let guard = EngineGuard::connect("volume").await;
    let name = guard.name("v");
    guard.ensure_volume(&name, &guard.labels()).await.unwrap();
    guard.ensure_volume(&name, &guard.labels()).await.unwrap();
    let listed = guard.volumes(&guard.filter()).await.unwrap();
    assert_eq!(
        listed.iter().map(|v| (v.name.as_str(), &v.labels)).collect::<Vec<_>>(),
        [(name.as_str(), &guard.labels())]
    );
    guard.remove_volume(&name).await.unwrap();
    guard.remove_volume(&name).await.unwrap();
    assert!(guard.volumes(&guard.filter()).await.unwrap().is_empty());
}
