//! The command line as it is typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Runs the services of a manifest as containers, keeps them on the newest code, and shows what they say to each
/// other.
#[derive(Debug, Parser)]
#[command(name = "shoal", version, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub stack: StackArguments,
    #[command(subcommand)]
    pub command: Command,
}

/// Which stack is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct StackArguments {
    /// The manifest [default: `services.toml` here or in the nearest parent folder]
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The stack's name [default: the manifest's `name`, else its folder's name]
    #[arg(short = 'p', long = "project-name", value_name = "NAME", global = true)]
    pub name: Option<String>,
    /// Also run services of this profile
    #[arg(long = "profile", value_name = "PROFILE", global = true)]
    pub profiles: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read the manifest and say what is wrong with it; needs no engine
    Check {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print the resolved plan as JSON; needs no engine
    Plan {
        /// JSON is the only form there is
        #[arg(long)]
        json: bool,
    },
    /// Start services and what they depend on; follow their logs until Ctrl-C stops the stack
    Up(UpArguments),
    /// Stop and remove the stack
    Down {
        /// Remove named volumes too: their data is lost
        #[arg(short, long)]
        volumes: bool,
        /// Remove services of lifetime `persistent` too
        #[arg(long)]
        all: bool,
    },
    /// Start services that are stopped
    Start(Chosen),
    /// Stop services
    Stop(Chosen),
    /// Stop and start services
    Restart(Chosen),
    /// Build images again and replace the containers
    Build(Chosen),
    /// Apply the changes that wait in manual reload mode
    Reload(Chosen),
    /// List services
    Ps {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print stored logs of all services, merged by time
    Logs(LogsArguments),
    /// Print the calls between services
    Calls(CallsArguments),
    /// Print who called whom, and what of it does not fit the manifest
    Map(MapArguments),
    /// Print what was asked over each edge: calls, errors and times of `GET /orders/{id}` and the like
    Routes(RoutesArguments),
    /// Print what services offer as OpenAPI 3.1, inferred from the calls that were seen
    Openapi {
        /// Which services [default: all]
        services: Vec<String>,
        /// One JSON object a line, a service each
        #[arg(long)]
        json: bool,
    },
    /// Print what happened: starts, readiness, crashes, reloads
    Events {
        /// Go on as things happen
        #[arg(short, long)]
        follow: bool,
        /// Only the last N events
        #[arg(short = 'n', long, value_name = "N")]
        lines: Option<usize>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Run a command in a service's container
    Exec {
        /// The service
        service: String,
        /// Without a terminal: output and errors stay apart
        #[arg(short = 'T', long = "no-tty")]
        plain: bool,
        /// The command
        #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
        command: Vec<String>,
    },
    /// Open a shell in a service's container
    Shell {
        /// The service
        service: String,
    },
    /// Open the window on this stack
    Open,
    /// Run the session in the foreground, with the page for a browser when asked
    Serve {
        /// Serve the window's page on this loopback address too, such as `127.0.0.1:7400`; port 0 picks one
        #[arg(long, value_name = "ADDR")]
        listen: Option<String>,
        /// End when nothing runs and nobody looks
        #[arg(long, hide = true)]
        background: bool,
    },
    /// Say what is wrong with this machine, and the command that mends it
    Doctor {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print the manifest's JSON Schema
    Schema,
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version,
    /// Tell the window which stack is meant
    #[command(hide = true)]
    Place {
        /// The manifest, here too: the window's arguments come whole
        #[arg(short = 'f', long = "file")]
        manifests: Vec<PathBuf>,
        /// A manifest, or a folder in or below that of one
        path: Option<PathBuf>,
    },
}

/// Some services.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// Which services [default: all]
    pub services: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    /// Which services, with what they depend on [default: all]
    pub services: Vec<String>,
    /// Return when all are ready; the stack goes on
    #[arg(short, long)]
    pub detach: bool,
    /// Build images even if their service runs unchanged
    #[arg(long)]
    pub build: bool,
    /// Do not watch files
    #[arg(long)]
    pub no_reload: bool,
    /// Do not observe calls
    #[arg(long)]
    pub no_capture: bool,
    /// How long to wait until all are ready, in seconds
    #[arg(long, value_name = "S", default_value_t = 600)]
    pub timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArguments {
    /// Of which services [default: all]
    pub services: Vec<String>,
    /// Go on as lines come
    #[arg(short, long, conflicts_with_all = ["save", "open"])]
    pub follow: bool,
    /// Only the last N lines
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<u32>,
    /// Not before this time: `10m` (ago), `10:30` or `2026-01-31 10:30` in UTC as times are shown, or RFC 3339
    #[arg(long, value_name = "T")]
    pub since: Option<String>,
    /// Not after this time, written as for `--since`
    #[arg(long, value_name = "T")]
    pub until: Option<String>,
    /// Only lines that match this regular expression, with the stack trace or record that they are part of
    #[arg(long, value_name = "RE")]
    pub grep: Option<String>,
    /// Only lines of at least this level: trace, debug, info, warn, error, fatal
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<String>,
    /// Only lines for which this CEL expression is true, over `service instance level text stream ts fields trace`
    #[arg(long = "where", value_name = "EXPR")]
    pub where_: Option<String>,
    /// Only lines that name this trace or request id, as `shoal calls --json` tells it
    #[arg(long, value_name = "ID", conflicts_with = "grep")]
    pub trace: Option<String>,
    /// Only the very lines that match, not the whole stack traces and records around them
    #[arg(long)]
    pub no_group: bool,
    /// Print only how many lines match
    #[arg(long, conflicts_with = "open")]
    pub count: bool,
    /// One JSON object a line
    #[arg(long, group = "form")]
    pub json: bool,
    /// Log records of OpenTelemetry (OTLP/JSON), a batch a line, for any tool that reads them
    #[arg(long, group = "form")]
    pub otlp: bool,
    /// Write the lines to this file, packed, for `--open` here or on another machine
    #[arg(long, value_name = "FILE", group = "form", conflicts_with = "count")]
    pub save: Option<PathBuf>,
    /// Read the lines of such a file, or of saved `--json` output, instead of asking a stack; needs no engine
    #[arg(long, value_name = "FILE")]
    pub open: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct CallsArguments {
    #[command(subcommand)]
    pub command: Option<CallsCommand>,
    /// Go on as calls come
    #[arg(short, long, conflicts_with_all = ["pcap", "har", "otlp", "openapi", "curl", "grpcurl"])]
    pub follow: bool,
    /// Only the last N calls
    #[arg(short = 'n', long, value_name = "N", conflicts_with_all = ["curl", "grpcurl"])]
    pub lines: Option<u32>,
    /// Made by this service
    #[arg(long, value_name = "SERVICE")]
    pub from: Option<String>,
    /// Made to this service
    #[arg(long, value_name = "SERVICE")]
    pub to: Option<String>,
    /// Of this protocol: http/1, tcp
    #[arg(long)]
    pub protocol: Option<String>,
    /// Only failed ones
    #[arg(long)]
    pub failed: bool,
    /// Leave out health checks, scrapes of metrics, and polls
    #[arg(long)]
    pub no_background: bool,
    /// Longer than this: `250ms`, `1s`
    #[arg(long, value_name = "D")]
    pub slower: Option<String>,
    /// Not before this time: `10m` (ago), `10:30` or `2026-01-31 10:30` in UTC as times are shown, or RFC 3339
    #[arg(long, value_name = "T")]
    pub since: Option<String>,
    /// Only calls of this trace or request id, as log lines name it
    #[arg(long, value_name = "ID")]
    pub trace: Option<String>,
    /// Not after this time, as for `--since`
    #[arg(long, value_name = "T")]
    pub until: Option<String>,
    /// Only calls for which this CEL expression is true
    #[arg(long = "where", value_name = "EXPR")]
    pub where_: Option<String>,
    /// One JSON object a line, with headers and bodies
    #[arg(long, group = "form")]
    pub json: bool,
    /// An HTTP Archive (HAR 1.2)
    #[arg(long, group = "form")]
    pub har: bool,
    /// Spans of OpenTelemetry (OTLP/JSON), for any tool that reads traces
    #[arg(long, group = "form")]
    pub otlp: bool,
    /// What these calls tell of their callees, as OpenAPI 3.1; `shoal openapi` looks at all calls
    #[arg(long, group = "form")]
    pub openapi: bool,
    /// The curl command that makes this call again
    #[arg(long, value_name = "ID", group = "form")]
    pub curl: Option<String>,
    /// The grpcurl command that makes this call again
    #[arg(long, value_name = "ID", group = "form")]
    pub grpcurl: Option<String>,
    /// Decode capture files instead of asking a stack; needs no engine
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub pcap: Vec<PathBuf>,
    /// With `--pcap`: decrypt TLS by a key log that client or server wrote (`SSLKEYLOGFILE`)
    #[arg(long, value_name = "KEYLOG", requires = "pcap")]
    pub tls_keys: Vec<PathBuf>,
}

/// A range of the last day.
#[derive(Debug, Args)]
pub(crate) struct When {
    /// Only calls that began not before this time: `10m` (ago), `10:30` or `2026-01-31 10:30` in UTC, or RFC 3339
    #[arg(long, value_name = "T")]
    pub since: Option<String>,
    /// Only calls that began before this time, as for `--since`
    #[arg(long, value_name = "T")]
    pub until: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct MapArguments {
    #[command(flatten)]
    pub when: When,
    /// One JSON object a line
    #[arg(long, group = "form")]
    pub json: bool,
    /// For Graphviz
    #[arg(long, group = "form")]
    pub dot: bool,
    /// For Mermaid
    #[arg(long, group = "form")]
    pub mermaid: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RoutesArguments {
    /// Of calls made by this service
    #[arg(long, value_name = "SERVICE")]
    pub from: Option<String>,
    /// Of calls made to this service
    #[arg(long, value_name = "SERVICE")]
    pub to: Option<String>,
    #[command(flatten)]
    pub when: When,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CallsCommand {
    /// Print one call whole
    Show {
        /// Its id
        id: String,
        /// With the values that are hidden, as long as the session has them in memory
        #[arg(long, conflicts_with = "pcap")]
        reveal: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Of these capture files, by the id that `shoal calls --pcap` shows; needs no engine
        #[arg(long, value_name = "FILE", num_args = 1..)]
        pcap: Vec<PathBuf>,
        /// With `--pcap`: decrypt TLS by this key log
        #[arg(long, value_name = "KEYLOG", requires = "pcap")]
        tls_keys: Vec<PathBuf>,
    },
    /// Make a call of HTTP again, from this machine, and compare both answers
    Replay {
        /// Its id
        id: String,
        /// Change it: `method=PUT`, `path=/orders/8`, `query.NAME=VALUE`, `header.NAME=VALUE`, `body=TEXT`, `body=@FILE`
        #[arg(long = "set", value_name = "WHAT=VALUE")]
        set: Vec<String>,
        /// Do not send this header
        #[arg(long, value_name = "HEADER")]
        without: Vec<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the packets of one call's connection to a capture file, for Wireshark; they are raw, nothing is hidden
    Pcap {
        /// Its id
        id: String,
        /// The file; `-` for standard output
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Write packets to a capture file as they come, until Ctrl-C; they are raw, nothing is hidden
    Record {
        /// To and from which services [default: all]
        services: Vec<String>,
        /// The file; `-` for standard output, as in `shoal calls record --to - | wireshark -k -i -`
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// End after so many seconds
        #[arg(long, value_name = "N")]
        seconds: Option<f64>,
        /// Begin with those that are still kept from this time on: `10s` (ago), `10:30` in UTC, or RFC 3339; without
        /// `--seconds`, end with them
        #[arg(long, value_name = "T")]
        since: Option<String>,
        /// End with those of this time, written as for `--since`
        #[arg(long, value_name = "T", requires = "since", conflicts_with = "seconds")]
        until: Option<String>,
    },
    /// Print the calls that led to one, and those that it caused, as a tree
    Chain {
        /// Its id
        id: String,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}
