use std::ffi::OsString;
use std::process::ExitCode;

pub(crate) fn run(_args: &[OsString]) -> ExitCode {
    crate::complain("`capture` is not part of this build")
}
