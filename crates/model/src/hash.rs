//! A hash for names of things, and to tell contents apart.

use std::io::{self, Read};

/// FNV-1a, 64 bits: the same on every machine and in every version, so what is called after it is found again. No
/// guard against anybody who looks for two texts of one hash.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    fnv1a_on(FNV1A_EMPTY, bytes)
}

/// The hash of nothing, from which [`fnv1a_on`] goes on.
pub const FNV1A_EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash of a text that comes in pieces: of the pieces before, and the next one.
pub fn fnv1a_on(before: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(before, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The hash of all that can be read, and how many bytes that were.
pub fn fnv1a_of(mut reader: impl Read) -> io::Result<(u64, u64)> {
    let (mut bytes, mut hash, mut length) = (vec![0; 64 * 1024], FNV1A_EMPTY, 0);
    loop {
        match reader.read(&mut bytes) {
            Ok(0) => return Ok((hash, length)),
            Ok(read) => {
                hash = fnv1a_on(hash, &bytes[..read]);
                length += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
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
        assert_eq!(fnv1a_on(fnv1a(b"foo"), b"bar"), fnv1a(b"foobar"));
        assert_eq!(fnv1a_of(b"foobar".as_slice()).unwrap(), (fnv1a(b"foobar"), 6));
    }
}
