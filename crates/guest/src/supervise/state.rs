//! What the supervisor does when something happens: a pure state machine.

use std::time::{Duration, Instant};

/// Who asked for a restart and waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) client: u32,
    pub(super) id: u32,
}

#[derive(Debug)]
pub(super) enum Event {
    /// The service's process ended with this code.
    Ended(i32),
    /// It should be started anew.
    Restart { asker: Option<Asker>, grace: Duration },
    /// A signal for the service came; `delivered`: it would reach the service if that were PID 1 itself.
    Signal { number: i32, delivered: bool },
    /// The answer to [`Effect::Spawn`]: its pid, or an exit code and the reason.
    Spawned(Result<i32, (i32, String)>),
    /// Time has passed.
    Tick,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Send a signal to the service's process.
    ToService(i32),
    /// Send a signal to its process group.
    ToGroup(i32),
    /// Kill what its end left behind.
    Sweep,
    /// Start it.
    Spawn,
    /// Answer a request with the new process's number or the reason why there is none.
    Answer(Asker, Result<i32, String>),
    /// Tell all agents that it ended and that the container goes on.
    Report(i32),
    /// End the container with this code.
    Exit(i32),
}

#[derive(Debug)]
enum Phase {
    /// The service runs. `reloaded`: it was started by a restart. `leaving`: it was asked to end for good.
    Running { reloaded: bool, leaving: bool },
    /// It was asked to end and will be started again; killed at `deadline`, `None` once that was done.
    Restarting { deadline: Option<Instant>, askers: Vec<Asker> },
    /// What a reload started has ended by itself with this code: the next save may mend it, so the container waits.
    Held(i32),
}

#[derive(Debug)]
pub(super) struct State {
    phase: Phase,
    stop_signal: i32,
}

impl State {
    /// The state right after the first start.
    pub(super) fn new(stop_signal: i32) -> Self {
        Self { phase: Phase::Running { reloaded: false, leaving: false }, stop_signal }
    }

