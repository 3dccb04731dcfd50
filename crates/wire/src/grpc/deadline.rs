//! How long a caller was ready to wait.

use std::time::Duration;

use model::Timestamp;
use model::exchange::{Exchange, Protocol};

/// Clients round the time that they tell, and give up by their own clock.
const SLACK: Duration = Duration::from_millis(2);

/// The deadline of a gRPC call, if a client that gives up at `now` does so because of it.
pub(crate) fn passed(exchange: &Exchange, now: Timestamp) -> Option<Duration> {
    if exchange.protocol != Protocol::Grpc {
        return None;
    }
    let deadline = parse(super::value(&exchange.request.headers, "grpc-timeout")?)?;
    let waited = now.since(exchange.request.first);
    (waited + waited / 64 + SLACK >= deadline).then_some(deadline)
}

/// At most eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.len() > 8 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        let millis = |text| parse(text).map(|d| d.as_secs_f64() * 1e3);
        assert_eq!(["151m", "2S", "1H", "1500u"].map(millis), [151.0, 2e3, 36e5, 1.5].map(Some));
        assert_eq!(["", "m", "1", "123456789m", "1é", "-1S", "1x"].map(millis), [None; 7]);
    }
}
