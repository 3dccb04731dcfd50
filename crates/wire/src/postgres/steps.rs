//! What the client has asked for and the server has not answered, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use model::Timestamp;

use super::names::{Portal, Statement, portal_size};
use crate::limits::Limits;
use crate::sql::{Dialect, statement};

/// How many messages of a client may wait for their answer: two or three for each row that a driver sends in one batch.
const STEPS_LIMIT: usize = 64 * 1024;
/// How many times a flow's bound what waits may hold, until no more is kept of it than its order.
const PATIENCE: usize = 2;

/// A message that waits for its answer.
#[derive(Debug)]
pub(super) enum Step {
    Parse {
        statement: Arc<Statement>,
        replaced: Option<u64>,
    },
    Bind {
        portal: Arc<Portal>,
        replaced: Option<u64>,
    },
    Describe(Described),
    Close(Option<u64>),
    Execute {
        serial: u32,
        portal: Option<Arc<Portal>>,
    },
    Sync,
    Query(Box<Script>),
    Function(u32),
    /// Messages were lost here, nobody knows which.
    Lost,
}

#[derive(Debug)]
pub(super) enum Described {
    Statement { name: String, statement: Option<Arc<Statement>> },
    Portal(Option<Arc<Portal>>),
}

impl Described {
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Statement { statement, .. } => statement.as_ref().map(|statement| statement.number),
            Self::Portal(portal) => portal.as_ref().map(|portal| portal.number),
        }
    }
}

impl Step {
    /// The server answers it with `ReadyForQuery`.
    pub(super) fn ends_batch(&self) -> bool {
        matches!(self, Self::Sync | Self::Query(_) | Self::Function(_))
    }

    /// The exchange that shows it.
    pub(super) fn serial(&self) -> Option<u32> {
        match self {
            Self::Execute { serial, .. } | Self::Function(serial) => Some(*serial),
            Self::Query(script) => script.current,
            Self::Parse { .. }
            | Self::Bind { .. }
            | Self::Describe(_)
            | Self::Close(_)
            | Self::Sync
            | Self::Lost => None,
        }
    }
}

/// The text of a simple query, whose statements are executed one after the other.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) text: Vec<u8>,
    /// The text goes on behind what is kept.
    pub(super) cut: bool,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// The exchange of the statement that is being executed.
    pub(super) current: Option<u32>,
    /// Where the statement behind it begins to be looked for.
    pub(super) next: usize,
    /// Bytes of the message that are not counted on an exchange yet.
    pub(super) uncounted: u64,
    /// An error has ended it.
    pub(super) failed: bool,
}

impl Script {
    pub(super) fn has_next(&self) -> bool {
        statement(&self.text, self.next, Dialect::Postgres).is_some()
    }

    /// The next statement: where it is, and how many bytes of the message go with it.
    pub(super) fn advance(&mut self) -> Option<(std::ops::Range<usize>, u64)> {
        let (range, next) = statement(&self.text, self.next, Dialect::Postgres)?;
        let is_last = statement(&self.text, next, Dialect::Postgres).is_none();
        let bytes = if is_last { self.uncounted } else { self.uncounted.min((next - self.next) as u64) };
        self.uncounted -= bytes;
        self.next = if is_last { self.text.len() } else { next };
        Some((range, bytes))
    }
}

/// When a step's message began, and its bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) first: Timestamp,
    pub(super) bytes: u64,
}

/// The steps of one connection.
#[derive(Debug, Default)]
pub(super) struct Steps {
    waiting: VecDeque<(Step, Sent)>,
    batches: usize,
    held: usize,
}

impl Steps {
    pub(super) fn push(&mut self, step: Step, sent: Sent) {
        self.batches += usize::from(step.ends_batch());
        self.held += size(&step);
        self.waiting.push_back((step, sent));
    }

    pub(super) fn pop(&mut self) -> Option<Step> {
        let (step, _) = self.waiting.pop_front()?;
        self.batches -= usize::from(step.ends_batch());
        self.held -= size(&step);
        Some(step)
    }

    pub(super) fn first(&self) -> Option<&Step> {
        self.waiting.front().map(|(step, _)| step)
    }

    /// When the first step was sent.
    pub(super) fn sent(&self) -> Sent {
        self.waiting.front().map(|(_, sent)| *sent).unwrap_or_default()
    }

    pub(super) fn last(&self) -> Option<&Step> {
        self.waiting.back().map(|(step, _)| step)
    }

    /// Takes out the `Sync`s right behind the first step: the server passed over them.
    pub(super) fn drop_syncs(&mut self) {
        while let Some((Step::Sync, _)) = self.waiting.get(1) {
            self.waiting.remove(1);
            self.batches -= 1;
            self.held -= size(&Step::Sync);
        }
    }

    /// The query that the server answers.
    pub(super) fn script(&mut self) -> Option<&mut Script> {
        match self.waiting.front_mut() {
            Some((Step::Query(script), _)) => Some(script),
            _ => None,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Step> {
        self.waiting.iter().map(|(step, _)| step)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether so much waits that nothing more can. Before that, what is only for show is let go: nothing that was asked
    /// loses its answer for the number of those behind it.
    pub(super) fn are_too_many(&mut self, limits: &Limits) -> bool {
        let held = |steps: &Self| steps.held - steps.len() * size_of::<(Step, Sent)>();
        if held(self) > PATIENCE * limits.flow_buffer {
            self.lighten();
            // So that it is not done again before as much has come again.
            return held(self) > limits.flow_buffer;
        }
        self.len() >= STEPS_LIMIT
    }

    /// Forgets the parameters of portals, which their exchanges have.
    fn lighten(&mut self) {
        let mut last = None::<Arc<Portal>>;
        for (step, _) in &mut self.waiting {
            let (Step::Bind { portal, .. }
            | Step::Describe(Described::Portal(Some(portal)))
            | Step::Execute { portal: Some(portal), .. }) = step
            else {
                continue;
            };
            if portal.parameters.is_empty() {
                continue;
            }
            let light = last.take().filter(|light| light.number == portal.number);
            let light = light.unwrap_or_else(|| Arc::new(portal.without_parameters()));
            *portal = Arc::clone(&light);
            last = Some(light);
        }
        self.held = self.waiting.iter().map(|(step, _)| size(step)).sum();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many `ReadyForQuery` are to come.
    pub(super) fn batches(&self) -> usize {
        self.batches
    }

    /// Whether exactly one statement waits, and nothing unknown.
    pub(super) fn is_one_statement(&self) -> bool {
        let mut count = 0;
        for step in self.iter() {
            count += match step {
                Step::Query(script) if script.cut || script.has_next() => 2,
                Step::Lost => 2,
                Step::Execute { .. } | Step::Query(_) | Step::Function(_) => 1,
                _ => 0,
            };
        }
        count == 1
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }
}

fn size(step: &Step) -> usize {
    size_of::<(Step, Sent)>()
        + match step {
            Step::Query(script) => size_of::<Script>() + script.text.len(),
            Step::Parse { statement, .. } => statement.sql.len(),
            Step::Bind { portal, .. } => portal_size(portal),
            _ => 0,
        }
}
