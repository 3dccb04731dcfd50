//! What a loss leaves: where the next message begins, and which answers still belong to which steps.
//!
//! Who waits for each answer before asking again (as most clients do) is in order again with the next question. Of a
//! client that sends batches ahead nobody can tell which answers are missing: then what waits is given up, marked, and
//! pairing begins anew when the server has nothing left to answer.

use model::exchange::Quality;

use super::Postgres;
use super::answer::{Answered, message};
use super::ask::Asked;
use super::shape::{begins, messages};
use super::steps::{Sent, Step};
use crate::decode::{Dir, Env, Loss};
use crate::detect::Proof;

/// What came of the server since something came of the client.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoke {
    #[default]
    Nothing,
    /// Bytes that are missing, if they were sent then: when both sides lack bytes, nobody tells whose came first.
    Perhaps,
    Something,
}

/// What is known of the order of steps and answers.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Something is missing, and how.
    pub(super) trouble: Option<Quality>,
    /// Answers are missing, so that the first step need not be what the next answer is for.
    pub(super) adrift: bool,
    /// What the server has sent since the client did.
    pub(super) spoke: Spoke,
    /// The server's last answer was that it is ready.
    pub(super) ready: bool,
    /// The client began a batch before the last one was answered.
    pub(super) pipelines: bool,
}

/// Where the next unmistakable message begins. Most packets begin with one; behind a batch's end there is one.
pub(super) fn find(dir: Dir, bytes: &[u8], is_chunk: bool) -> Option<usize> {
    let proof = if is_chunk { messages(dir, bytes) } else { Proof::No };
    if proof == Proof::Yes {
        return Some(0);
    }
    let end = match dir {
        Dir::ToServer => bytes.windows(5).position(|five| five == b"S\0\0\0\x04"),
        Dir::ToClient => {
            let is_ready = |six: &[u8]| six.starts_with(b"Z\0\0\0\x05") && b"ITE".contains(&six[5]);
            bytes.windows(6).position(is_ready)
        }
    };
    end.or_else(|| (proof == Proof::Maybe && begins(dir, bytes)).then_some(0))
}

impl Postgres {
    /// A message of the client comes that belongs to a batch. Decides whether what waits can still be answered.
    pub(super) fn batch_goes_on(&mut self, env: &mut Env<'_, '_>) {
        let spoke = std::mem::take(&mut self.order.spoke);
        if self.steps.is_empty() && self.order.trouble.is_none() && !self.skipping {
            // What was prepared before is answered, and was for another time.
            if spoke == Spoke::Something {
                self.asked = Asked::default();
            }
            self.answered = Answered::default();
        }
        if self.order.trouble.is_some() {
            if spoke != Spoke::Nothing && (!self.order.pipelines || self.order.ready) {
                let quality = self.order.trouble;
                self.give_up(env);
                if self.framers[Dir::ToClient as usize].is_lost() {
                    // The answer to what is asked now may be missing as well.
                    self.order.trouble = quality;
                }
            } else if self.steps.last().is_some_and(Step::ends_batch) {
                self.order.pipelines = true;
                self.order.adrift |= self.framers[Dir::ToClient as usize].is_lost();
            }
        } else if self.steps.last().is_some_and(Step::ends_batch) {
            self.order.pipelines = true;
        }
    }

    /// Bytes are passed over that are part of a message whose beginning is missing.
    pub(super) fn passed(&mut self, dir: Dir, bytes: usize) {
        if dir == Dir::ToServer && bytes > 0 && self.order.spoke == Spoke::Perhaps {
            // The client was not done: the server has not spoken yet.
            self.order.spoke = Spoke::Nothing;
        }
    }

    /// Bytes of the client are missing; whole messages perhaps, where the place in the stream is `lost`.
    pub(super) fn requests_lost(&mut self, lost: bool, quality: Quality, env: &mut Env<'_, '_>) {
        if !lost {
            return;
        }
        if let Some(copying) = &self.copying
            && !copying.client_ended
        {
            // The server reads nothing but the copied data now.
            env.ledger.mark(copying.serial, quality);
            return;
        }
        if let Some(serial) = self.opening.connect {
            return env.ledger.mark(serial, quality);
        }
        let spoke = self.order.spoke;
        if self.order.trouble.is_some() {
            self.batch_goes_on(env);
        }
        self.order.spoke = if spoke == Spoke::Perhaps { spoke } else { Spoke::Nothing };
        self.names.forget_unnamed();
        self.order.trouble = Some(quality);
        self.asked = Asked { loss: Some(quality), ..Asked::default() };
        if !matches!(self.steps.last(), Some(Step::Lost)) {
            self.steps.push(Step::Lost, Sent::default());
        }
    }

    /// Bytes of the server are missing; whole messages perhaps, where the place in the stream is `lost`.
    pub(super) fn answers_lost(&mut self, lost: bool, loss: Loss, env: &mut Env<'_, '_>) {
        let quality = loss.quality();
        if self.order.spoke == Spoke::Nothing {
            self.order.spoke = Spoke::Perhaps;
        }
        if !lost {
            // The message says what of it is missing when it ends. It may not.
            if let Some(serial) = self.answering()
                && loss == Loss::Lost
            {
                env.ledger.mark(serial, quality);
            }
            return;
        }
        self.order.ready = false;
        self.order.trouble = Some(quality);
        if let Some(serial) = self.opening.connect {
            return env.ledger.mark(serial, quality);
        }
        for serial in self.steps.iter().filter_map(Step::serial).chain(self.stray) {
            env.ledger.mark(serial, quality);
        }
        if self.steps.is_empty() {
            for (_, serial) in &self.listens {
                env.ledger.mark(*serial, quality);
            }
        }
        self.order.adrift = self.order.pipelines || !self.steps.is_one_statement();
        if !self.order.adrift {
            while self.steps.first().is_some_and(|step| step.serial().is_none()) {
                self.steps.pop();
            }
            if let Some(serial) = self.answering() {
                // Rows are missing here, or more.
                env.ledger.change(serial, env.at, |exchange| {
                    exchange.response.get_or_insert_with(|| message(env.at)).cut = true;
                });
            }
        }
    }

    /// Nothing that waits is answered any more, as far as can be told.
    pub(super) fn give_up(&mut self, env: &mut Env<'_, '_>) {
        let quality = self.order.trouble.take().unwrap_or(Quality::Gap);
        let open: Vec<u32> = std::iter::from_fn(|| self.steps.pop())
            .filter_map(|step| step.serial())
            .chain(self.stray.take())
            .collect();
        for serial in open {
            env.ledger.mark(serial, quality);
            env.close(serial);
        }
        if let Some(serial) = self.settling.take() {
            env.close(serial);
        }
        self.order.adrift = false;
        self.skipping = false;
        self.passed_over.clear();
        self.copying = None;
        self.answered = Answered::default();
        self.asked = Asked::default();
    }
}
