//! The guard of the loopback address.
//!
//! Every request must name this very host (against DNS rebinding), come from this very origin where it says where it
//! comes from (against other web pages), and carry the token: once as `?token=`, which is answered by a cookie that
//! no script can read, and a redirect that takes it out of the address.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

/// Who may enter.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    address: SocketAddr,
    token: Arc<str>,
}

impl Door {
    /// A door with a fresh token.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, token: fresh_token().into() }
    }

    /// The page's address with its token.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/?token={}", self.address, self.token)
    }

    fn cookie_name(&self) -> String {
        // Cookies know no ports: two sessions on one host must not share one.
        format!("shoal-{}", self.address.port())
    }

    fn is_this_host(&self, host: &str) -> bool {
        let port = self.address.port();
        [self.address.to_string(), format!("localhost:{port}")].iter().any(|known| known == host)
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
        let host = text(header::HOST).is_some_and(|host| self.is_this_host(host));
        let origin = text(header::ORIGIN)
            .is_none_or(|o| o.strip_prefix("http://").is_some_and(|h| self.is_this_host(h)));
        host && origin
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie_name();
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
        let bearer =
            headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
        cookies
            .flat_map(|c| c.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter_map(|(key, value)| (key == name).then_some(value))
            .chain(bearer)
            .any(|given| same(given, &self.token))
    }
}

/// Puts the door in front of all routes.
pub(crate) fn guard(router: Router, door: Door) -> Router {
    router.layer(middleware::from_fn_with_state(door, enter))
}

async fn enter(State(door): State<Door>, request: Request, next: Next) -> Response {
    if !door.admits(request.headers()) {
        return (StatusCode::FORBIDDEN, "this address answers only its own page").into_response();
    }
    let query = request.uri().query().unwrap_or_default();
    let given = query.split('&').find_map(|pair| pair.strip_prefix("token="));
    if given.is_some_and(|given| same(given, &door.token)) {
        let cookie = format!("{}={}; HttpOnly; SameSite=Strict; Path=/", door.cookie_name(), door.token);
        let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("token=")).collect();
        let target = if kept.is_empty() { "/".to_owned() } else { format!("/?{}", kept.join("&")) };
        return (StatusCode::SEE_OTHER, [(header::SET_COOKIE, cookie), (header::LOCATION, target)])
            .into_response();
    }
    if !door.has_token(request.headers()) {
        return (StatusCode::UNAUTHORIZED, "open the address that `shoal serve` printed").into_response();
    }
    next.run(request).await
}

/// Compares in a time that does not tell where two texts differ.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |sum, (x, y)| sum | (x ^ y)) == 0
}

/// 128 bits of the system's randomness, in hexadecimal digits.
fn fresh_token() -> String {
    let mut bytes = [0; 16];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes));
    if read.is_err() {
        // Where there is no such file, the hasher's keys come from the system's randomness too.
        for half in bytes.chunks_mut(8) {
            half.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
        }
    }
    format!("{:032x}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Door {
        Door::new("127.0.0.1:7400".parse().unwrap())
    }

    fn headers(all: &[(&str, &str)]) -> HeaderMap {
        all.iter().map(|(k, v)| (k.parse::<header::HeaderName>().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn only_its_own_page_is_answered() {
        let door = door();
        for (good, all) in [
            (true, vec![("host", "127.0.0.1:7400")]),
            (true, vec![("host", "localhost:7400"), ("origin", "http://localhost:7400")]),
            (false, vec![]),
            (false, vec![("host", "evil.example")]),
            (false, vec![("host", "127.0.0.1:7400"), ("origin", "http://evil.example")]),
            (false, vec![("host", "127.0.0.1:7400"), ("origin", "null")]),
        ] {
            assert_eq!(door.admits(&headers(&all)), good, "{all:?}");
        }
    }

    #[test]
    fn the_token_is_long_new_each_time_and_must_be_whole() {
        let door = door();
        assert_eq!(door.token.len(), 32);
        assert_ne!(door.token, Door::new(door.address).token);
        let cookie = |value: &str| headers(&[("cookie", &format!("a=b; shoal-7400={value}"))]);
        assert!(door.has_token(&cookie(&door.token)));
        assert!(!door.has_token(&cookie(&door.token[1..])));
        assert!(!door.has_token(&cookie("")));
        assert!(!door.has_token(&headers(&[])));
    }
}
