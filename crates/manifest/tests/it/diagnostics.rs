//! What is said about a manifest with something wrong in it.

use crate::common::{Folder, manifest};

#[test]
fn who_needs_a_service_and_is_alone_is_told_so() {
    let folder = Folder::with(&[("services.toml", "[services.a]\nimage = 'x'\ndepends_on = ['b']")]);
    assert!(folder.rendered().contains("hint: there is no other service\n"), "{}", folder.rendered());
}

/// A file of six mistakes gives six diagnostics: none hides another, none causes another.
#[test]
fn six_mistakes_are_six_diagnostics() {
    let folder = Folder::with(&[("services.toml", include_str!("../fixtures/six/services.toml"))]);
    let loaded = folder.load();
    assert_eq!(loaded.diagnostics.len(), 6);
    assert_eq!(loaded.plan, None);
    assert_eq!(loaded.name, "shop");
    insta::assert_snapshot!(folder.rendered(), @r#"
    error[unknown-service]: there is no service `ordres`
     --> /shop/services.toml:6:15
      |
    6 | depends_on = ["ordres"]
      |               ^^^^^^^^
      = hint: did you mean `orders`?

    error[unknown-key]: `enviroment` is not a key of a service
      --> /shop/services.toml:10:1
       |
    10 | enviroment = { LEVEL = "info" }
       | ^^^^^^^^^^
       = hint: did you mean `env`?

    error[invalid-value]: `10` is a duration without a unit
      --> /shop/services.toml:11:14
       |
    11 | stop_grace = 10
       |              ^^
       = hint: write "10s" or "10ms"

    error[duplicate-port]: port `8080` of this machine is already published by `gateway`
      --> /shop/services.toml:15:10
       |
    15 | ports = ["0.0.0.0:8080:3000"]
       |          ^^^^^^^^^^^^^^^^^^^
       = hint: write `8081:3000`

    error[invalid-value]: `50 parsecs` is no duration
      --> /shop/services.toml:16:38
       |
    16 | ready = { http = ":3000/up", every = "50 parsecs" }
       |                                      ^^^^^^^^^^^^
       = hint: durations are written like "10ms", "1.5s", "2m", "1h30m"

    error[missing-path]: `src` does not exist
      --> /shop/services.toml:19:21
       |
    19 | reload = [{ watch = "src", to = "/app", then = "restart" }]
       |                     ^^^^^
       = hint: looked for `/shop/src`
    "#);
}

#[test]
fn diagnostics_serialize_for_scripts() {
    let folder = manifest("[services.a]\nimage = 'a'\nport = [80]\n");
    let loaded = folder.load();
    let mut value = serde_json::to_value(&loaded.diagnostics[0]).unwrap();
    value["file"] = "services.toml".into();
    insta::assert_json_snapshot!(value, @r#"
    {
      "severity": "error",
      "code": "unknown-key",
      "file": "services.toml",
      "line": 3,
      "column": 1,
      "source": "port = [80]",
      "length": 4,
      "message": "`port` is not a key of a service",
      "hint": "did you mean `ports`?"
    }
    "#);
}

/// Each text, the codes with their lines, as short as it gets.
#[test]
fn every_check_has_its_code() {
    let cases: &[(&str, &[(&str, u32)])] = &[
        ("", &[]),
        ("name = 'Shop!'", &[("invalid-name", 1)]),
        ("name = 3", &[("wrong-type", 1)]),
        ("nmae = 'shop'", &[("unknown-key", 1)]),
        ("networks = {}", &[("not-supported-yet", 1)]),
        ("services = 3", &[("wrong-type", 1)]),
        ("services.a = 3", &[("wrong-type", 1)]),
        ("a = [1,", &[("invalid-toml", 1)]),
        ("name = 'a'\nname = 'b'", &[("invalid-toml", 2)]),
        ("[services.a]", &[("no-image", 1)]),
        ("[services.a]\nimgae = 'x'", &[("unknown-key", 2)]),
        ("[services.a]\nimage = 'X'", &[("invalid-image", 2)]),
        ("[services.a]\nimage = ['x']", &[("wrong-type", 2)]),
        ("[services.a]\nrun = 'npm start'", &[("not-supported-yet", 2)]),
        ("[services.a]\nrun = 'npm start'\ndir = '.'", &[("not-supported-yet", 2), ("not-supported-yet", 3)]),
        ("[services.a]\nimage = 'x'\nscale = 2", &[("not-supported-yet", 3)]),
        ("[services.A_b]\nimage = 'x'", &[("invalid-name", 1)]),
        ("[services.a]\nimage = 'x'\nbuild = '.'", &[("image-and-build", 3), ("missing-path", 3)]),
        ("[services.a]\nbuild = 'nowhere'", &[("missing-path", 2)]),
        ("[services.a]\nbuild = '.'", &[("missing-path", 2)]),
        ("[services.a]\nbuild = { dockerfile = 'D' }", &[("missing-path", 2)]),
        ("[services.a]\nbuild = 'services.toml'", &[("wrong-path", 2)]),
        ("[services.a]\nbuild = 'https://example.test/x.git'", &[("not-supported-yet", 2)]),
        ("[services.a]\nbuild = { contxt = '.' }", &[("unknown-key", 2)]),
        ("[services.a]\nimage = 'x'\ncommand = \"it's\"", &[("invalid-command", 3)]),
        ("[services.a]\nimage = 'x'\ncommand = 'a && b'", &[("no-shell", 3)]),
        ("[services.a]\nimage = 'x'\ncommand = { a = 1 }", &[("wrong-type", 3)]),
        ("[services.a]\nimage = 'x'\ncommand = ['a', 1, 2]", &[("wrong-type", 3), ("wrong-type", 3)]),
        ("[services.a]\nimage = 'x'\nentrypoint = []", &[("invalid-command", 3)]),
        ("[services.a]\nimage = 'x'\nenv = ['A=1']", &[("wrong-type", 3)]),
        ("[services.a]\nimage = 'x'\nenv = { A = [] }", &[("wrong-type", 3)]),
        ("[services.a]\nimage = 'x'\nenv = { A = 1979-05-27 }", &[("wrong-type", 3)]),
        ("[services.a]\nimage = 'x'\nenv = { 'A=' = '' }", &[("invalid-name", 3)]),
        ("[services.a]\nimage = 'x'\nenv_file = 'x.env'", &[("missing-file", 3)]),
        ("[services.a]\nimage = 'x'\nenv_file = '.'", &[("not-a-file", 3)]),
        ("[services.a]\nimage = 'x'\nenv_file = { path = 'x.env', required = false }", &[]),
        ("env_file = ['no.env']", &[("missing-file", 1)]),
        ("[services.a]\nimage = 'x'\nports = ['x']", &[("invalid-port", 3)]),
        ("[services.a]\nimage = 'x'\nports = '80'", &[("wrong-type", 3)]),
        ("[services.a]\nimage = 'x'\nports = ['1:1', '1:1']", &[("duplicate-port", 3)]),
        ("[services.a]\nimage = 'x'\nports = ['1:1', '1:1/udp', '[::1]:1:1']", &[]),
        ("[services.a]\nimage = 'x'\nvolumes = ['./no:/x']", &[("missing-path", 3)]),
        ("[services.a]\nimage = 'x'\nvolumes = ['a:/x', 'b:/x/']", &[("duplicate-mount", 3)]),
        ("[services.a]\nimage = 'x'\nvolumes = [{ target = '/x', size = '1m' }]", &[]),
        ("[services.a]\nimage = 'x'\nvolumes = [{ type = 'bind', target = '/x' }]", &[("missing-key", 3)]),
        (
            "[services.a]\nimage = 'x'\nvolumes = [{ type = 'tmpfs', source = 'a', target = '/x' }]",
            &[("invalid-volume", 3)],
        ),
        (
            "[services.a]\nimage = 'x'\nvolumes = [{ source = 'a', target = '/x', size = 1 }]",
            &[("invalid-volume", 3)],
        ),
        ("[services.a]\nimage = 'x'\nvolumes = [{ source = 'a' }]", &[("missing-key", 3)]),
        ("[services.a]\nimage = 'x'\ndepends_on = ['b']", &[("unknown-service", 3)]),
        ("[services.a]\nimage = 'x'\ndepends_on = ['a']", &[("cycle", 3)]),
        (
            "[services.a]\nimage = 'x'\ndepends_on = { b = 'up' }\n[services.b]\nimage = 'x'",
            &[("invalid-value", 3)],
        ),
        (
            "[services.a]\nimage = 'x'\ndepends_on = { b = 'completed' }\n[services.b]\nimage = 'x'\nrestart = 'always'",
            &[("never-completes", 3)],
        ),
        ("[services.a]\nimage = 'x'\nready = {}", &[("one-of", 3)]),
        ("[services.a]\nimage = 'x'\nready = { tcp = 1, log = 'x' }", &[("one-of", 3)]),
        ("[services.a]\nimage = 'x'\nready = { tpc = 1 }", &[("unknown-key", 3)]),
        ("[services.a]\nimage = 'x'\nready = { tcp = 0 }", &[("invalid-port", 3)]),
        ("[services.a]\nimage = 'x'\nready = { http = '/up' }", &[("no-port", 3)]),
        ("[services.a]\nimage = 'x'\nready = { tcp = 1, every = '0s' }", &[("invalid-value", 3)]),
        ("[services.a]\nimage = 'x'\nready = { tcp = 1, within = '1s', retries = 3 }", &[("one-of", 3)]),
        ("[services.a]\nimage = 'x'\nreload = [{ to = '/x' }]", &[("missing-key", 3)]),
        ("[services.a]\nimage = 'x'\nreload = [{ watch = '.' }]", &[("no-effect", 3)]),
        ("[services.a]\nimage = 'x'\nreload = [{ watch = '.', to = 'x' }]", &[("relative-path", 3)]),
        ("[services.a]\nimage = 'x'\nreload = [{ watch = '.', then = 'run' }]", &[("missing-key", 3)]),
        ("[services.a]\nimage = 'x'\nreload = [{ watch = '.', then = 'rebuild' }]", &[("no-build", 3)]),
        (
            "[services.a]\nimage = 'x'\nreload = [{ watch = '.', to = '/', on_delete = 'rebuild' }]",
            &[("no-build", 3)],
        ),
        (
            "[services.a]\nimage = 'x'\nreload = [{ watch = '.', then = 'signal:HUPP' }]",
            &[("unknown-signal", 3)],
        ),
        (
            "[services.a]\nimage = 'x'\nreload = [{ watch = '.', run = 'x', user = 'a b' }]",
            &[("invalid-value", 3)],
        ),
        (
            "[services.a]\nimage = 'x'\nreload = [{ watch = '.', then = 'restart', user = 'app' }]",
            &[("no-effect", 3)],
        ),
        (
            "[services.a]\nimage = 'x'\nreload = [{ watch = '.', then = 'signal:HUP', run = ['x'] }]",
            &[("no-effect", 3)],
        ),
        (
            "[services.a]\nimage = 'x'\nreload = [{ watch = '.', to = '/', debounce = '2s' }]",
            &[("invalid-value", 3)],
        ),
        ("[services.a]\nimage = 'x'\nlabels = { 'dev.shoal.stack' = 'x' }", &[("reserved-label", 3)]),
        ("[services.a]\nimage = 'x'\nulimits = { nofile = { soft = 2, hard = 1 } }", &[("invalid-value", 3)]),
        ("[services.a]\nimage = 'x'\nuser = ''", &[("invalid-value", 3)]),
        (
            "[services.a]\nimage = 'x'\nresources = { memory = '1q', cpus = 0 }",
            &[("invalid-value", 3), ("invalid-value", 3)],
        ),
        ("[services.a]\nimage = 'x'\nprivileged = 'yes'", &[("wrong-type", 3)]),
        ("[calls]\ntls_keys = ['.', 'not-there-yet.log']", &[("wrong-path", 2)]),
        ("[calls]\npackets = '33m'", &[("invalid-value", 2)]),
        ("[calls]\nbody_limit = '1x'\nredact = ['a b']", &[("invalid-value", 2), ("invalid-value", 3)]),
        (
            "[services.a]\nimage = 'x'\nprotocols = { 80 = 'htp/1', x = 'tcp', 0 = 'tcp', 81 = 7 }",
            &[("invalid-value", 3), ("invalid-port", 3), ("invalid-port", 3), ("wrong-type", 3)],
        ),
        ("[[allow]]", &[("missing-key", 1), ("missing-key", 1)]),
        ("[[allow]]\nfrom = 'a'\nto = ['b']", &[("unknown-service", 2), ("unknown-service", 3)]),
        ("[[allow]]\nfrom = 'outside'\nto = ['a']\n[services.a]\nimage = 'x'", &[]),
        ("name = '${NO:?why}'", &[("required-variable", 1)]),
        ("name = '${NO'", &[("invalid-interpolation", 1)]),
        ("name = 'a$'", &[("invalid-interpolation", 1)]),
        ("[services.a]\nimage = 'x'\nuser = 'u${NO}'", &[("unset-variable", 3)]),
        ("[services.a]\nimage = 'x'\nuser = '${svc.b.port}'", &[("unknown-service", 3)]),
        ("[services.a]\nimage = 'x'\nuser = '${svc.a.port}'", &[("not-supported-yet", 3)]),
        ("include = ['no.toml']", &[("missing-file", 1)]),
        ("include = ['compose.yaml']", &[("missing-file", 1)]),
    ];
    for (text, expected) in cases {
        let folder = manifest(text);
        let codes = folder.codes();
        let loaded = folder.load();
        assert_eq!(codes, *expected, "{text}\n{}", folder.rendered());
        let errors = loaded.diagnostics.iter().any(|one| one.severity == manifest::Severity::Error);
        assert_eq!(loaded.plan.is_none(), errors, "{text}");
        for one in &loaded.diagnostics {
            assert!(!one.message.ends_with('.'), "{}", one.message);
            assert!(one.column as usize <= one.source.chars().count() + 1, "{one:?}");
        }
    }
}

#[test]
fn cycles_are_named_from_end_to_end_once() {
    let folder = manifest(
        "[services]
c = { image = 'x', depends_on = ['a'] }
a = { image = 'x', depends_on = ['b', 'd'] }
b = { image = 'x', depends_on = ['c'] }
d = { image = 'x' }
",
    );
    insta::assert_snapshot!(folder.rendered(), @r"
    error[cycle]: these services wait for each other: `a` -> `b` -> `c` -> `a`
     --> /shop/services.toml:2:34
      |
    2 | c = { image = 'x', depends_on = ['a'] }
      |                                  ^^^
      = hint: take one of these `depends_on` out
    ");
}

#[test]
fn a_broken_file_does_not_make_others_look_wrong() {
    let folder = Folder::with(&[
        (
            "services.toml",
            "include = ['../b.toml']\n[services.a]\nimage = 'x'\ndepends_on = ['b']\nuser = '${svc.b.host}'\nprots = []",
        ),
        ("../b.toml", "[services.b]\nimage = "),
    ]);
    insta::assert_snapshot!(folder.rendered(), @r#"
    error[invalid-value]: `` is no user
     --> /shop/services.toml:5:8
      |
    5 | user = '${svc.b.host}'
      |        ^^^^^^^^^^^^^^^
      = hint: write `1000:1000` or `app`

    error[unknown-key]: `prots` is not a key of a service
     --> /shop/services.toml:6:1
      |
    6 | prots = []
      | ^^^^^
      = hint: did you mean `ports`?

    error[invalid-toml]: string values must be quoted, expected literal string
     --> /b.toml:2:9
      |
    2 | image = 
      |         ^
    "#);
}

#[test]
fn marks_the_piece_of_a_string() {
    let folder = manifest("[services.a]\nimage = \"x:${TAG:-1}-${NO\"\nuser = \"\\u0041${NO}\"\n");
    insta::assert_snapshot!(folder.rendered(), @r#"
    error[invalid-interpolation]: `${` is not closed
     --> /shop/services.toml:2:22
      |
    2 | image = "x:${TAG:-1}-${NO"
      |                      ^^^^
      = hint: add the `}`; a plain `$` is written `$$`

    warning[unset-variable]: `NO` is not set and counts as empty
     --> /shop/services.toml:3:8
      |
    3 | user = "\u0041${NO}"
      |        ^^^^^^^^^^^^^
      = hint: set it in `.env`, or give a default: `${NO:-value}`
    "#);
}

#[test]
fn what_the_command_line_asks_for_is_checked_too() {
    let mut folder = manifest("[services.orders]\nimage = 'x'\nprofiles = ['full']");
    folder.name = Some("My Shop".to_owned());
    folder.services = vec!["order".to_owned()];
    folder.profiles = vec!["ful".to_owned()];
    insta::assert_snapshot!(folder.rendered(), @r"
    error[invalid-name]: `My Shop` cannot be the name of a stack
     --> command line:1:4
      |
    1 | -p My Shop
      |    ^^^^^^^
      = hint: `my-shop` would do: lower case letters, digits, `-` and `_`, at most 63, beginning with a letter or digit

    warning[unknown-profile]: no service is of the profile `ful`
     --> command line:1:11
      |
    1 | --profile ful
      |           ^^^
      = hint: did you mean `full`?

    error[unknown-service]: there is no service `order`
     --> command line:1:1
      |
    1 | order
      | ^^^^^
      = hint: did you mean `orders`?
    ");
    folder.mains = vec!["nothing.toml"];
    folder.name = None;
    assert_eq!(folder.codes(), [("missing-file", 1), ("unknown-profile", 1), ("unknown-service", 1)]);
    folder.mains = vec![];
    assert_eq!(folder.codes(), [("no-manifest", 1)]);
}

#[test]
fn compose_files_and_broken_bytes_are_named_as_such() {
    let mut folder = Folder::with(&[("compose.yaml", "services: {}\n")]);
    folder.mains = vec!["compose.yaml"];
    insta::assert_snapshot!(folder.rendered(), @r"
    error[compose-not-supported]: `/shop/compose.yaml` is a Compose file, and this version reads `services.toml`
     --> /shop/compose.yaml:1:1
      |
    1 | services: {}
      | ^
      = hint: write a `services.toml` beside it: `docs/MANIFEST.md` has every key and the names that differ
    ");
    folder.write("services.toml", b"name = \"a\"\n# \xff\n");
    folder.mains = vec!["services.toml"];
    insta::assert_snapshot!(folder.rendered(), @r#"
    error[not-utf8]: `/shop/services.toml` is not UTF-8
     --> /shop/services.toml:2:3
      |
    2 | # �
      |   ^
      = hint: save it as UTF-8
    "#);
    folder.write("services.toml", "\u{feff}name = \"a b\"\r\n".as_bytes());
    insta::assert_snapshot!(folder.rendered(), @r#"
    error[invalid-name]: `a b` cannot be the name of a stack
     --> /shop/services.toml:1:8
      |
    1 | name = "a b"
      |        ^^^^^
      = hint: `a-b` would do: lower case letters, digits, `-` and `_`, at most 63, beginning with a letter or digit
    "#);
}

#[test]
fn env_files_are_checked_in_their_own_lines() {
    let folder = Folder::with(&[
        (".env", "A=1\nB C=2\n"),
        ("services.toml", "[services.a]\nimage = 'x'\nenv_file = ['a.env', 'a.env']\n"),
        ("a.env", "X=$NO\nY='open\n"),
    ]);
    insta::assert_snapshot!(folder.rendered(), @r"
    error[invalid-env-file]: `B C` is no variable name
     --> /shop/.env:2:1
      |
    2 | B C=2
      | ^^^^^

    warning[unset-variable]: `NO` is not set and counts as empty
     --> /shop/a.env:1:3
      |
    1 | X=$NO
      |   ^^^

    error[invalid-env-file]: the quote ' is not closed
     --> /shop/a.env:2:3
      |
    2 | Y='open
      |   ^^^^^
    ");
}

#[test]
fn a_dependency_must_be_active_with_its_dependant() {
    let text = "[services]
web = { image = 'x', depends_on = ['api'] }
api = { image = 'x', profiles = ['full'] }
";
    let mut folder = manifest(text);
    insta::assert_snapshot!(folder.rendered(), @r"
    error[inactive-dependency]: `web` needs `api`, whose profile is not active
     --> /shop/services.toml:2:36
      |
    2 | web = { image = 'x', depends_on = ['api'] }
      |                                    ^^^^^
      = hint: start with `--profile full`, or give `web` the same profile
    ");
    for (profiles, services) in [(vec!["full"], vec![]), (vec!["*"], vec![]), (vec![], vec!["api"])] {
        folder.profiles = profiles.into_iter().map(str::to_owned).collect();
        folder.services = services.into_iter().map(str::to_owned).collect();
        assert_eq!(folder.codes(), []);
    }
}

#[test]
fn ports_of_services_that_do_not_run_together_may_be_the_same() {
    let text = "[services]
a = { image = 'x', ports = ['8080:80'], profiles = ['one'] }
b = { image = 'x', ports = ['0.0.0.0:8080:80'], profiles = ['two'] }
";
    let mut folder = manifest(text);
    folder.profiles = vec!["one".to_owned()];
    assert_eq!(folder.codes(), []);
    folder.profiles.push("two".to_owned());
    insta::assert_snapshot!(folder.rendered(), @r"
    error[duplicate-port]: port `8080` of this machine is already published by `a`
     --> /shop/services.toml:3:29
      |
    3 | b = { image = 'x', ports = ['0.0.0.0:8080:80'], profiles = ['two'] }
      |                             ^^^^^^^^^^^^^^^^^
      = hint: write `8081:80`
    ");
}
