//! Tables of inputs and effects, and random interleavings against an engine of numbers.

mod interleavings;
mod model;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use self::model::Engine;
use super::*;
use ::model::Timestamp;
use ::model::plan::{
    Condition, ContainerOptions, Dependency, Lifetime, Plan, PullPolicy, Resources, RestartPolicy, Service,
    Source,
};
use api::shape::State as Shown;
use api::{ApiError, Code};

fn service(name: &str, after: &[(&str, Condition)]) -> Service {
    Service {
        name: name.into(),
        source: Source::Image(format!("{name}:1")),
        command: None,
        entrypoint: None,
        env: BTreeMap::new(),
        ports: Vec::new(),
        volumes: Vec::new(),
        depends_on: after.iter().map(|(s, c)| Dependency { service: (*s).into(), condition: *c }).collect(),
        ready: None,
        reload: Vec::new(),
        restart: RestartPolicy::No,
        lifetime: Lifetime::Session,
        resources: Resources::default(),
        stop_signal: None,
        stop_grace: Duration::from_secs(10),
        user: None,
        working_dir: None,
        pull: PullPolicy::Missing,
        platform: None,
        loopback: false,
        container: ContainerOptions::default(),
    }
}

fn plan(services: Vec<Service>) -> (Plan, BTreeMap<String, String>) {
    let hashes = services.iter().map(|s| (s.name.clone(), format!("hash-of-{}", s.name))).collect();
    let mut plan = Plan::empty("shop", PathBuf::from("/shop"));
    plan.services = services.into_iter().map(|s| (s.name.clone(), s)).collect();
    (plan, hashes)
}

fn shop() -> State {
    let (plan, hashes) = plan(vec![
        service("db", &[]),
        service("migrate", &[("db", Condition::Ready)]),
        service("orders", &[("db", Condition::Ready), ("migrate", Condition::Completed)]),
    ]);
    State::new(plan, &hashes)
}

fn container(id: &str, service: &str, doing: Doing) -> Container {
    Container {
        id: id.into(),
        name: service.into(),
        hash: format!("hash-of-{service}"),
        image: format!("img-{service}"),
        doing,
        ready: false,
        ports: Vec::new(),
    }
}

fn shown(state: &State) -> Vec<(String, Shown)> {
    state.views().into_iter().map(|v| (v.service, v.state)).collect()
}

fn all(db: Shown, migrate: Shown, orders: Shown) -> Vec<(String, Shown)> {
    vec![("db".into(), db), ("migrate".into(), migrate), ("orders".into(), orders)]
}

fn run(state: &mut State, engine: &mut Engine, input: Input) {
    let effects = state.on(input);
    engine.take(effects);
    engine.settle(state);
}

fn up() -> Input {
    Input::Up { services: Vec::new(), build: false }
}

#[test]
fn everything_waits_for_what_it_depends_on() {
    let (mut state, mut engine) = (shop(), Engine::default());
    run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
    run(&mut state, &mut engine, up());
    // `migrate` runs and counts as ready, but `orders` waits for its end.
    assert_eq!(shown(&state), all(Shown::Running, Shown::Running, Shown::Waiting));
    assert_eq!(state.views()[2].waiting_for.as_deref(), Some("migrate to complete"));
    engine.end(&mut state, "migrate", 1);
    engine.settle(&mut state);
    assert_eq!(state.views()[2].waiting_for.as_deref(), Some("migrate to complete (it exited with 1)"));
    run(&mut state, &mut engine, Input::Restart(vec!["migrate".into()]));
    engine.end(&mut state, "migrate", 0);
    engine.settle(&mut state);
    assert_eq!(shown(&state), all(Shown::Running, Shown::Completed, Shown::Running));
}

#[test]
fn one_service_brings_what_it_depends_on_and_nothing_else() {
    let (mut state, mut engine) = (shop(), Engine::default());
    run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
    run(&mut state, &mut engine, Input::Up { services: vec!["migrate".into()], build: false });
    assert_eq!(shown(&state), all(Shown::Running, Shown::Running, Shown::Stopped));
}

#[test]
fn down_clears_the_ground_last() {
    let (mut state, mut engine) = (shop(), Engine::default());
    run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
    run(&mut state, &mut engine, up());
    assert!(!state.is_clear());
    run(&mut state, &mut engine, Input::Down(Clearing { volumes: false, all: false }));
    assert!(state.is_clear() && state.is_down());
    assert!(engine.containers.is_empty());
}

