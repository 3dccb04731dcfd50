//! Services for tests: small programs in the one language that the base image has beside the shell.

/// The programs, as files beside the manifest.
pub(super) const PROGRAMS: [(&str, &str); 4] = [
    ("web.pl", include_str!("../programs/web.pl")),
    ("call.pl", include_str!("../programs/call.pl")),
    ("lines.pl", include_str!("../programs/lines.pl")),
    ("state.pl", include_str!("../programs/state.pl")),
];

const BASE: &str = r#"image = "shoal/base:bookworm"
volumes = ["./web.pl:/web.pl:ro", "./call.pl:/call.pl:ro", "./lines.pl:/lines.pl:ro"]
stop_grace = "2s"
"#;

/// A service that answers HTTP on port 8000 (`programs/web.pl`) and has `call.pl`; `more` are further keys.
pub(crate) fn web(name: &str, more: &str) -> String {
    format!(
        "[services.{name}]\n{BASE}command = [\"perl\", \"/web.pl\"]\nready = {{ http = \":8000/healthz\" }}\n{more}\n"
    )
}

/// A service that runs a shell script.
pub(crate) fn script(name: &str, shell: &str, more: &str) -> String {
    format!("[services.{name}]\n{BASE}command = [\"sh\", \"-c\", '''{shell}''']\n{more}\n")
}

/// A service `writer` that writes numbered lines (`programs/lines.pl`) until it is told to end, and then how many they
/// were. `mark` makes it another one, so that its container is made anew.
pub(crate) fn writer(per_second: u32, mark: &str) -> String {
    format!(
        "[services.writer]\nimage = \"shoal/base:bookworm\"\nvolumes = [\"./lines.pl:/lines.pl:ro\", \"./said:/said\"]\n\
         command = [\"perl\", \"/lines.pl\", \"1000000000\", \"{per_second}\"]\nenv = {{ MARK = \"{mark}\" }}\n"
    )
}
