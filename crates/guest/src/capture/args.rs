//! What `capture` is told when it starts; its standard input may tell otherwise later.

use std::ffi::OsString;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Args {
    /// How much of each body is kept, in bytes.
    pub(super) body_limit: usize,
    /// The networks' bridge interfaces.
    pub(super) bridges: Vec<String>,
    /// Whether loopback is heard, and nothing else.
    pub(super) loopback: bool,
    /// The ring's size, in megabytes.
    pub(super) ring: usize,
}

const BODY_LIMIT: usize = 64 * 1024;
/// Nothing is dropped at a gigabyte a second on two busy cores.
const RING: usize = 16;
const LARGEST_RING: usize = 256;

/// Reads `--body-limit BYTES`, `--ring MEGABYTES`, `--loopback`, and any number of `--bridge NAME`.
pub(super) fn parse(args: &[OsString]) -> Result<Args, String> {
    let mut parsed = Args { body_limit: BODY_LIMIT, bridges: Vec::new(), loopback: false, ring: RING };
    let mut args = args.iter().map(|arg| arg.to_string_lossy());
    while let Some(name) = args.next() {
        if name == "--loopback" {
            parsed.loopback = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("`{name}` needs a value"))?;
        match name.as_ref() {
            "--bridge" => parsed.bridges.push(value.into_owned()),
            "--body-limit" => {
                parsed.body_limit = value.parse().map_err(|_| format!("`{value}` is no number of bytes"))?;
            }
            "--ring" => {
                let size = value.parse().ok().filter(|size| (1..=LARGEST_RING).contains(size));
                parsed.ring = size
                    .ok_or_else(|| format!("`{value}` is no number of megabytes from 1 to {LARGEST_RING}"))?;
            }
            _ => return Err(format!("`{name}` is no option of `capture`")),
        }
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Args, String> {
        parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_or_refused_with_the_reason() {
        let args = |body_limit, bridges: &[&str], loopback, ring| {
            let bridges = bridges.iter().map(|&b| b.to_owned()).collect();
            Ok(Args { body_limit, bridges, loopback, ring })
        };
        assert_eq!(read(""), args(BODY_LIMIT, &[], false, 16));
        assert_eq!(read("--body-limit 9 --bridge br-a --bridge br-b"), args(9, &["br-a", "br-b"], false, 16));
        assert_eq!(read("--loopback --ring 4"), args(BODY_LIMIT, &[], true, 4));
        assert_eq!(read("--body-limit x"), Err("`x` is no number of bytes".to_owned()));
        assert_eq!(read("--ring 0"), Err("`0` is no number of megabytes from 1 to 256".to_owned()));
        assert_eq!(read("--bridge"), Err("`--bridge` needs a value".to_owned()));
        assert_eq!(read("--port 80"), Err("`--port` is no option of `capture`".to_owned()));
    }
}
