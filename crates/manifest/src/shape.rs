//! The manifest as it is written: every key with its type, default and meaning. The JSON Schema and
//! `docs/MANIFEST.md` are made from these declarations, and so is what the reader accepts.

mod union;

use std::time::Duration;

use model::exchange::Protocol;
use model::plan::{Lifetime, OnDelete, PullPolicy, ReloadMode};

use crate::format::{
    Bytes, Capability, Cores, Count, HostLine, Image, Inside, Limit, Loose, MountType, Platform, PortNumber,
    Ports, Raw, Redacted, Restart, Signal, StackName, Target, Then,
};
use crate::read::{At, List, Map, Several};
use crate::table::table;

pub(crate) use union::{Build, DependsOn, EnvFile, Ulimit, Volume, Words};

table! {
    /// The services of one repository, and how they run on a developer's machine.
    Manifest: "the manifest" {
        /// The stack's name; without it, the folder's. It begins the names of containers, volumes and the network.
        name: At<StackName>,
        /// Other manifests that join this stack, each with its own folder and its own `.env`.
        include: List<At<String>>,
        /// Files of variables for `${…}` in this manifest. The shell's own variables beat them.
        env_file: Several<EnvFile> = [".env"],
        /// What runs, by name. The name is the service's host name too.
        services: Map<Service>,
        /// What is kept of the calls between services.
        calls: Calls,
        /// Who may call whom. A caller that no entry names may call everybody.
        allow: List<Allow>,
    }
    later {
        networks: "every service is on the stack's own network and reachable by its name",
        secrets: "use `env` or a read-only volume",
        configs: "use a read-only volume",
    }
    elsewhere {
        volumes: "named volumes need no declaration: write `volumes = [\"data:/path\"]` in the service",
        service: "did you mean `services`?",
        version: "leave it out",
    }
}

table! {
    /// One service: a container, from an image or from a Dockerfile.
    Service: "a service" {
        /// The image by reference. Either this or `build`.
        image: At<Image>,
        /// The folder with the Dockerfile, or a table that says more. Either this or `image`.
        build: Build,
        /// Replaces the image's command. A string is cut into words as a shell would, but no shell runs it.
        command: Words,
        /// Replaces the image's entrypoint, cut as `command` is.
        entrypoint: Words,
        /// Variables of the service. They beat `env_file`.
        env: Map<At<Loose>>,
        /// Files of `KEY=VALUE` lines for the service; a later one beats an earlier one.
        env_file: Several<EnvFile>,
        /// Ports published on this machine: `HOST:CONTAINER`, on 127.0.0.1 unless an address stands before. A container
        /// port alone gets a free port of this machine.
        ports: List<At<Ports>>,
        /// What its ports speak, where that cannot be told from the bytes or is told wrongly: a table of container port =
        /// protocol, such as `{ 5433 = "postgres" }`. `"tcp"` leaves a port undecoded.
        protocols: Map<At<Protocol>>,
        /// Also shows calls that its processes make over loopback, and to its own name: they cross no network. A second
        /// container of Shoal's listens on its loopback for that.
        loopback: At<bool> = false,
        /// What is mounted: `NAME:/path` (a volume that survives), `./folder:/path`, either with `:ro`, or a table.
        volumes: List<Volume>,
        /// What must be ready first: a list of names, or a table of name = `"started"`, `"ready"` or `"completed"`.
        depends_on: DependsOn,
        /// How to see that it is ready. Without it: the image's health check, else the first port accepts, else it runs.
        /// A port that only the image exposes is not insisted on where `command` is given: such a service may be a worker, and
        /// is ready when it has run for ten seconds, after a reload for two.
        ready: Ready,
        /// What happens when files change.
        reload: List<Reload>,
        /// The service runs only when one of these profiles is active, or when it is asked for by name.
        profiles: List<At<String>>,
        /// `"persistent"` keeps it through `shoal down`; only `down --all` ends it.
        lifetime: At<Lifetime> = "session",
        /// Limits of memory and processor.
        resources: Resources,
        /// `USER[:GROUP]` inside the container; without it, the image's.
        user: At<String>,
        /// The working folder inside the container; without it, the image's.
        working_dir: At<Inside>,
        /// The signal that asks it to end; without it, the image's, else SIGTERM.
        stop_signal: At<Signal>,
        /// How long it may take to end before it is killed.
        stop_grace: At<Duration> = "10s",
        /// When the engine starts it again: `"no"`, `"on-failure"`, `"on-failure:3"`, `"always"`.
        restart: At<Restart> = "no",
        /// When the image is pulled.
        pull: At<PullPolicy> = "missing",
        /// The platform of the image; without it, the engine's.
        platform: At<Platform>,
        /// Labels on the container.
        labels: Map<At<Loose>>,
        /// Lines `NAME:ADDRESS` for `/etc/hosts`; `host-gateway` is this machine.
        extra_hosts: List<At<HostLine>>,
        /// Capabilities added.
        cap_add: List<At<Capability>>,
        /// Capabilities dropped.
        cap_drop: List<At<Capability>>,
        /// Gives the container all rights of the machine.
        privileged: At<bool> = false,
        /// Makes the container's root file system read-only.
        read_only: At<bool> = false,
        /// Runs a small init process as PID 1.
        init: At<bool> = false,
        /// Gives it a terminal.
        tty: At<bool> = false,
        /// The size of `/dev/shm`.
        shm_size: At<Bytes>,
        /// Limits by name, such as `nofile`: one number, or `{ soft, hard }`.
        ulimits: Map<Ulimit>,
    }
    later {
        run: "processes on this machine come later: give the service an `image` or a `build`",
        dir: "processes on this machine come later: `working_dir` is the folder inside the container",
        scale: "one instance of each service runs",
        secrets: "use `env` or a read-only volume",
        configs: "use a read-only volume",
        networks: "every service is on the stack's own network and reachable by its name",
    }
    elsewhere {
        environment: "did you mean `env`?",
        healthcheck: "did you mean `ready`? Such as `ready = { exec = [\"pg_isready\"] }`",
        develop: "did you mean `reload`? Such as `reload = [{ watch = \"src\", to = \"/app/src\", then = \"restart\" }]`",
        stop_grace_period: "did you mean `stop_grace`?",
        pull_policy: "did you mean `pull`?",
        mem_limit: "did you mean `resources = { memory = \"512m\" }`?",
        memory: "did you mean `resources = { memory = \"512m\" }`?",
        cpus: "did you mean `resources = { cpus = 1.5 }`?",
        deploy: "did you mean `resources`?",
        tmpfs: "write `volumes = [{ type = \"tmpfs\", target = \"/path\" }]`",
        expose: "leave it out: services reach every port of each other",
        links: "leave it out: services reach each other by name",
        container_name: "leave it out: containers are named STACK-SERVICE-1",
        hostname: "leave it out: the service's name is its host name",
        dockerfile: "write `build = { context = \".\", dockerfile = \"…\" }`",
        context: "write `build = { context = \"…\" }`",
        watch: "write `reload = [{ watch = \"…\", to = \"…\" }]`",
    }
}

