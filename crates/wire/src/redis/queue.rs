//! The commands of a connection that wait to be answered, oldest first.

use std::collections::VecDeque;

use super::commands::{Effect, Listening, Veil};

/// A command, or one subscription of a command that asks for several.
#[derive(Debug)]
pub(super) struct Awaited {
    /// Its exchange.
    pub(super) serial: u32,
    /// The first exchange of the same command.
    pub(super) command: u32,
    pub(super) effect: Effect,
    pub(super) veil: Veil,
    /// How many confirmations of an unsubscription are still to come.
    pub(super) confirmations: usize,
}

#[derive(Debug)]
enum Slot {
    Awaited(Awaited),
    /// Here commands or replies were lost: which of the next replies answers which command is not known.
    Hole,
}

impl Slot {
    fn awaited(&self) -> Option<&Awaited> {
        match self {
            Self::Awaited(awaited) => Some(awaited),
            Self::Hole => None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    slots: VecDeque<Slot>,
    holes: usize,
    /// Commands that were given up for their number, whose replies are still to come.
    forgotten: u64,
}

impl Queue {
    /// Adds a command, and returns the oldest one where there are more than `limit`.
    pub(super) fn push(&mut self, awaited: Awaited, limit: usize) -> Option<Awaited> {
        self.slots.push_back(Slot::Awaited(awaited));
        if self.slots.len() <= limit {
            return None;
        }
        match self.slots.pop_front()? {
            Slot::Awaited(oldest) => {
                self.forgotten += 1;
                Some(oldest)
            }
            Slot::Hole => {
                self.holes -= 1;
                None
            }
        }
    }

    /// The command that is answered next, or that may be.
    pub(super) fn first(&self) -> Option<&Awaited> {
        self.slots.iter().find_map(Slot::awaited)
    }

    /// The command that is answered next, if that is known.
    pub(super) fn next(&self) -> Option<&Awaited> {
        self.slots.front().and_then(Slot::awaited)
    }

    /// Takes the next command if it is of the same line as `command`.
    pub(super) fn take_next(&mut self, command: u32) -> Option<Awaited> {
        let same = |slot: &mut Slot| slot.awaited().is_some_and(|awaited| awaited.command == command);
        match self.slots.pop_front_if(same)? {
            Slot::Awaited(awaited) => Some(awaited),
            Slot::Hole => None,
        }
    }

    /// Whether a reply is for a command that was given up before, which it then is no more.
    pub(super) fn is_for_forgotten(&mut self) -> bool {
        let is = self.forgotten > 0;
        self.forgotten = self.forgotten.saturating_sub(1);
        is
    }

    /// Takes the first command of which this holds, wherever it stands.
    pub(super) fn take_where(&mut self, holds: impl Fn(&Awaited) -> bool) -> Option<Awaited> {
        let place = self.slots.iter().position(|slot| slot.awaited().is_some_and(&holds))?;
        match self.slots.remove(place)? {
            Slot::Awaited(awaited) => Some(awaited),
            Slot::Hole => None,
        }
    }

    /// Something was given up. Returns the command that asked for it, and whether that was the last it asked for; then
    /// it waits no longer.
    pub(super) fn confirm(&mut self, listening: Listening) -> Option<(u32, bool)> {
        let asks = |awaited: &Awaited| awaited.effect == Effect::Unsubscribes(listening);
        let awaited = self.slots.iter_mut().find_map(|slot| match slot {
            Slot::Awaited(awaited) if asks(awaited) => Some(awaited),
            Slot::Awaited(_) | Slot::Hole => None,
        })?;
        awaited.confirmations = awaited.confirmations.saturating_sub(1);
        let (serial, done) = (awaited.serial, awaited.confirmations == 0);
        if done {
            self.take_where(|awaited| awaited.serial == serial);
        }
        Some((serial, done))
    }

    /// Whether it is not known which reply answers which command.
    pub(super) fn is_unsure(&self) -> bool {
        self.holes > 0
    }

    /// Commands may be missing behind those that wait.
    pub(super) fn commands_lost(&mut self) {
        if !matches!(self.slots.back(), Some(Slot::Hole)) {
            self.slots.push_back(Slot::Hole);
            self.holes += 1;
        }
    }

    /// Replies to those that wait may be missing.
    pub(super) fn replies_lost(&mut self) {
        if !matches!(self.slots.front(), Some(Slot::Hole)) {
            self.slots.push_front(Slot::Hole);
            self.holes += 1;
        }
    }

    /// All commands that wait, which do so no longer.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Awaited> + use<> {
        self.forgotten = 0;
        self.holes = 0;
        std::mem::take(&mut self.slots).into_iter().filter_map(|slot| match slot {
            Slot::Awaited(awaited) => Some(awaited),
            Slot::Hole => None,
        })
    }

    pub(super) fn held(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }
}

/// Whether the server answers, by what `CLIENT REPLY` asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Answers {
    #[default]
    All,
    AllButNext,
    None,
}

impl Answers {
    /// Whether the next command is answered, which may change what holds for those behind it.
    pub(super) fn next(&mut self, effect: Effect) -> bool {
        let before = *self;
        *self = match (effect, before) {
            (Effect::RepliesOff, _) | (Effect::SkipsReply, Self::None) => Self::None,
            (Effect::SkipsReply, _) => Self::AllButNext,
            (Effect::RepliesOn, _) | (_, Self::All | Self::AllButNext) => Self::All,
            (_, Self::None) => Self::None,
        };
        match effect {
            Effect::RepliesOff | Effect::SkipsReply => false,
            Effect::RepliesOn => true,
            _ => before == Self::All,
        }
    }
}
