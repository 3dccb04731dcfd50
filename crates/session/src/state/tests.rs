//! Tables of inputs and effects, and random interleavings against an engine of numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use api::shape::State as Shown;
use api::{ApiError, Code};
use model::Timestamp;
use model::plan::{
    Condition, ContainerOptions, Dependency, Lifetime, Plan, PullPolicy, Resources, RestartPolicy, Service,
    Source,
};
use proptest::prelude::*;

use super::*;

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

/// An engine that keeps numbers instead of containers, and checks what no engine may ever be asked for.
#[derive(Default)]
struct Engine {
    containers: BTreeMap<String, (String, bool)>,
    made: u32,
    open: Vec<Effect>,
    cancelled: BTreeSet<JobId>,
}

impl Engine {
    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Cancel(job) => {
                    self.cancelled.insert(job);
                }
                Effect::Tell(_) => {}
                other => self.open.push(other),
            }
        }
    }

    /// Does the open effect at `at`, and tells how it went; `fail` makes jobs fail that can.
    fn finish(&mut self, at: usize, fail: bool) -> Vec<Input> {
        let effect = self.open.remove(at % self.open.len());
        let failed = || Outcome::Failed(ApiError::new(Code::Failed, "it did not work"));
        let done = |job, service, outcome| vec![Input::JobDone(job, service, outcome)];
        match effect {
            Effect::LayGround => vec![Input::GroundLaid(Ok(()))],
            Effect::ClearGround(_) => {
                assert!(self.containers.is_empty(), "the ground is cleared under {:?}", self.containers);
                vec![Input::GroundCleared]
            }
            Effect::Image { job, .. } | Effect::Probe { job, .. } if self.cancelled.contains(&job) => {
                Vec::new()
            }
            Effect::Image { job, service } => done(
                job,
                service.clone(),
                if fail { failed() } else { Outcome::Image(format!("img-{service}")) },
            ),
            Effect::Create { job, service, .. } => {
                assert!(self.containers.values().all(|(s, _)| *s != service), "two containers of {service}");
                if fail {
                    return done(job, service, failed());
                }
                self.made += 1;
                let id = format!("c{}", self.made);
                self.containers.insert(id.clone(), (service.clone(), false));
                let hash = format!("hash-of-{service}");
                let container = Container {
                    id,
                    name: service.clone(),
                    hash,
                    doing: Doing::Created,
                    ready: false,
                    ports: Vec::new(),
                };
                done(job, service, Outcome::Created(container))
            }
            Effect::Start { job, service, container } => {
                if fail {
                    return done(job, service, failed());
                }
                let entry = self.containers.get_mut(&container).expect("what is started exists");
                assert!(!entry.1, "{service} is started twice");
                entry.1 = true;
                done(job, service, Outcome::Started(Timestamp(1), Vec::new()))
            }
            Effect::Probe { job, service, .. } => {
                done(job, service, if fail { failed() } else { Outcome::Ready })
            }
            Effect::Stop { job, service, container } => {
                self.containers.get_mut(&container).expect("what is stopped exists").1 = false;
                done(job, service, Outcome::Stopped(Some(0)))
            }
            Effect::Remove { job, service, container } => {
                self.containers.remove(&container).expect("what is removed exists");
                done(job, service, Outcome::Removed)
            }
            Effect::Cancel(_) | Effect::Tell(_) => Vec::new(),
        }
    }

    fn settle(&mut self, state: &mut State) {
        while !self.open.is_empty() {
            for input in self.finish(0, false) {
                let effects = state.on(input);
                self.take(effects);
            }
        }
    }

    /// The process in a running container ends.
    fn end(&mut self, state: &mut State, service: &str, code: i32) {
        let id =
            self.containers.iter().find(|(_, (s, runs))| s == service && *runs).map(|(id, _)| id.clone());
        let Some(id) = id else { return };
        self.containers.get_mut(&id).expect("just found").1 = false;
        let effects = state.on(Input::Exited { id, code });
        self.take(effects);
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
    let container = Container {
        id: "old".into(),
        name: "shop-db-1".into(),
        hash: "hash-of-db".into(),
        doing: Doing::Running(Timestamp(5)),
        ready: false,
        ports: Vec::new(),
    };
    run(&mut state, &mut engine, Input::EngineUp(vec![Found { service: "db".into(), container }]));
    assert_eq!(shown(&state)[0].1, Shown::Running);
    run(&mut state, &mut engine, up());
    assert!(engine.containers.contains_key("old"), "the adopted container serves on");
}

#[derive(Debug, Clone)]
enum Step {
    Up(usize),
    Stop(usize),
    Restart(usize),
    Rebuild(usize),
    Down,
    Finish(usize, bool),
    End(usize, i32),
}

const NAMES: [&str; 3] = ["db", "migrate", "orders"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..4usize).prop_map(Step::Up),
        (0..3usize).prop_map(Step::Stop),
        (0..3usize).prop_map(Step::Restart),
        (0..3usize).prop_map(Step::Rebuild),
        Just(Step::Down),
        (0..8usize, prop::bool::weighted(0.15)).prop_map(|(n, fail)| Step::Finish(n, fail)),
        (0..8usize, Just(false)).prop_map(|(n, fail)| Step::Finish(n, fail)),
        (0..8usize, Just(false)).prop_map(|(n, fail)| Step::Finish(n, fail)),
        (0..3usize, 0..2i32).prop_map(|(n, code)| Step::End(n, code)),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: never two containers of one service (the engine asserts it), and `down`
    /// always ends with none.
    #[test]
    fn any_interleaving_keeps_the_invariants(steps in steps()) {
        let (mut state, mut engine) = (shop(), Engine::default());
        run(&mut state, &mut engine, Input::EngineUp(Vec::new()));
        for step in steps {
            let one = |n: usize| vec![NAMES[n].to_owned()];
            let inputs = match step {
                Step::Up(n) => vec![Input::Up { services: if n == 3 { Vec::new() } else { one(n) }, build: n == 1 }],
                Step::Stop(n) => vec![Input::Stop(one(n))],
                Step::Restart(n) => vec![Input::Restart(one(n))],
                Step::Rebuild(n) => vec![Input::Rebuild(one(n))],
                Step::Down => vec![Input::Down(Clearing { volumes: false, all: true })],
                Step::Finish(..) if engine.open.is_empty() => Vec::new(),
                Step::Finish(n, fail) => engine.finish(n, fail),
                Step::End(n, code) => {
                    engine.end(&mut state, NAMES[n], code);
                    Vec::new()
                }
            };
            for input in inputs {
                let effects = state.on(input);
                engine.take(effects);
            }
        }
        run(&mut state, &mut engine, Input::Down(Clearing { volumes: false, all: true }));
        prop_assert!(engine.containers.is_empty(), "left over: {:?}", engine.containers);
        prop_assert!(state.is_clear(), "not clear: {:?}", state.members);
    }
}