table! {
    /// How an image is built.
    BuildTable: "a build" {
        /// The folder that is sent to the builder.
        context: At<String> = ".",
        /// The Dockerfile, as seen from `context`.
        dockerfile: At<String> = "Dockerfile",
        /// The stage to stop at.
        target: At<String>,
        /// Build arguments.
        args: Map<At<Loose>>,
    }
    later {
        secrets: "pass what the build needs in `args`, but nothing secret: it stays in the image",
        cache_from: "the builder's own cache is used",
        platform: "set the service's `platform`",
    }
}

table! {
    /// When a service counts as ready: one of `http`, `tcp`, `exec`, `log`.
    Ready: "`ready`" {
        /// `GET` answers with a status from 200 to 399: `:80/healthz`, or `/healthz` on the first port.
        http: At<Target>,
        /// The port accepts a connection.
        tcp: At<PortNumber>,
        /// The command, run in the container, ends with 0.
        exec: Words,
        /// A log line contains this text.
        log: At<String>,
        /// The time from one try to the next.
        every: At<Duration> = "50ms",
        /// How long one try may take.
        timeout: At<Duration> = "1s",
        /// How long the service may take in all before it counts as failed.
        within: At<Duration> = "60s",
        /// Instead of `within`: how many tries there are, each lasting `every` and `timeout` at most.
        retries: At<Count>,
    }
    elsewhere {
        interval: "did you mean `every`?",
        test: "did you mean `exec`?",
        command: "did you mean `exec`?",
        start_period: "did you mean `within`?",
        port: "did you mean `tcp`?",
        path: "did you mean `http`?",
    }
}

