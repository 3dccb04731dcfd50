//! A hash for names of things.

/// FNV-1a, 64 bits: the same on every machine and in every version, so what is called after it is found again. No
/// guard against anybody who looks for two texts of one hash.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of the hash's authors.
    #[test]
    fn it_is_the_hash_that_it_says_it_is() {
        assert_eq!(
            [b"".as_slice(), b"a", b"foobar"].map(fnv1a),
            [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]
        );
    }
}
