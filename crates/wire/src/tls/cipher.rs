//! Opening records: keys out of secrets (RFC 8446 section 7, RFC 5246 sections 5 and 6.3), and what is sealed with them.
//! Only suites that authenticate what they seal, so that a record that opens is surely the right one.

use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};

use super::keys::Random;

/// How a suite seals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suite {
    aead: &'static aead::Algorithm,
    longer_hash: bool,
    newest: bool,
}

/// Bytes that a seal adds at the end.
const TAG: usize = 16;
/// A part of the nonce that TLS 1.2 sends with each record, with GCM (RFC 5288 section 3).
const SENT_NONCE: usize = 8;

impl Suite {
    /// The suite of a number; `None` where it is not known how to open it.
    pub(super) fn numbered(number: u16) -> Option<Self> {
        let (aead, longer_hash, newest) = match number {
            0x1301 => (&aead::AES_128_GCM, false, true),
            0x1302 => (&aead::AES_256_GCM, true, true),
            0x1303 => (&aead::CHACHA20_POLY1305, false, true),
            0xc02b | 0xc02f | 0x009c | 0x009e => (&aead::AES_128_GCM, false, false),
            0xc02c | 0xc030 | 0x009d | 0x009f => (&aead::AES_256_GCM, true, false),
            0xcca8..=0xccaa => (&aead::CHACHA20_POLY1305, false, false),
            _ => return None,
        };
        Some(Self { aead, longer_hash, newest })
    }

    /// TLS 1.3.
    pub(super) fn is_newest(self) -> bool {
        self.newest
    }

    fn sends_nonce(self) -> bool {
        !self.newest && self.aead != &aead::CHACHA20_POLY1305
    }

    /// Bytes that a record has beyond what it says, its head included.
    pub(super) fn overhead(self) -> usize {
        5 + TAG + usize::from(self.newest) + if self.sends_nonce() { SENT_NONCE } else { 0 }
    }
}

/// What seals the records of one direction, for a while.
pub(super) struct Seal {
    suite: Suite,
    key: LessSafeKey,
    iv: [u8; aead::NONCE_LEN],
    /// Of TLS 1.3: what the next seal is made of (RFC 8446 section 7.2).
    secret: Vec<u8>,
    /// The next record's.
    pub(super) sequence: u64,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seal").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

impl Seal {
    /// Of a traffic secret of TLS 1.3.
    pub(super) fn of_traffic(suite: Suite, secret: &[u8]) -> Option<Self> {
        let mut key = vec![0; suite.aead.key_len()];
        let mut iv = [0; aead::NONCE_LEN];
        expand(suite, secret, b"key", &mut key)?;
        expand(suite, secret, b"iv", &mut iv)?;
        Self::new(suite, &key, iv, secret.to_vec())
    }

    /// What follows when its sender changes keys.
    pub(super) fn next(&self) -> Option<Self> {
        if !self.suite.newest {
            return None;
        }
        let mut secret = vec![0; self.secret.len()];
        expand(self.suite, &self.secret, b"traffic upd", &mut secret)?;
        Self::of_traffic(self.suite, &secret)
    }

    /// Both directions', of a master secret before TLS 1.3: the client's, then the server's.
    pub(super) fn of_master(
        suite: Suite,
        master: &[u8],
        client: &Random,
        server: &Random,
    ) -> Option<[Self; 2]> {
        let key = suite.aead.key_len();
        let iv = if suite.sends_nonce() { aead::NONCE_LEN - SENT_NONCE } else { aead::NONCE_LEN };
        let mut block = vec![0; 2 * (key + iv)];
        let seed = [&b"key expansion"[..], server, client].concat();
        prf(if suite.longer_hash { hmac::HMAC_SHA384 } else { hmac::HMAC_SHA256 }, master, &seed, &mut block);
        let (keys, ivs) = block.split_at(2 * key);
        let seal = |side: usize| {
            let mut whole = [0; aead::NONCE_LEN];
            whole[..iv].copy_from_slice(&ivs[side * iv..(side + 1) * iv]);
            Self::new(suite, &keys[side * key..(side + 1) * key], whole, Vec::new())
        };
        Some([seal(0)?, seal(1)?])
    }

