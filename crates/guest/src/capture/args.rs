//! What `capture` is told when it starts; its standard input may tell otherwise later.

use std::ffi::OsString;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Args {
    /// How much of each body is kept, in bytes.
    pub(super) body_limit: usize,
    /// The networks' bridge interfaces.
    pub(super) bridges: Vec<String>,
}

const BODY_LIMIT: usize = 64 * 1024;

/// Reads `--body-limit BYTES` and any number of `--bridge NAME`.
pub(super) fn parse(args: &[OsString]) -> Result<Args, String> {
    let mut parsed = Args { body_limit: BODY_LIMIT, bridges: Vec::new() };
    let mut args = args.iter().map(|arg| arg.to_string_lossy());
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("`{name}` needs a value"))?;
        match name.as_ref() {
            "--bridge" => parsed.bridges.push(value.into_owned()),
            "--body-limit" => {
                parsed.body_limit = value.parse().map_err(|_| format!("`{value}` is no number of bytes"))?;
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
        let args = |body_limit, bridges: &[&str]| {
            Ok(Args { body_limit, bridges: bridges.iter().map(|&b| b.to_owned()).collect() })
        };
        assert_eq!(read(""), args(BODY_LIMIT, &[]));
        assert_eq!(read("--body-limit 9 --bridge br-a --bridge br-b"), args(9, &["br-a", "br-b"]));
        assert_eq!(read("--body-limit x"), Err("`x` is no number of bytes".to_owned()));
        assert_eq!(read("--bridge"), Err("`--bridge` needs a value".to_owned()));
        assert_eq!(read("--port 80"), Err("`--port` is no option of `capture`".to_owned()));
    }
}