#[test]
fn a_persistent_service_stays_and_keeps_its_network() {
    let (mut plan, hashes) = plan(vec![service("db", &[]), service("orders", &[])]);
    plan.services.get_mut("db").unwrap().lifetime = Lifetime::Persistent;
    let (mut state, mut engine) = (State::new(plan, &hashes), Engine::default());
    run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
    run(&mut state, &mut engine, up());
    run(&mut state, &mut engine, Input::Down(Clearing { volumes: false, all: false }));
    assert!(state.is_down() && !state.is_clear());
    assert_eq!(engine.containers.len(), 1);
    run(&mut state, &mut engine, Input::Down(Clearing { volumes: false, all: true }));
    assert!(state.is_clear());
}

#[test]
fn a_failed_build_keeps_the_old_container() {
    let (mut state, mut engine) = (shop(), Engine::default());
    run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
    run(&mut state, &mut engine, up());
    let before = engine.containers.clone();
    let effects = state.on(Input::Rebuild(vec!["db".into()]));
    engine.take(effects);
    for input in engine.finish(0, true) {
        let effects = state.on(input);
        engine.take(effects);
    }
    engine.settle(&mut state);
    assert_eq!(engine.containers, before);
    let view = &state.views()[0];
    assert_eq!((view.state, view.ready, view.error.is_some()), (Shown::Running, true, true));
    run(&mut state, &mut engine, Input::Rebuild(vec!["db".into()]));
    assert_ne!(engine.containers, before);
    assert_eq!(state.views()[0].error, None);
}

#[test]
fn a_changed_definition_replaces_only_its_service() {
    let (mut state, mut engine) = (shop(), Engine::default());
    run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
    run(&mut state, &mut engine, Input::Up { services: vec!["db".into()], build: false });
    let made = engine.made;
    let (plan, mut hashes) = (state.plan.clone(), BTreeMap::new());
    for name in plan.services.keys() {
        hashes.insert(name.clone(), format!("hash-of-{name}"));
    }
    run(&mut state, &mut engine, Input::Plan(plan.clone(), hashes.clone()));
    assert_eq!(engine.made, made, "an unchanged plan changes nothing");
    hashes.insert("orders".into(), "other".into());
    run(&mut state, &mut engine, Input::Plan(plan, hashes));
    assert_eq!(engine.made, made, "what was not asked for is not started");
}

#[test]
fn what_runs_already_is_adopted() {
    let (mut state, mut engine) = (shop(), Engine::default());
    engine.containers.insert("old".into(), ("db".into(), true));
    let container = container("old", "db", Doing::Running(Timestamp(5)));
    run(&mut state, &mut engine, Input::EngineUp(vec![Found { service: "db".into(), container }]));
    assert_eq!(shown(&state)[0].1, Shown::Running);
    run(&mut state, &mut engine, up());
    assert!(engine.containers.contains_key("old"), "the adopted container serves on");
}

#[test]
fn what_cannot_be_removed_is_not_tried_for_ever() {
    let (mut state, mut engine) = (shop(), Engine::default());
    run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
    run(&mut state, &mut engine, Input::Up { services: vec!["db".into()], build: false });
    let effects = state.on(Input::Down(Clearing { volumes: false, all: false }));
    engine.take(effects);
    for fail in [false, true] {
        for input in engine.finish(0, fail) {
            let effects = state.on(input);
            engine.take(effects);
        }
    }
    assert_eq!(engine.open, Vec::new());
    assert!(state.is_down() && state.left_standing(&[]).is_some());
    run(&mut state, &mut engine, Input::Down(Clearing { volumes: false, all: false }));
    assert!(state.is_clear() && state.left_standing(&[]).is_none());
}

#[test]
fn a_late_word_of_an_end_does_not_end_what_was_started_since() {
    let (mut state, mut engine) = (shop(), Engine::default());
    run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
    run(&mut state, &mut engine, Input::Up { services: vec!["db".into()], build: false });
    let effects = state.on(Input::Restart(vec!["db".into()]));
    engine.take(effects);
    for input in engine.finish(0, false) {
        let effects = state.on(input);
        engine.take(effects);
    }
    let late = || Input::Exited { id: "c1".into(), at: Timestamp(0), code: 143 };
    assert_eq!(state.on(late()), [], "while it starts");
    engine.settle(&mut state);
    assert_eq!(state.on(late()), [], "once it runs");
    let view = &state.views()[0];
    assert_eq!((view.state, view.ready, view.restarts), (Shown::Running, true, 0));
}