    fn new(suite: Suite, key: &[u8], iv: [u8; aead::NONCE_LEN], secret: Vec<u8>) -> Option<Self> {
        let key = LessSafeKey::new(UnboundKey::new(suite.aead, key).ok()?);
        Some(Self { suite, key, iv, secret, sequence: 0 })
    }

    /// What the record with this number says, and as what: a record's type and its content. `None`: it is not sealed
    /// so, or has another number.
    pub(super) fn open(&self, sequence: u64, head: &[u8], payload: &[u8]) -> Option<(u8, Vec<u8>)> {
        let sent = if self.suite.sends_nonce() { SENT_NONCE } else { 0 };
        let (sent, sealed) = payload.split_at_checked(sent)?;
        let mut nonce = self.iv;
        if sent.is_empty() {
            let number = sequence.to_be_bytes();
            nonce.iter_mut().rev().zip(number.iter().rev()).for_each(|(byte, number)| *byte ^= number);
        } else {
            nonce[aead::NONCE_LEN - SENT_NONCE..].copy_from_slice(sent);
        }
        let length = u16::try_from(sealed.len().checked_sub(TAG)?).ok()?;
        let about = if self.suite.newest {
            head.to_vec()
        } else {
            [&sequence.to_be_bytes()[..], head.get(..3)?, &length.to_be_bytes()].concat()
        };
        let mut content = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.key.open_in_place(nonce, Aad::from(about), &mut content).ok()?.len();
        content.truncate(opened);
        if !self.suite.newest {
            return Some((*head.first()?, content));
        }
        // The type stands at the end, before any number of zeros (RFC 8446 section 5.4).
        let end = content.iter().rposition(|byte| *byte != 0)?;
        let kind = content[end];
        content.truncate(end);
        Some((kind, content))
    }
}

/// `HKDF-Expand-Label` without context.
fn expand(suite: Suite, secret: &[u8], label: &[u8], to: &mut [u8]) -> Option<()> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let hash = if suite.longer_hash { hkdf::HKDF_SHA384 } else { hkdf::HKDF_SHA256 };
    let label = [b"tls13 ", label].concat();
    let parts: [&[u8]; 4] = [&(to.len() as u16).to_be_bytes(), &[label.len() as u8], &label, &[0]];
    hkdf::Prk::new_less_safe(hash, secret).expand(&parts, Length(to.len())).ok()?.fill(to).ok()
}

/// The pseudorandom function of TLS 1.2 (RFC 5246 section 5); `seed` is label and seed.
fn prf(hash: hmac::Algorithm, secret: &[u8], seed: &[u8], to: &mut [u8]) {
    let key = hmac::Key::new(hash, secret);
    let mut a = hmac::sign(&key, seed);
    for part in to.chunks_mut(hash.digest_algorithm().output_len()) {
        let mut with = hmac::Context::with_key(&key);
        with.update(a.as_ref());
        with.update(seed);
        part.copy_from_slice(&with.sign().as_ref()[..part.len()]);
        a = hmac::sign(&key, a.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
    }

    /// RFC 8448 section 3: the client's application traffic secret, its keys, and its first record.
    #[test]
    fn a_record_of_the_standard_s_own_example_opens() {
        let suite = Suite::numbered(0x1301).unwrap();
        let secret = bytes("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
        let mut key = [0; 16];
        expand(suite, &secret, b"key", &mut key).unwrap();
        assert_eq!(key[..], bytes("17422dda596ed5d9acd890e3c63f5051"));
        let record = bytes(
            "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2\
             977014bd1e3deae63aeebb21694915e4",
        );
        let seal = Seal::of_traffic(suite, &secret).unwrap();
        let (kind, content) = seal.open(0, &record[..5], &record[5..]).unwrap();
        assert_eq!((kind, content), (23, (0..50).collect()));
        assert!(seal.open(1, &record[..5], &record[5..]).is_none());
        assert!(seal.next().unwrap().open(0, &record[..5], &record[5..]).is_none());
        assert!(seal.open(0, &record[..5], &record[5..9]).is_none());
    }
}
