//! What a container lacks when it comes up, or when a session finds it: it is told as a batch and mended.

use crate::reload::{reload, reloads, says, service};
use crate::world::{World, docker, until};

/// A service of an image that has none of its files.
fn of_image(name: &str, volume: &str, rule: &str) -> String {
    format!(
        "[services.{name}]\nimage = \"shoal/base:bookworm\"\ncommand = [\"perl\", \"/state.pl\"]\nports = [\"8000\"]\n\
         stop_grace = \"2s\"\nready = {{ http = \":8000/\", within = \"20s\" }}\n\
         volumes = [\"./state.pl:/state.pl:ro\"{volume}]\nreload = [{{ watch = \"{name}/files\", {rule} }}]\n"
    )
}

#[test]
fn what_a_container_lacks_reaches_it_without_a_save() {
    let world = World::with_engine("lacks");
    let restart = "to = \"/srv\", then = \"restart\"";
    for name in ["image", "memory", "bound"] {
        world.write(format!("{name}/files/version"), "one\n");
    }
    let memory = ", { type = \"tmpfs\", target = \"/srv\" }";
    let own_init = service(&world, "init", restart);
    world.write("init/init", "#!/bin/sh\nexec perl /state.pl\n");
    world.write(
        "init/Dockerfile",
        "FROM shoal/base:bookworm\nCOPY state.pl init /\nRUN chmod 755 /init\nCOPY files /srv\nCMD [\"/init\"]\n",
    );
    let manifest = [
        service(&world, "built", restart),
        of_image("image", "", restart),
        of_image("memory", memory, restart),
        of_image("bound", ", \"./bound/files:/srv\"", restart),
        own_init,
    ];
    world.manifest(&manifest.concat());
    world.shoal(&["up", "-d"]).ok();
    for name in ["built", "image", "memory", "bound", "init"] {
        says(&world.published(name), "start=one hangup= now=one");
    }
    for name in ["image", "memory"] {
        let event = reload(&world, name, 1);
        assert_eq!(event["text"], format!("{name}/files/version: restart to catch up"), "{event}");
        assert_eq!((&event["ok"], &event["bytes"]), (&true.into(), &4.into()), "{event}");
    }
    // What is in the memory of a container goes when it is stopped.
    world.shoal(&["restart", "memory"]).ok();
    says(&world.published("memory"), "start=one hangup= now=one");
    reload(&world, "memory", 2);

    // What is mounted is not copied onto itself.
    world.write("bound/files/version", "second\n");
    says(&world.published("bound"), "start=second hangup= now=second");
    let event = reload(&world, "bound", 1);
    assert_eq!((&event["action"], &event["bytes"]), (&"restart".into(), &0.into()), "{event}");

    // An init that insists on being the first process: its container is started anew.
    let container = world.container("init");
    let started = || docker(&["inspect", "--format", "{{.State.StartedAt}}", &container]);
    let before = started();
    world.write("init/files/version", "second\n");
    let event = reload(&world, "init", 1);
    assert_eq!((&event["action"], &event["ok"]), (&"restart".into(), &true.into()), "{event}");
    says(&world.published("init"), "start=second hangup= now=second");
    assert_ne!(started(), before);
    assert_eq!(world.container("init"), container);

    assert_eq!(reloads(&world, "bound").len(), 1);
    nobody_watched(&world);
    world.shoal(&["down"]).ok();
}

/// The session dies, files change, and the session that follows it makes up for that: once.
fn nobody_watched(world: &World) {
    let (built, container) = (world.published("built"), world.container("built"));
    world.write("built/files/stays", "x");
    world.write("built/files/goes", "x");
    let listed = || docker(&["exec", &container, "ls", "/srv"]);
    until("new files", || (listed() == "goes\nstays\nversion").then_some(()));
    let noted = |goes: bool| {
        until("what is in the container to be noted", || {
            let text = std::fs::read_to_string(world.place().join("synced/built.json")).ok()?;
            (text.contains("files/goes") == goes).then_some(())
        });
    };
    noted(true);
    world.kill_session();
    world.write("built/files/version", "third\n");
    std::fs::remove_file(world.folder().join("built/files/goes")).expect("removed");
    world.shoal(&["ps"]).ok();
    says(&built, "start=third hangup= now=third");
    until("a deletion", || (listed() == "stays\nversion").then_some(()));
    let event = until("the event", || reloads(world, "built").into_iter().next_back());
    assert_eq!(event["text"], "built/files/goes and 1 more: restart to catch up", "{event}");
    assert_eq!(world.container("built"), container);
    noted(false);
    // Nothing is owed any more: the next session has nothing to do.
    world.kill_session();
    world.shoal(&["ps"]).ok();
    until("adoption", || (world.service("built")["ready"] == true).then_some(()));
    world.write("built/files/version", "fourth\n");
    says(&built, "start=fourth hangup= now=fourth");
    // Whether the save was watched or caught up with depends on how soon it came.
    let event = reload(world, "built", 1);
    assert_eq!(event["files"], serde_json::json!(["built/files/version"]), "{event}");
    assert_eq!(reloads(world, "built").len(), 1);
}
