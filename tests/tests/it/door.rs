//! The page's door: who may enter what `shoal serve --listen` opens. No engine is needed for that.

use std::os::unix::fs::PermissionsExt;

use crate::world::{Running, World, ask, until, web};

/// A session with a page; its address and token.
fn served(world: &World) -> (Running, String, String) {
    let serving = world.start(&["serve", "--listen", "127.0.0.1:0"]);
    let url = until("the page's address", || serving.stdout().lines().next().map(str::to_owned));
    let rest = url.strip_prefix("http://").expect("an address");
    let (address, token) = rest.split_once("/?token=").expect("a token");
    (serving, address.to_owned(), token.to_owned())
}

fn world(name: &str) -> World {
    let world = World::without_engine(name);
    world.manifest(&web("back", ""));
    world
}

#[test]
fn only_the_pages_own_origin_with_the_token_enters() {
    let world = world("door");
    let (_serving, at, token) = served(&world);
    let status = |request: &str| ask(&at, request).map(|a| a.status);
    let port = at.rsplit_once(':').expect("a port").1;
    let cookie = format!("Cookie: shoal-{port}={token}");
    for path in ["/", "/index.html", "/v1/watch", "/v1/terminal?service=back"] {
        assert_eq!(status(&format!("GET {path} HTTP/1.1\nHost: {at}")), Some(401), "{path} without a token");
    }
    let rpc =
        |headers: &str| status(&format!("POST /v1/rpc/snapshot HTTP/1.1\n{headers}\nContent-Length: 0"));
    assert_eq!(rpc(&format!("Host: {at}")), Some(401));
    assert_eq!(rpc(&format!("Host: {at}\nCookie: shoal-{port}={}", "0".repeat(token.len()))), Some(401));
    assert_eq!(rpc(&format!("Host: {at}\n{cookie}")), Some(200));
    assert_eq!(rpc(&format!("Host: {at}\nAuthorization: Bearer {token}")), Some(200));
    assert_eq!(rpc(&format!("Host: localhost:{port}\n{cookie}\nOrigin: http://localhost:{port}")), Some(200));
    // Another page's script, and a name that was made to lead here.
    assert_eq!(rpc(&format!("Host: {at}\n{cookie}\nOrigin: http://evil.example")), Some(403));
    assert_eq!(rpc(&format!("Host: {at}\n{cookie}\nOrigin: null")), Some(403));
    assert_eq!(rpc(&format!("Host: evil.example:{port}\n{cookie}")), Some(403));
}

#[test]
fn the_token_leaves_the_address_and_becomes_a_cookie_that_scripts_cannot_read() {
    let world = world("token");
    let (_serving, at, token) = served(&world);
    let entered = ask(&at, &format!("GET /?token={token} HTTP/1.1\nHost: {at}")).expect("an answer");
    assert_eq!(entered.status, 303);
    let head = entered.head.to_ascii_lowercase();
    assert!(
        head.contains("location: /\r\n") && head.contains("httponly") && head.contains("samesite=strict"),
        "{head}"
    );
    let port = at.rsplit_once(':').expect("a port").1;
    let page =
        ask(&at, &format!("GET / HTTP/1.1\nHost: {at}\nCookie: shoal-{port}={token}")).expect("the page");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<script"), "the page is the window's: {}", page.body);
    assert!(page.head.to_ascii_lowercase().contains("content-security-policy"), "{}", page.head);
    assert!(!page.body.contains(&token));
}

#[test]
fn nobody_listens_where_other_machines_can_reach() {
    let world = world("open");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let ran = world.shoal(&["serve", "--listen", address]).ends_with(2);
        assert!(ran.stderr.contains("can be reached from other machines"), "{}", ran.stderr);
    }
    world.shoal(&["serve", "--listen", "here"]).ends_with(2).tells(&["`here` is no address with a port"]);
}

#[test]
fn a_stack_has_one_session() {
    let world = world("one");
    let (first, ..) = served(&world);
    let holder = world.session();
    let refused = world.shoal(&["serve", "--background"]).ends_with(1);
    assert!(refused.stderr.contains("a session of this stack runs already"), "{}", refused.stderr);
    assert!(
        refused.stderr.contains(&holder.to_string()),
        "the message names the process: {}",
        refused.stderr
    );
    // Whoever types `serve` wants this one: the other ends first.
    let (second, ..) = served(&world);
    assert_eq!(first.wait().code, 0);
    assert_ne!(world.session(), holder);
    world.shoal(&["logs"]).ok();
    second.signal("TERM");
    assert_eq!(second.wait().code, 0);
    let left: Vec<_> =
        std::fs::read_dir(world.place()).expect("the place").flatten().map(|e| e.file_name()).collect();
    assert!(!left.iter().any(|n| n == "session.sock" || n == "session.lease"), "{left:?}");
}

#[test]
fn the_socket_is_the_users_alone() {
    let world = world("mode");
    let (_serving, ..) = served(&world);
    let mode =
        std::fs::metadata(world.place().join("session.sock")).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
