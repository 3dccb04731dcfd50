//! TCP sequence numbers (RFC 9293 section 3.4).

/// A position in one direction of a connection; wraps at 2^32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seq(pub(crate) u32);

impl Seq {
    /// The position `bytes` further on.
    pub(crate) fn plus(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes as u32))
    }

    /// How far this position is after `other`; negative when it is before. Right within 2 GB.
    pub(crate) fn after(self, other: Self) -> i64 {
        i64::from(self.0.wrapping_sub(other.0).cast_signed())
    }

    /// The earlier of two.
    pub(crate) fn min(self, other: Self) -> Self {
        if self.after(other) < 0 { self } else { other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_hold_across_the_wrap() {
        let cases = [(5, 3, 2), (3, 5, -2), (2, u32::MAX, 3), (u32::MAX, 2, -3), (7, 7, 0)];
        for (a, b, distance) in cases {
            assert_eq!(Seq(a).after(Seq(b)), distance, "{a} after {b}");
            assert_eq!(Seq(b).plus(distance as u64), Seq(a));
            assert_eq!(Seq(a).min(Seq(b)), if distance < 0 { Seq(a) } else { Seq(b) });
        }
    }
}
