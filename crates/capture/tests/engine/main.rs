//! The capture on the real engine: what containers say to each other is seen, once, from the first packet.

#[cfg(test)]
mod stage;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use model::exchange::{Ending, Exchange, Protocol, Quality};
use stage::{Stage, ask};

fn targets(seen: &[Exchange]) -> Vec<&str> {
    seen.iter().map(|call| call.target.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_seen_once_from_the_first_packet_of_the_first_container() {
    let stage = Stage::set("once").await;
    let network = stage.network("net").await;
    let (capture, mut seen) = stage.capture(&[&network]).await;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let server = stage.server("web", &network, Some(port)).await;
    // A container whose first deed is a call: nothing had time to notice that it is there.
    let first = format!("{}; sleep 600", ask("web", 8080, "/first"));
    let caller = stage.bash("caller", &network, &first).await;
    for n in 0..20 {
        assert!(stage.get(&caller, "web", &format!("/call/{n}")).await.ends_with(&format!("/call/{n}")));
    }
    // This machine calls the published port.
    let mut outside = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    outside.write_all(b"GET /outside HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    outside.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("/outside"), "{answer}");
    stage.get(&caller, "web", "/last").await;

    let all = seen.until("/last").await;
    let calls: Vec<_> = all.iter().filter(|e| e.protocol == Protocol::Http1).cloned().collect();
    let mut expected = vec!["/first".to_owned()];
    expected.extend((0..20).map(|n| format!("/call/{n}")));
    expected.extend(["/outside".to_owned(), "/last".to_owned()]);
    assert_eq!(targets(&calls), expected);
    let (web, inside) = (stage.address(&server).await, stage.address(&caller).await);
    for call in &calls {
        assert_eq!((call.quality, call.status.as_deref()), (Quality::Complete, Some("200")), "{call:?}");
        assert_eq!((call.server.ip(), call.server.port()), (web, 8080));
        let response = call.response.as_ref().unwrap();
        assert_eq!(response.body, call.target.as_bytes());
        assert!(call.request.first <= call.request.last && call.request.last <= response.first);
        let from_outside = call.target == "/outside";
        assert_eq!(network.gateways.contains(&call.client.ip()), from_outside, "{call:?}");
        assert_eq!(call.client.ip() == inside, !from_outside);
    }
    capture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_stacks_own_networks_are_heard_and_they_may_change() {
    let stage = Stage::set("networks").await;
    let ours = stage.network("ours").await;
    let others = stage.network("others").await;
    let (capture, mut seen) = stage.capture(&[&ours]).await;
    stage.server("web", &ours, None).await;
    stage.server("foreign", &others, None).await;
    let (here, there) = (stage.caller("here", &ours).await, stage.caller("there", &others).await);
    stage.get(&there, "foreign", "/unheard").await;
    stage.get(&here, "web", "/heard").await;
    assert!(!targets(&seen.until("/heard").await).contains(&"/unheard"));

    capture.set_networks(vec![ours.bridge.clone(), others.bridge.clone()]).await;
    stage.get(&there, "foreign", "/heard-now").await;
    seen.until("/heard-now").await;

    capture.set_networks(vec![others.bridge.clone()]).await;
    stage.get(&here, "web", "/unheard-now").await;
    stage.get(&there, "foreign", "/still-heard").await;
    assert!(!targets(&seen.until("/still-heard").await).contains(&"/unheard-now"));
    capture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_call_is_seen_as_a_connection() {
    let stage = Stage::set("raw").await;
    let network = stage.network("net").await;
    let (capture, mut seen) = stage.capture(&[&network]).await;
    stage.server("web", &network, None).await;
    let caller = stage.caller("caller", &network).await;
    stage.sh(&caller, "exec 3<>/dev/tcp/web/81").await;
    stage.sh(&caller, "exec 3<>/dev/tcp/web/8080; printf '\\0\\1\\2no http\\n\\n' >&3; cat <&3").await;
    stage.get(&caller, "web", "/last").await;
    let all = seen.until("/last").await;
    let connections: Vec<_> = all.iter().filter(|e| e.protocol == Protocol::Tcp).collect();
    let refused = connections.iter().find(|e| e.server.port() == 81).unwrap();
    assert_eq!((refused.ending, refused.response.as_ref()), (Ending::Refused, None));
    let raw = connections.iter().find(|e| e.server.port() == 8080).unwrap();
    assert_eq!((raw.request.bytes, raw.status.as_deref()), (12, None));
    capture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_that_is_killed_comes_back_and_says_so() {
    let stage = Stage::set("killed").await;
    let network = stage.network("net").await;
    let (capture, mut seen) = stage.capture(&[&network]).await;
    stage.server("web", &network, None).await;
    let caller = stage.caller("caller", &network).await;
    let first = seen.until_ready().await;
    stage.get(&caller, "web", "/before").await;
    let before = seen.until("/before").await.pop().unwrap();
    stage.guard.kill(&capture.container_id(), "KILL").await.unwrap();
    seen.until_failed().await;
    assert!(seen.failures[0].contains("137"), "{:?}", seen.failures);
    assert!(seen.until_ready().await > first, "it says that it is another one");
    stage.get(&caller, "web", "/after").await;
    let after = seen.until("/after").await.pop().unwrap();
    assert!(after.conn > before.conn, "numbers of connections are never given twice");

    // Removed altogether, it is made again.
    let first = capture.container_id();
    stage.guard.remove(&first, true).await.unwrap();
    seen.failures.clear();
    seen.until_failed().await;
    seen.until_ready().await;
    stage.get(&caller, "web", "/again").await;
    seen.until("/again").await;
    assert_ne!(capture.container_id(), first);
    capture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_session_takes_over_what_the_last_one_left_and_stop_leaves_nothing() {
    let stage = Stage::set("left").await;
    let network = stage.network("net").await;
    let (capture, _) = stage.capture(&[&network]).await;
    let id = capture.container_id();
    stage.server("web", &network, None).await;
    let caller = stage.caller("caller", &network).await;
    capture.leave();
    // A call begins while nobody is there to be told.
    let ask = "mkfifo /tmp/go; (exec 3<>/dev/tcp/web/8080; printf 'GET /across HTTP/1.1\\r\\n' >&3; read go </tmp/go; \
               printf 'Host: x\\r\\n\\r\\n' >&3; cat <&3 >/dev/null) >/dev/null 2>&1 </dev/null & sleep 0.3";
    stage.sh(&caller, ask).await;
    let (capture, mut seen) = stage.capture(&[&network]).await;
    assert_eq!(capture.container_id(), id);
    stage.sh(&caller, "echo >/tmp/go").await;
    let call = seen.until("/across").await.pop().unwrap();
    assert_eq!((call.quality, call.status.as_deref()), (Quality::Complete, Some("200")));
    capture.stop().await;
    assert!(matches!(stage.guard.inspect(&id).await, Err(engine::EngineError::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_loopback_and_to_its_own_name_each_call_is_seen_once_and_nothing_of_others() {
    let stage = Stage::set("loopback").await;
    let network = stage.network("net").await;
    let (networks, mut on_networks) = stage.capture(&[&network]).await;
    let server = stage.server("web", &network, None).await;
    let caller = stage.caller("caller", &network).await;
    let (capture, mut seen) = stage.loopback("web", &server).await;
    let own = stage.address(&server).await;
    stage.get(&caller, "web", "/over-the-network").await;
    // Names are asked for at the engine's own resolver, which is on loopback too.
    for (host, path) in [("127.0.0.1", "/local"), ("web", "/by-name"), ("127.0.0.1", "/last")] {
        stage.get(&server, host, path).await;
    }
    let all = seen.until("/last").await;
    assert_eq!(targets(&all), ["/local", "/by-name", "/last"], "{all:#?}");
    for call in &all {
        assert_eq!((call.quality, call.status.as_deref()), (Quality::Complete, Some("200")), "{call:?}");
        let expected = if call.target == "/by-name" { own } else { Ipv4Addr::LOCALHOST.into() };
        assert_eq!((call.client.ip(), call.server.ip(), call.server.port()), (expected, expected, 8080));
    }
    stage.get(&caller, "web", "/end").await;
    assert_eq!(targets(&on_networks.until("/end").await), ["/over-the-network", "/end"]);

    // Whoever comes next takes it over, as long as the container was not started again.
    let id = capture.container_id();
    capture.leave();
    let (capture, mut seen) = stage.loopback("web", &server).await;
    assert_eq!(capture.container_id(), id);
    stage.get(&server, "127.0.0.1", "/again").await;
    seen.until("/again").await;
    capture.leave();
    stage.guard.kill(&server, "KILL").await.unwrap();
    stage.guard.start(&server).await.unwrap();
    let (capture, mut seen) = stage.loopback("web", &server).await;
    assert_ne!(capture.container_id(), id, "each start gives a container another loopback");
    stage.ready(&server).await;
    stage.get(&server, "127.0.0.1", "/after").await;
    let after = seen.until("/after").await;
    assert_eq!(after.iter().filter(|call| call.target == "/after").count(), 1);
    stage.no_right_but_to_listen(&capture).await;
    capture.stop().await;
    networks.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_container_has_no_right_but_to_listen() {
    let stage = Stage::set("rights").await;
    let network = stage.network("net").await;
    let (capture, _) = stage.capture(&[&network]).await;
    stage.no_right_but_to_listen(&capture).await;
    capture.stop().await;
}