table! {
    /// What happens when files change.
    Reload: "a reload rule" {
        /// The file or folder that is watched.
        watch(required): At<String>,
        /// Where the changed files go in the container. Without it, nothing is copied.
        to: At<Inside>,
        /// What follows: `"nothing"`, `"restart"` (the process, not the container), `"signal:HUP"`, `"run"` (the command
        /// of `run`), `"rebuild"`. Without it: `"run"` if there is a `run`, else `"nothing"`.
        then: At<Then>,
        /// The command that `then = "run"` runs in the container; with `"restart"`, it runs before.
        run: Words,
        /// `USER[:GROUP]` that runs it, as the container knows them; without it, the service's.
        user: At<String>,
        /// Patterns as in `.dockerignore`, relative to `watch`: files that do not count.
        ignore: List<At<String>>,
        /// Patterns as in `.dockerignore`: when given, only these files count.
        include: List<At<String>>,
        /// How long it must be quiet before a batch of changes is applied; half of it after one file that was written
        /// and closed, four times as long after more than 50 files. After one second it is applied anyway.
        debounce: At<Duration> = "10ms",
        /// `"manual"` waits until the user asks.
        mode: At<ReloadMode> = "auto",
        /// What a deletion does: `"remove"` the file in the container, `"keep"` it, or `"rebuild"`.
        on_delete: At<OnDelete> = "remove",
        /// Writes into the existing file instead of renaming a new one over it.
        in_place: At<bool> = false,
    }
    elsewhere {
        path: "did you mean `watch`?",
        target: "did you mean `to`?",
        action: "did you mean `then`?",
        exec: "did you mean `run`?",
    }
}

table! {
    /// Limits of one container.
    Resources: "`resources`" {
        /// Memory, such as `"512m"`.
        memory: At<Bytes>,
        /// Processor cores, such as 1.5.
        cpus: At<Cores>,
    }
}

table! {
    /// A volume said in full.
    VolumeTable: "a volume" {
        /// `"bind"`, `"volume"` or `"tmpfs"`. Without it, `source` decides: a path is a bind, a name a volume.
        r#type: At<MountType>,
        /// The path on this machine, or the volume's name. None for a tmpfs.
        source: At<String>,
        /// The path inside the container.
        target(required): At<Inside>,
        /// Whether the container may only read it.
        read_only: At<bool> = false,
        /// The limit of a tmpfs.
        size: At<Bytes>,
    }
}

table! {
    /// A file of variables said in full.
    EnvFileTable: "an env file" {
        /// The file's path.
        path(required): At<String>,
        /// Whether it is an error when there is no such file.
        required: At<bool> = true,
        /// `"raw"` takes every value as it stands, quotes and `$` included.
        format: At<Raw>,
    }
}

table! {
    /// The two limits of one ulimit.
    UlimitTable: "a ulimit" {
        /// What counts at first.
        soft(required): At<Limit>,
        /// How far the process may raise it.
        hard(required): At<Limit>,
    }
}

table! {
    /// What the capture keeps.
    Calls: "`calls`" {
        /// How much of each body is kept.
        body_limit: At<Bytes> = "64k",
        /// How much of the disk all calls of the stack may take, bodies included; the oldest go first. 0 keeps calls in
        /// memory alone: they end with the session.
        disk_limit: At<Bytes> = "1g",
        /// How much is kept of the newest packets, so that they can be written to a capture file (`shoal calls pcap`,
        /// `shoal calls record`), up to 32 MB. `"0"` keeps none, and costs nothing; `"16m"` is enough for most stacks. It is
        /// obeyed at once when it changes, and holds for the packets that come from then on.
        packets: At<Bytes> = "0",
        /// Files in which services write the secrets of their TLS connections (`SSLKEYLOGFILE`): what they say is decrypted
        /// with them. The files lie on this machine; mount their folder into the service, and set the variable there.
        tls_keys: List<At<String>>,
        /// Headers, and `$.path` of JSON bodies, whose values are hidden, besides `authorization`, `proxy-authorization`,
        /// `cookie`, `set-cookie` and whatever a header, key, field, parameter or column holds whose name ends with a word for
        /// a secret, however it is written: `password`, `passwd`, `pwd`, `passphrase`, `secret`, `token`, `credentials`,
        /// `api key`, `private key`, `access key`. `new_password`, `X-Auth-Token`, `clientSecret` and `password_hash` are such
        /// names, `max_tokens` and `token_type` are not. A `$.path` hides in forms, queries and statements as well. A new
        /// rule holds for calls that are kept, too.
        redact: List<At<Redacted>>,
    }
}

table! {
    /// Who may call whom: checked, and shown where broken.
    Allow: "an `allow` entry" {
        /// The caller: a service, or `"outside"`.
        from(required): At<String>,
        /// The services that it may call.
        to(required): List<At<String>>,
    }
}