#[test]
fn what_the_engine_took_with_it_runs_again_when_it_is_back() {
    let (mut state, mut engine) = (shop(), Engine::default());
    run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
    run(&mut state, &mut engine, up());
    engine.end(&mut state, "migrate", 0);
    engine.settle(&mut state);
    let made = engine.made;
    let effects = state.on(Input::Rebuild(vec!["orders".into()]));
    engine.take(effects);
    let gone = ApiError::new(Code::EngineUnreachable, "the engine went away");
    let Some(Effect::Image { job, service }) = engine.open.pop() else { panic!("no build") };
    let effects = state.on(Input::JobDone(job, service, Outcome::Failed(gone)));
    engine.take(effects);
    assert!(state.views()[2].error.is_some());
    engine.goes_away(&mut state, false, false);
    engine.settle(&mut state);
    // `migrate` was done, so it is not done again; the build is.
    assert_eq!(shown(&state), all(Shown::Running, Shown::Completed, Shown::Running));
    assert_eq!((state.views()[2].error.clone(), engine.made), (None, made + 1));
}

#[test]
fn what_somebody_else_removed_counts_as_stopped() {
    let (mut state, mut engine) = (shop(), Engine::default());
    run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
    run(&mut state, &mut engine, Input::Up { services: vec!["db".into()], build: false });
    engine.end(&mut state, "db", 137);
    engine.containers.clear();
    run(&mut state, &mut engine, Input::Removed { id: "c1".into() });
    assert_eq!(shown(&state)[0].1, Shown::Stopped);
    run(&mut state, &mut engine, up());
    assert_eq!(shown(&state)[0].1, Shown::Running);
}

#[test]
fn more_to_remove_is_asked_for_while_the_ground_is_cleared() {
    let (mut state, mut engine) = (shop(), Engine::default());
    run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
    run(&mut state, &mut engine, Input::Up { services: vec!["db".into()], build: false });
    let effects = state.on(Input::Down(Clearing { volumes: false, all: false }));
    engine.take(effects);
    while !matches!(engine.open[..], [Effect::ClearGround(_)]) {
        for input in engine.finish(0, false) {
            let effects = state.on(input);
            engine.take(effects);
        }
    }
    let more = Clearing { volumes: true, all: false };
    let effects = state.on(Input::Down(more));
    engine.take(effects);
    for input in engine.finish(0, false) {
        let effects = state.on(input);
        engine.take(effects);
    }
    assert_eq!(engine.open, [Effect::ClearGround(more)]);
}

#[test]
fn nobody_is_asked_while_a_reload_restarts_it() {
    let (mut state, mut engine) = (shop(), Engine::default());
    run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
    run(&mut state, &mut engine, Input::Up { services: vec!["db".into()], build: false });
    assert_eq!(state.on(Input::Reloading { container: "c1".into() }), []);
    assert!(!state.views()[0].ready);
    assert_eq!(state.on(Input::Reloaded { container: "another".into(), ready: true }), []);
    assert!(!state.views()[0].ready, "the news is of another container");
    assert_eq!(state.on(Input::Reloaded { container: "c1".into(), ready: true }), []);
    assert!(state.views()[0].ready);
    let effects = state.on(Input::Reloaded { container: "c1".into(), ready: false });
    assert!(matches!(effects[..], [Effect::Probe { .. }]), "{effects:?}");
}

#[test]
fn a_new_image_replaces_what_an_earlier_session_started() {
    let (mut state, mut engine) = (shop(), Engine::default());
    engine.containers.insert("old".into(), ("db".into(), true));
    let mut old = container("old", "db", Doing::Running(Timestamp(5)));
    old.image = "img-before".into();
    run(&mut state, &mut engine, Input::EngineUp(vec![Found { service: "db".into(), container: old }]));
    run(&mut state, &mut engine, Input::Up { services: vec!["db".into()], build: true });
    assert!(!engine.containers.contains_key("old"));
    assert_eq!(engine.containers.len(), 1);
}

#[test]
fn a_container_that_ends_at_once_is_told_in_order() {
    let (mut state, mut engine) = (shop(), Engine::default());
    run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
    let effects = state.on(Input::Up { services: vec!["db".into()], build: false });
    engine.take(effects);
    while !matches!(engine.open[..], [Effect::Start { .. }]) {
        for input in engine.finish(0, false) {
            let effects = state.on(input);
            engine.take(effects);
        }
    }
    let started = state.on(Input::Started { id: "c1".into(), at: Timestamp(1) });
    assert_eq!(started, [Effect::Tell(Told::Started("db".into()))]);
    let ended = state.on(Input::Exited { id: "c1".into(), at: Timestamp(2), code: 7 });
    assert_eq!(ended, [Effect::Tell(Told::Exited("db".into(), 7))]);
    let answered = engine.finish(0, false).into_iter().flat_map(|input| state.on(input)).collect::<Vec<_>>();
    assert_eq!(answered, []);
    assert_eq!((shown(&state)[0].1, state.views()[0].exit_code), (Shown::Failed, Some(7)));
}
