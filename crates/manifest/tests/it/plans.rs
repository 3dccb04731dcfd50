//! What comes of a sound manifest.

use std::path::Path;

use crate::common::{Folder, manifest};
use model::plan::{Plan, Source};

fn plan(folder: &Folder) -> Plan {
    let loaded = folder.load();
    assert_eq!(loaded.diagnostics, [], "{}", folder.rendered());
    loaded.plan.unwrap()
}

/// A service as JSON, a line for each field, the folder left out of paths.
fn service(folder: &Folder, name: &str) -> String {
    let json = serde_json::to_value(&plan(folder).services[name]).unwrap();
    let fields = json.as_object().unwrap();
    let lines: Vec<String> = fields.iter().map(|(field, value)| format!("{field}: {value}")).collect();
    lines.join("\n").replace(&folder.path().display().to_string(), "/shop")
}

#[test]
fn defaults() {
    insta::assert_snapshot!(service(&manifest("[services.a]\nimage = 'redis:7'"), "a"), @r#"
    name: "a"
    source: {"image":"redis:7"}
    command: null
    entrypoint: null
    env: {}
    ports: []
    volumes: []
    depends_on: []
    ready: null
    reload: []
    restart: "no"
    lifetime: "session"
    resources: {"memory":null,"cpus":null}
    stop_signal: null
    stop_grace: {"secs":10,"nanos":0}
    user: null
    working_dir: null
    pull: "missing"
    platform: null
    container: {"labels":{},"extra_hosts":[],"cap_add":[],"cap_drop":[],"privileged":false,"read_only":false,"init":false,"tty":false,"shm_size":null,"ulimits":{}}
    "#);
}

#[test]
fn every_key() {
    let folder = Folder::with(&[
        ("orders/Dockerfile.dev", ""),
        ("orders/app/", ""),
        ("orders.env", "A=file\nB=file\n"),
        ("conf/", ""),
        (
            "services.toml",
            r#"
[services.db]
image = "postgres:15"
[services.job]
image = "job:1"
[services.orders]
build = { context = "orders", dockerfile = "Dockerfile.dev", target = "dev", args = { V = 3, DEBUG = true } }
command = "python -m 'my app'"
entrypoint = ["tini", "--"]
env = { B = "own", N = 1.5, FLAG = false }
env_file = "orders.env"
ports = ["8080:80", 9090, "53:53/udp"]
volumes = ["data:/data", "./conf:/etc/app:ro", { type = "tmpfs", target = "/run", size = "1m" }]
depends_on = { db = "ready", job = "completed" }
ready = { http = "/healthz", every = "25ms", timeout = "2s", within = "2m" }
reload = [
  { watch = "orders/app", to = "/app", then = "signal:HUP", ignore = ["**/*.pyc"], include = ["**/*.py"] },
  { watch = "orders", then = "rebuild", debounce = "100ms", mode = "manual", on_delete = "rebuild" },
  { watch = "orders", to = "/m", run = "python migrate.py", user = "app:app", in_place = true, on_delete = "keep" },
]
lifetime = "persistent"
resources = { memory = "512m", cpus = 1.5 }
user = "1000:1000"
working_dir = "/app"
stop_signal = "int"
stop_grace = "2s"
restart = "on-failure:3"
pull = "never"
platform = "linux/amd64"
labels = { team = "a", rank = 1 }
extra_hosts = ["host.docker.internal:host-gateway"]
cap_add = ["NET_ADMIN"]
cap_drop = ["ALL"]
privileged = true
read_only = true
init = true
tty = true
shm_size = "64m"
ulimits = { nofile = 1024, nproc = { soft = 10, hard = 20 } }
"#,
        ),
    ]);
    insta::assert_snapshot!(service(&folder, "orders"), @r#"
    name: "orders"
    source: {"build":{"context":"/shop/orders","dockerfile":"/shop/orders/Dockerfile.dev","target":"dev","args":{"DEBUG":"true","V":"3"}}}
    command: ["python","-m","my app"]
    entrypoint: ["tini","--"]
    env: {"A":{"value":"file","origin":"orders.env:1"},"B":{"value":"own","origin":"services.toml:10"},"FLAG":{"value":"false","origin":"services.toml:10"},"N":{"value":"1.5","origin":"services.toml:10"}}
    ports: [{"address":"127.0.0.1","host":8080,"container":80,"protocol":"tcp"},{"address":"127.0.0.1","host":null,"container":9090,"protocol":"tcp"},{"address":"127.0.0.1","host":53,"container":53,"protocol":"udp"}]
    volumes: [{"source":{"volume":"data"},"target":"/data","read_only":false},{"source":{"bind":"/shop/conf"},"target":"/etc/app","read_only":true},{"source":{"tmpfs":1048576},"target":"/run","read_only":false}]
    depends_on: [{"service":"db","condition":"ready"},{"service":"job","condition":"completed"}]
    ready: {"check":{"http":{"port":80,"path":"/healthz"}},"every":{"secs":0,"nanos":25000000},"timeout":{"secs":2,"nanos":0},"within":{"secs":120,"nanos":0}}
    reload: [{"watch":"/shop/orders/app","to":"/app","then":{"signal":"HUP"},"run":[],"user":null,"ignore":["**/*.pyc"],"include":["**/*.py"],"debounce":{"secs":0,"nanos":10000000},"mode":"auto","on_delete":"remove","in_place":false},{"watch":"/shop/orders","to":null,"then":"rebuild","run":[],"user":null,"ignore":[],"include":[],"debounce":{"secs":0,"nanos":100000000},"mode":"manual","on_delete":"rebuild","in_place":false},{"watch":"/shop/orders","to":"/m","then":"run","run":["python","migrate.py"],"user":"app:app","ignore":[],"include":[],"debounce":{"secs":0,"nanos":10000000},"mode":"auto","on_delete":"keep","in_place":true}]
    restart: {"on_failure":3}
    lifetime: "persistent"
    resources: {"memory":536870912,"cpus":1.5}
    stop_signal: "SIGINT"
    stop_grace: {"secs":2,"nanos":0}
    user: "1000:1000"
    working_dir: "/app"
    pull: "never"
    platform: "linux/amd64"
    container: {"labels":{"rank":"1","team":"a"},"extra_hosts":["host.docker.internal:host-gateway"],"cap_add":["NET_ADMIN"],"cap_drop":["ALL"],"privileged":true,"read_only":true,"init":true,"tty":true,"shm_size":67108864,"ulimits":{"nofile":[1024,1024],"nproc":[10,20]}}
    "#);
}

#[test]
fn the_name_is_the_command_lines_then_the_manifests_then_the_folders() {
    let mut folder = manifest("");
    assert_eq!(plan(&folder).name, "shop");
    folder.write("services.toml", b"name = 'other'");
    assert_eq!(plan(&folder).name, "other");
    folder.name = Some("mine".to_owned());
    assert_eq!(plan(&folder).name, "mine");
}

#[test]
fn values_know_where_they_came_from() {
    let mut folder = Folder::with(&[
        (".env", "# colours\n\nCOLOUR=blue\nHOME=/nowhere\nBOTH=${COLOUR}-${HOME}\n"),
        ("orders.env", "ONE=1\nTWO=$COLOUR\n"),
        (
            "services.toml",
            "[services.a]\nimage = 'a:${COLOUR}'\nenv_file = ['orders.env']\n[services.a.env]\nPLAIN = 'x'\n\
             LONE = '$COLOUR'\nMIXED = 'is-${COLOUR}'\nSHELL = '${HOME}'\nDEFAULT = '${NO:-d}'\nBOTH = '${BOTH}'\nTWO = ''\n",
        ),
    ]);
    folder.env.insert("HOME".to_owned(), "/root".to_owned());
    let plan = plan(&folder);
    assert_eq!(plan.services["a"].source, Source::Image("a:blue".to_owned()));
    let env: Vec<String> = plan.services["a"]
        .env
        .iter()
        .map(|(name, value)| format!("{name}={} [{}]", value.value, value.origin))
        .collect();
    insta::assert_snapshot!(env.join("\n"), @r"
    BOTH=blue-/root [.env:5]
    DEFAULT=d [services.toml:9]
    LONE=blue [.env:3]
    MIXED=is-blue [services.toml:7]
    ONE=1 [orders.env:1]
    PLAIN=x [services.toml:5]
    SHELL=/root [environment]
    TWO= [services.toml:11]
    ");
}

#[test]
fn included_manifests_keep_their_folder_and_variables() {
    let folder = Folder::with(&[
        (".env", "V=shop\n"),
        (
            "services.toml",
            "include = ['../accounts/services.toml']\n[services.web]\nimage = 'web:${V}'\ndepends_on = ['login']\n",
        ),
        ("../accounts/.env", "V=accounts\n"),
        (
            "../accounts/services.toml",
            "include = ['more.toml', '../shop/services.toml']\nname = 'ignored'\n[services.login]\nbuild = 'login'\n\
             env = { V = '$V', W = 'w' }\n[[allow]]\nfrom = 'web'\nto = ['login', 'mail']\n[calls]\nredact = ['X-Login']\n",
        ),
        ("../accounts/more.toml", "[services.mail]\nimage = 'mail'\n"),
        ("../accounts/login/Dockerfile", ""),
    ]);
    let plan = plan(&folder);
    assert_eq!(plan.name, "shop");
    assert_eq!(plan.services.keys().collect::<Vec<_>>(), ["login", "mail", "web"]);
    assert_eq!(plan.services["web"].source, Source::Image("web:shop".to_owned()));
    let root = folder.path().parent().unwrap().to_path_buf();
    let Source::Build(build) = &plan.services["login"].source else {
        panic!("{:?}", plan.services["login"].source)
    };
    assert_eq!(build.context, root.join("accounts/login"));
    assert_eq!(build.dockerfile, root.join("accounts/login/Dockerfile"));
    let env = &plan.services["login"].env;
    assert_eq!((env["V"].value.as_str(), env["V"].origin.ends_with("accounts/.env:1")), ("accounts", true));
    assert!(env["W"].origin.ends_with("accounts/services.toml:5"), "{}", env["W"].origin);
    assert_eq!(plan.allow.len(), 1);
    assert_eq!(plan.calls.redact.last().map(String::as_str), Some("x-login"));
    let files: Vec<&Path> = plan.files.iter().map(|path| path.strip_prefix(&root).unwrap()).collect();
    let expected =
        ["shop/services.toml", "shop/.env", "accounts/services.toml", "accounts/.env", "accounts/more.toml"];
    assert_eq!(files, expected.map(Path::new));
}

#[test]
fn what_ports_speak_goes_to_the_capture_and_replaces_no_container() {
    let plain = plan(&manifest("[services.db]\nimage = 'db'"));
    let told =
        plan(&manifest("[services.db]\nimage = 'db'\nprotocols = { 5433 = 'postgres', '9000' = 'tcp' }"));
    let speaks: Vec<String> =
        told.calls.protocols.iter().map(|s| serde_json::to_string(s).unwrap()).collect();
    assert_eq!(
        speaks,
        [
            r#"{"service":"db","port":5433,"protocol":"postgres"}"#,
            r#"{"service":"db","port":9000,"protocol":"tcp"}"#
        ]
    );
    assert_eq!(plain.services, told.services);
}

#[test]
fn later_files_are_laid_over_the_first() {
    let mut folder = Folder::with(&[
        (
            "services.toml",
            "name = 'shop'\n[services.a]\nimage = 'a:1'\ncommand = ['x', 'y']\nenv = { A = '1', B = '1' }\n\
             ports = ['8080:80']\nvolumes = ['one:/data']\ndepends_on = ['b']\nbuildx = 1\n[services.b]\nimage = 'b'\n",
        ),
        (
            "dev/local.toml",
            "[services.a]\nimage = 'a:2'\ncommand = 'z'\nenv = { B = '2' }\nports = ['8080:80', '9090:90']\n\
             volumes = ['two:/data']\n[services.c]\nimage = 'c'\nenv_file = 'c.env'\n",
        ),
        ("c.env", "X=1"),
    ]);
    folder.mains = vec!["services.toml", "dev/local.toml"];
    assert_eq!(folder.codes(), [("unknown-key", 9)]);
    let fixed =
        std::fs::read_to_string(folder.path().join("services.toml")).unwrap().replace("buildx = 1\n", "");
    folder.write("services.toml", fixed.as_bytes());
    let plan = plan(&folder);
    let a = &plan.services["a"];
    assert_eq!(a.source, Source::Image("a:2".to_owned()));
    assert_eq!(a.command.as_deref(), Some(["z".to_owned()].as_slice()));
    assert_eq!(a.env.values().map(|value| value.value.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(a.ports.iter().map(|port| port.host).collect::<Vec<_>>(), [Some(8080), Some(9090)]);
    assert_eq!(a.volumes.len(), 1);
    assert_eq!(a.depends_on.len(), 1);
    assert_eq!(plan.services["c"].env["X"].origin, "c.env:1");
}

#[test]
fn a_folder_called_env_is_no_file_of_variables() {
    let folder = Folder::with(&[("services.toml", ""), (".env/bin/", "")]);
    assert_eq!(plan(&folder).files, [folder.path().join("services.toml")]);
}

#[test]
fn services_of_inactive_profiles_are_left_out() {
    let mut folder =
        manifest("[services]\na = { image = 'a' }\nb = { image = 'b', profiles = ['p', 'q'] }\n");
    assert_eq!(plan(&folder).services.keys().collect::<Vec<_>>(), ["a"]);
    folder.profiles = vec!["q".to_owned()];
    assert_eq!(plan(&folder).services.keys().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn references_and_arrays_of_tables() {
    let folder = Folder::with(&[(
        "services.toml",
        "[services.web]\nimage = 'web'\nenv = { ORDERS = 'http://${svc.orders.address}/', HOST = '${svc.orders.host}' }\n\
         [services.orders]\nimage = 'orders'\nports = ['9000:8000']\n[[services.orders.reload]]\nwatch = 'services.toml'\nto = '/x'\n",
    )]);
    let plan = plan(&folder);
    assert_eq!(plan.services["web"].env["ORDERS"].value, "http://orders:8000/");
    assert_eq!(plan.services["web"].env["HOST"].value, "orders");
    assert_eq!(plan.services["orders"].reload[0].to.as_deref(), Some("/x"));
}
