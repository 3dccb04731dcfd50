//! A range of addresses.

use std::net::IpAddr;

/// A range of addresses, as in `172.18.0.0/16` (RFC 4632, section 3.1; RFC 4291, section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subnet {
    first: IpAddr,
    /// How many leading bits all of them have in common.
    common: u32,
}

impl Subnet {
    /// `None` for what is no range.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (first, common) = text.split_once('/')?;
        let (first, common): (IpAddr, u32) = (first.parse().ok()?, common.parse().ok()?);
        let most = if first.is_ipv4() { 32 } else { 128 };
        (common <= most).then_some(Self { first, common })
    }

    pub(crate) fn contains(self, addr: IpAddr) -> bool {
        match (self.first, addr.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(addr)) => {
                let differ = first.to_bits() ^ addr.to_bits();
                differ.checked_shr(32 - self.common).unwrap_or_default() == 0
            }
            (IpAddr::V6(first), IpAddr::V6(addr)) => {
                let differ = first.to_bits() ^ addr.to_bits();
                differ.checked_shr(128 - self.common).unwrap_or_default() == 0
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_what_begins_as_it_does() {
        for (range, addr, holds) in [
            ("172.18.0.0/16", "172.18.255.1", true),
            ("172.18.0.0/16", "::ffff:172.18.0.9", true),
            ("172.18.0.0/16", "172.19.0.1", false),
            ("172.18.0.4/32", "172.18.0.4", true),
            ("172.18.0.4/32", "172.18.0.5", false),
            ("0.0.0.0/0", "9.9.9.9", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00:1::/64", "fd00:1::2", true),
            ("fd00:1::/64", "fd00:1:0:1::2", false),
            ("::/0", "fd00::1", true),
        ] {
            assert_eq!(Subnet::read(range).unwrap().contains(addr.parse().unwrap()), holds, "{range} {addr}");
        }
        for text in ["172.18.0.0", "172.18.0.0/33", "x/8", "fd00::/129", ""] {
            assert_eq!(Subnet::read(text), None, "{text}");
        }
    }
}
