//! Names that say that what they name is a secret, whatever the manifest says.

/// Endings of names, without what separates their words.
const ENDINGS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "credentials",
    "apikey",
    "privatekey",
    "accesskey",
];
/// A last word that means something else at the end of another one.
const WORD: &str = "pwd";
/// Last words that say which one it is, or what was made of it, and not what it is.
const WHICH: [&str; 13] = [
    "again",
    "confirm",
    "confirmation",
    "confirmed",
    "current",
    "digest",
    "encrypted",
    "hash",
    "new",
    "old",
    "plain",
    "repeat",
    "value",
];
/// A name that is longer, in bytes, is looked at from this far before its end.
const LENGTH_LIMIT: usize = 128;

/// Whether a key, a header, a parameter or a column of this name holds a secret: a password, a token, a key of an API.
///
/// Told by its last words, which begin at capitals and behind whatever is no letter and no digit: `new_password`,
/// `X-Auth-Token`, `clientSecret`, `db.passwd`, `password2`, `passwordConfirmation`; not `max_tokens`, `token_type`.
pub fn names_secret(name: &str) -> bool {
    names_secret_bytes(name.as_bytes())
}

/// The same for a name that may be no text.
pub fn names_secret_bytes(name: &[u8]) -> bool {
    let mut rest = name.get(name.len().saturating_sub(LENGTH_LIMIT)..).unwrap_or(name);
    loop {
        rest = trim(rest);
        let word = last_word(rest);
        if word.is_empty() {
            return false;
        }
        if !WHICH.iter().any(|which| word.eq_ignore_ascii_case(which.as_bytes())) {
            break;
        }
        rest = rest.get(..rest.len() - word.len()).unwrap_or_default();
    }
    last_word(rest).eq_ignore_ascii_case(WORD.as_bytes())
        || ENDINGS.iter().any(|ending| ends_with(rest, ending.as_bytes()))
}

/// Without marks and numbers at the end, which only count: `password_2`, `tokens[]`.
fn trim(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii());
    end.map_or(&[], |end| name.get(..=end).unwrap_or_default())
}

/// The last word of a name that ends with a letter. `APIKey` ends with `Key`, `API_KEY` with `KEY`.
fn last_word(name: &[u8]) -> &[u8] {
    let is_part = |byte: u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    let mut at = name.len();
    while let Some(byte) = at.checked_sub(1).and_then(|before| name.get(before)).copied() {
        let behind = name.get(at).copied();
        let goes_on = behind.is_none_or(|behind| byte.is_ascii_uppercase() || !behind.is_ascii_uppercase());
        let begins = byte.is_ascii_uppercase() && behind.is_some_and(|behind| behind.is_ascii_lowercase());
        if !is_part(byte) || !goes_on {
            break;
        }
        at -= 1;
        if begins {
            break;
        }
    }
    name.get(at..).unwrap_or_default()
}

/// Whether a name ends so, whatever separates its words and in whichever case.
fn ends_with(name: &[u8], ending: &[u8]) -> bool {
    let letters = name.iter().rev().filter(|byte| !matches!(byte, b'_' | b'-' | b'.' | b' '));
    let mut letters = letters.map(u8::to_ascii_lowercase);
    ending.iter().rev().all(|wanted| letters.next() == Some(*wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_by_their_last_words() {
        for name in [
            "password",
            "Password",
            "PASSWORD",
            "new_password",
            "newPassword",
            "newpassword",
            "passwordConfirmation",
            "password_confirmation",
            "password2",
            "password_hash",
            "confirm-password",
            "passwd",
            "DB_PASSWD",
            "pwd",
            "userPwd",
            "passphrase",
            "secret",
            "client_secret",
            "clientSecret",
            "clientsecret",
            "secretValue",
            "token",
            "access_token",
            "accessToken",
            "refresh_token",
            "id_token",
            "X-Auth-Token",
            "X-CSRF-Token",
            "x-csrf-token",
            "X-Amz-Security-Token",
            "credential",
            "credentials",
            "aws.credentials",
            "apiKey",
            "APIKey",
            "api_key",
            "api-key",
            "apikey",
            "X-API-KEY",
            "private_key",
            "privateKey",
            "secretAccessKey",
            "AWS_ACCESS_KEY",
            "user[password]",
            "größe_token",
            "token_1",
        ] {
            assert!(names_secret(name), "{name}");
        }
        for name in [
            "",
            "_",
            "7",
            "passwords",
            "tokens",
            "max_tokens",
            "maxTokens",
            "prompt_tokens",
            "token_type",
            "tokenType",
            "expires_in",
            "key",
            "primary_key",
            "monkey",
            "keyboard",
            "password_policy",
            "secretary",
            "cwd",
            "new",
            "hash",
            "value",
            "old_value",
            "content_hash",
            "authorization_endpoint",
            "tokenize",
            "user",
            "id",
        ] {
            assert!(!names_secret(name), "{name}");
        }
    }

    #[test]
    fn any_bytes_are_a_name() {
        let long = [vec![b'x'; 100_000], b"_token".to_vec()].concat();
        assert!(names_secret_bytes(&long));
        assert!(!names_secret_bytes(&vec![b'A'; 100_000]));
        assert!(!names_secret_bytes(b"\xff\xfe\0"));
        assert!(names_secret_bytes(b"\xff\xfe_token\0"));
        let many = "new_".repeat(10_000);
        assert!(!names_secret(&many));
    }
}
