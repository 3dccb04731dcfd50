//! What leaves Shoal: interfaces, traces, and calls that are made again.

use serde_json::Value;

use crate::world::{World, get, until, web};

const ORDER: &str = r#"{"item":7,"password":"open sesame"}"#;

fn started() -> World {
    let world = World::with_engine("ways-out");
    let front = web("front", "depends_on = [\"back\"]\nports = [\"8000\"]");
    world.manifest(&[web("back", ""), front].concat());
    world.shoal(&["up", "-d"]).ok();
    world
}

/// The id of the one call for which an expression holds, once its answer was seen.
#[track_caller]
fn id(world: &World, expression: &str) -> String {
    let found = until(expression, || {
        let all = world.shoal(&["calls", "--json", "--where", expression]).ok().rows();
        (!all.is_empty() && all.iter().all(|c| c.get("pending").is_none())).then_some(all)
    });
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0]["id"].as_str().expect("an id").to_owned()
}

fn json(world: &World, args: &[&str]) -> Value {
    serde_json::from_str(&world.shoal(args).ok().stdout).expect("JSON")
}

#[test]
fn calls_are_made_again_and_leave_as_openapi_and_traces() {
    let world = started();
    let headers = ["Authorization: Bearer t0psecret", "X-Plain: loud"];
    let order = [
        &["exec", "-T", "front", "--", "perl", "/call.pl", "back:8000", "POST", "/orders/7", ORDER],
        &headers[..],
    ];
    world.shoal(&order.concat()).ok();
    assert_eq!(get(&world.published("front"), "/from-outside").expect("an answer").status, 200);

    again(&world);
    openapi(&world);
    traces(&world);
    world.shoal(&["down"]).ok();
}

fn again(world: &World) {
    let order = id(world, "operation == 'POST /orders/7'");
    let said = world.shoal(&["calls", "replay", &order, "--json"]).ok().stdout;
    let result: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(result["now"]["status"], "200");
    assert_eq!(result["now"]["body"], result["was"]["response"]["body"]);
    assert_eq!(result["left_out"], serde_json::json!(["authorization"]));
    for secret in ["t0psecret", "open sesame", "hidden-cookie"] {
        assert!(!said.contains(secret), "`{secret}` was not redacted");
    }
    // It is a call like any other.
    let of_it = format!("from == 'outside' && headers['shoal-replay'] == '{order}'");
    let made = json(world, &["calls", "show", &id(world, &of_it), "--json"]);
    assert_eq!(
        (&made["to"]["service"], &made["request"]["headers"]["x-plain"]),
        (&"back".into(), &"loud".into())
    );

    let other =
        ["--set", "path=/status/503", "--set", "method=GET", "--set", "body=", "--set", "header.x-plain=new"];
    let shown = world.shoal(&[&["calls", "replay", &order][..], &other].concat()).ok();
    assert!(shown.stdout.contains("was 200") && shown.stdout.contains("now 503"), "{}", shown.stdout);
    assert!(shown.stdout.contains("+   \"path\": \"/status/503\""), "{}", shown.stdout);
    assert!(shown.stderr.contains("sent without `authorization`"), "{}", shown.stderr);

    let outside = id(world, "operation == 'GET /from-outside'");
    let result = json(world, &["calls", "replay", &outside, "--json"]);
    assert_eq!(result["addr"], world.published("front"));
    world.shoal(&["stop", "front"]).ok();
    world.shoal(&["calls", "replay", &outside]).ends_with(1).tells(&["`front` does not run"]);
    world.shoal(&["calls", "replay", "no-such-id"]).ends_with(1).tells(&["there is no call `no-such-id`"]);
    world.shoal(&["calls", "replay", &outside, "--set", "colour=red"]).ends_with(2);
}

fn openapi(world: &World) {
    let document = json(world, &["openapi", "back"]);
    assert_eq!(document["openapi"], "3.1.0");
    let order = &document["paths"]["/orders/{id}"]["post"];
    let body = &order["requestBody"]["content"];
    assert!(order["responses"]["200"]["content"]["application/json"].is_object(), "{document}");
    assert!(body.is_object() && !document.to_string().contains("item\":7"), "{document}");
    assert_eq!(world.shoal(&["openapi", "--json"]).ok().rows().len(), 2);
    world.shoal(&["openapi", "nobody"]).ends_with(1).tells(&["no HTTP call to `nobody` was seen"]);
}

fn traces(world: &World) {
    let data =
        json(world, &["calls", "--otlp", "--where", "operation == 'POST /orders/7' && from == 'front'"]);
    let resources = data["resourceSpans"].as_array().expect("resources");
    assert_eq!(resources.len(), 2, "{data}");
    let span = |at: usize| &resources[at]["scopeSpans"][0]["spans"][0];
    // By name: `back`, which was called, then `front`.
    assert_eq!([&span(0)["kind"], &span(1)["kind"]], [2, 3]);
    assert_eq!(span(0)["parentSpanId"], span(1)["spanId"]);
    assert_eq!(span(0)["traceId"], span(1)["traceId"]);
}
