//! Random interleavings.

use proptest::prelude::*;

use super::model::Engine;
use super::{run, shop};
use crate::state::{Clearing, Input};

#[derive(Debug, Clone)]
enum Step {
    Up(usize),
    Stop(usize),
    Restart(usize),
    Rebuild(usize),
    Down,
    Finish(usize, bool),
    End(usize, i32),
    Away(bool, bool),
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
        (any::<bool>(), any::<bool>()).prop_map(|(came_about, runs_on)| Step::Away(came_about, runs_on)),
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
                Step::Away(came_about, runs_on) => {
                    engine.goes_away(&mut state, came_about, runs_on);
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
