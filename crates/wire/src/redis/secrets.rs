//! Which arguments and answers hold a password.

use super::commands::Veil;

/// What is shown instead.
pub(super) const REDACTED: &[u8] = b"[redacted]";

/// Settings whose value is a password, of the server and of a sentinel.
const SETTINGS: [&str; 8] = [
    "auth-pass",
    "masterauth",
    "primaryauth",
    "requirepass",
    "sentinel-pass",
    "tls-client-key-file-pass",
    "tls-key-file-pass",
    "tls-key-pass",
];

/// Whether the argument at `place` of a command of `count` arguments must not be shown; `before` are those before it.
pub(super) fn is_secret(before: &[Vec<u8>], place: u64, count: Option<u64>, argument: &[u8]) -> bool {
    let is =
        |at: usize, name: &str| before.get(at).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    let follows = |name: &str, by: u64| {
        place.checked_sub(by).is_some_and(|at| usize::try_from(at).is_ok_and(|at| at > 0 && is(at, name)))
    };
    match () {
        // A lone argument is the password, a second one comes behind the user's name.
        () if is(0, "AUTH") => place > 1 || (place == 1 && count != Some(3)),
        () if is(0, "HELLO") => follows("AUTH", 2),
        () if is(0, "MIGRATE") => follows("AUTH", 1) || follows("AUTH2", 2),
        () if is(0, "ACL") && is(1, "SETUSER") => {
            place > 2 && matches!(argument.first(), Some(b'>' | b'<' | b'#' | b'!'))
        }
        () if is(0, "CONFIG") || is(0, "SENTINEL") => {
            // Behind very many arguments those before are not known any more.
            let known = place == before.len() as u64;
            place > 2 && (!known || before.last().is_some_and(|setting| is_setting(setting)))
        }
        () => false,
    }
}

/// Whether the value behind `name` in an answer must not be shown.
pub(super) fn is_secret_value(veil: Veil, name: &[u8]) -> bool {
    match veil {
        Veil::Nothing => false,
        Veil::Everything => true,
        Veil::Secrets => is_setting(name),
    }
}

/// A name that was not seen whole may be one of them.
fn is_setting(name: &[u8]) -> bool {
    name.ends_with("…".as_bytes())
        || SETTINGS.iter().any(|setting| name.eq_ignore_ascii_case(setting.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_found_wherever_a_command_has_them() {
        for (line, shown) in [
            ("AUTH secret", "AUTH *"),
            ("AUTH user secret", "AUTH user *"),
            ("auth a b c", "auth * * *"),
            ("HELLO 3 AUTH user secret SETNAME app", "HELLO 3 AUTH user * SETNAME app"),
            ("HELLO 3 SETNAME AUTH", "HELLO 3 SETNAME AUTH"),
            ("CONFIG SET requirepass secret", "CONFIG SET requirepass *"),
            ("config set maxmemory 1gb MasterAuth x", "config set maxmemory 1gb MasterAuth *"),
            ("CONFIG GET requirepass", "CONFIG GET requirepass"),
            ("ACL SETUSER bob on >secret ~* +@all #abcd", "ACL SETUSER bob on * ~* +@all *"),
            ("MIGRATE h 1 k 0 5 AUTH secret", "MIGRATE h 1 k 0 5 AUTH *"),
            ("MIGRATE h 1 k 0 5 AUTH2 user secret", "MIGRATE h 1 k 0 5 AUTH2 user *"),
            ("SENTINEL SET m auth-pass secret", "SENTINEL SET m auth-pass *"),
            ("SET AUTH secret", "SET AUTH secret"),
        ] {
            let arguments = super::super::quote::split(line.as_bytes());
            let count = Some(arguments.len() as u64);
            let seen: Vec<_> = (0..arguments.len())
                .map(|at| {
                    let secret = is_secret(&arguments[..at], at as u64, count, &arguments[at]);
                    if secret { "*".into() } else { String::from_utf8_lossy(&arguments[at]) }
                })
                .collect();
            assert_eq!(seen.join(" "), shown);
        }
        assert!(is_secret_value(Veil::Secrets, "requir…".as_bytes()));
    }
}
