//! `examples/compiled`: a saved source is compiled in the container and the new program answers; what does not compile
//! leaves the old one alone.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::protocols::copy;
use crate::reload::{reload, says};
use crate::world::{World, until};

/// Three compilers come from Debian's archive where nothing is cached.
const LONGEST: Duration = Duration::from_mins(15);

#[test]
fn compiled_services_answer_with_what_was_saved() {
    let world = World::with_engine("compiled");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/compiled"), &world.folder());
    world.start(&["up", "-d"]).wait_at_most(LONGEST).ok();
    let sources = [("go", "go/main.go"), ("rust", "rust/src/main.rs"), ("java", "java/Service.java")];
    for (service, source) in sources {
        says(&world.published(service), &format!("{service} says one"));
        let container = world.container(service);
        let text = std::fs::read_to_string(world.folder().join(source)).expect("a source");

        world.write(source, text.replace("\"one\"", "\"second\""));
        says(&world.published(service), &format!("{service} says second"));
        let event = reload(&world, service, 1);
        assert_eq!((&event["ok"], &event["action"]), (&Value::Bool(true), &"restart".into()), "{event}");
        println!("{service}: {}", event["ms"]);

        world.write(source, text.replace("\"one\"", "no such thing"));
        let event = reload(&world, service, 2);
        assert_eq!(event["ok"], false, "{event}");
        says(&world.published(service), &format!("{service} says second"));
        until("the compiler's complaint", || {
            let said = world.shoal(&["logs", service, "--json"]).ok().rows();
            said.iter()
                .any(|l| l["stream"] == "reload" && l["text"].to_string().contains("such"))
                .then_some(())
        });
        assert!(world.service(service)["reload"]["error"].is_string());

        world.write(source, text.replace("\"one\"", "\"third\""));
        says(&world.published(service), &format!("{service} says third"));
        until("the row to be well", || (world.service(service)["reload"]["failed"] == false).then_some(()));
        assert_eq!(world.container(service), container, "it was never replaced");
    }
    world.shoal(&["down"]).ok();
}