    /// When [`Event::Tick`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Restarting { deadline, .. } => *deadline,
            Phase::Running { .. } | Phase::Held(_) => None,
        }
    }

    /// The exit code of a service that waits for the next reload.
    pub(super) fn held(&self) -> Option<i32> {
        match self.phase {
            Phase::Held(code) => Some(code),
            Phase::Running { .. } | Phase::Restarting { .. } => None,
        }
    }

    pub(super) fn on(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        match event {
            Event::Ended(code) => self.ended(code),
            Event::Restart { asker, grace } => self.restart(asker, now + grace),
            Event::Signal { number, delivered } => self.signal(number, delivered),
            Event::Spawned(result) => self.spawned(result),
            Event::Tick => self.tick(now),
        }
    }

    fn ended(&mut self, code: i32) -> Vec<Effect> {
        match self.phase {
            // Code 0 is a job that is done, not a mistake that a save mends.
            Phase::Running { reloaded: true, leaving: false } if code != 0 => {
                self.phase = Phase::Held(code);
                vec![Effect::Sweep, Effect::Report(code)]
            }
            Phase::Running { .. } => vec![Effect::Exit(code)],
            Phase::Restarting { .. } => vec![Effect::Sweep, Effect::Spawn],
            Phase::Held(_) => Vec::new(),
        }
    }

    fn restart(&mut self, asker: Option<Asker>, kill_at: Instant) -> Vec<Effect> {
        match &mut self.phase {
            Phase::Running { .. } => {
                let askers = asker.into_iter().collect();
                self.phase = Phase::Restarting { deadline: Some(kill_at), askers };
                vec![Effect::ToGroup(self.stop_signal)]
            }
            Phase::Restarting { deadline, askers } => {
                *deadline = deadline.map(|at| at.min(kill_at));
                askers.extend(asker);
                Vec::new()
            }
            Phase::Held(_) => {
                self.phase = Phase::Restarting { deadline: None, askers: asker.into_iter().collect() };
                vec![Effect::Spawn]
            }
        }
    }

    fn signal(&mut self, number: i32, delivered: bool) -> Vec<Effect> {
        let ends = [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, self.stop_signal].contains(&number);
        let mut effects = Vec::new();
        match &mut self.phase {
            Phase::Running { leaving, .. } => *leaving |= ends,
            Phase::Restarting { askers, .. } if ends => {
                let refused = Err("the container is being stopped".to_owned());
                effects.extend(askers.drain(..).map(|asker| Effect::Answer(asker, refused.clone())));
                self.phase = Phase::Running { reloaded: true, leaving: true };
            }
            Phase::Restarting { .. } => {}
            Phase::Held(code) => return if ends { vec![Effect::Exit(*code)] } else { Vec::new() },
        }
        effects.extend(delivered.then_some(Effect::ToService(number)));
        effects
    }

    fn spawned(&mut self, result: Result<i32, (i32, String)>) -> Vec<Effect> {
        let askers = match &mut self.phase {
            Phase::Restarting { askers, .. } => std::mem::take(askers),
            Phase::Running { .. } | Phase::Held(_) => Vec::new(),
        };
        let (answer, report) = match result {
            Ok(pid) => {
                self.phase = Phase::Running { reloaded: true, leaving: false };
                (Ok(pid), None)
            }
            Err((code, why)) => {
                self.phase = Phase::Held(code);
                (Err(why), Some(Effect::Report(code)))
            }
        };
        askers.into_iter().map(|asker| Effect::Answer(asker, answer.clone())).chain(report).collect()
    }

    fn tick(&mut self, now: Instant) -> Vec<Effect> {
        match &mut self.phase {
            Phase::Restarting { deadline, .. } if deadline.is_some_and(|at| at <= now) => {
                *deadline = None;
                vec![Effect::ToGroup(libc::SIGKILL)]
            }
            Phase::Running { .. } | Phase::Restarting { .. } | Phase::Held(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Effect::{Answer, Exit, Report, Spawn, Sweep, ToGroup, ToService};
    use super::*;

    const ASKER: Asker = Asker { client: 1, id: 7 };

    fn restart(grace_ms: u64) -> Event {
        Event::Restart { asker: Some(ASKER), grace: Duration::from_millis(grace_ms) }
    }

    fn signal(number: i32) -> Event {
        Event::Signal { number, delivered: true }
    }

    /// Feeds events, each at its millisecond, and compares all effects.
    #[track_caller]
    fn check(events: Vec<(u64, Event)>, expected: &[Effect]) {
        let began = Instant::now();
        let mut state = State::new(libc::SIGTERM);
        let effects: Vec<_> = events
            .into_iter()
            .flat_map(|(ms, event)| state.on(event, began + Duration::from_millis(ms)))
            .collect();
        assert_eq!(effects, expected);
    }

    #[test]
    fn a_service_that_ends_by_itself_ends_the_container() {
        check(vec![(0, Event::Ended(7))], &[Exit(7)]);
        check(vec![(0, signal(1)), (1, Event::Ended(0))], &[ToService(1), Exit(0)]);
    }

    #[test]
    fn what_pid_1_would_not_get_is_not_forwarded() {
        check(vec![(0, Event::Signal { number: libc::SIGTERM, delivered: false })], &[]);
    }

    #[test]
    fn a_restart_is_answered_when_the_new_process_runs() {
        check(
            vec![(0, restart(100)), (5, Event::Ended(143)), (5, Event::Spawned(Ok(9))), (200, Event::Tick)],
            &[ToGroup(libc::SIGTERM), Sweep, Spawn, Answer(ASKER, Ok(9))],
        );
    }

    #[test]
    fn who_does_not_end_in_time_is_killed_once() {
        check(
            vec![(0, restart(100)), (99, Event::Tick), (100, Event::Tick), (101, Event::Tick)],
            &[ToGroup(libc::SIGTERM), ToGroup(libc::SIGKILL)],
        );
        // The most impatient of two counts.
        check(
            vec![(0, restart(100)), (1, restart(10)), (11, Event::Tick)],
            &[ToGroup(libc::SIGTERM), ToGroup(libc::SIGKILL)],
        );
    }

    #[test]
    fn two_requests_at_once_are_one_restart() {
        check(
            vec![(0, restart(9)), (0, restart(9)), (1, Event::Ended(0)), (1, Event::Spawned(Ok(3)))],
            &[ToGroup(libc::SIGTERM), Sweep, Spawn, Answer(ASKER, Ok(3)), Answer(ASKER, Ok(3))],
        );
    }

    #[test]
    fn a_crash_after_a_reload_waits_for_the_next_one() {
        let reloaded = || vec![(0, restart(9)), (1, Event::Ended(0)), (1, Event::Spawned(Ok(3)))];
        let begin = || vec![ToGroup(libc::SIGTERM), Sweep, Spawn, Answer(ASKER, Ok(3))];
        let on = |more: Vec<(u64, Event)>, effects: Vec<Effect>| {
            check(
                reloaded().into_iter().chain(more).collect(),
                &begin().into_iter().chain(effects).collect::<Vec<_>>(),
            );
        };
        on(vec![(2, Event::Ended(1))], vec![Sweep, Report(1)]);
        on(
            vec![(2, Event::Ended(1)), (3, restart(9)), (3, Event::Spawned(Ok(4)))],
            vec![Sweep, Report(1), Spawn, Answer(ASKER, Ok(4))],
        );
        on(vec![(2, Event::Ended(1)), (3, signal(libc::SIGTERM))], vec![Sweep, Report(1), Exit(1)]);
        // A job that is done is done, and who was asked to leave may.
        on(vec![(2, Event::Ended(0))], vec![Exit(0)]);
        on(
            vec![(2, signal(libc::SIGTERM)), (3, Event::Ended(143))],
            vec![ToService(libc::SIGTERM), Exit(143)],
        );
    }

    #[test]
    fn a_stop_during_a_restart_wins() {
        check(
            vec![(0, restart(100)), (1, signal(libc::SIGTERM)), (2, Event::Ended(143)), (200, Event::Tick)],
            &[
                ToGroup(libc::SIGTERM),
                Answer(ASKER, Err("the container is being stopped".to_owned())),
                ToService(libc::SIGTERM),
                Exit(143),
            ],
        );
    }

    #[test]
    fn a_program_that_went_missing_is_waited_for() {
        let missing = || Event::Spawned(Err((127, "gone".to_owned())));
        check(
            vec![
                (0, restart(9)),
                (1, Event::Ended(0)),
                (1, missing()),
                (2, restart(9)),
                (2, Event::Spawned(Ok(5))),
            ],
            &[
                ToGroup(libc::SIGTERM),
                Sweep,
                Spawn,
                Answer(ASKER, Err("gone".to_owned())),
                Report(127),
                Spawn,
                Answer(ASKER, Ok(5)),
            ],
        );
    }
}
