//! What becomes of commands and answers when bytes are missing or cannot be read.

use model::exchange::{Message, Quality};

use super::command::{Answer, Command};
use super::packet::{HEAD, Packet};
use super::session::Session;
use crate::decode::{Dir, Env, Loss};

impl Session {
    /// Bytes of the client's are missing, and nobody knows how many commands.
    pub(super) fn client_lost(&mut self, loss: Loss, env: &mut Env<'_, '_>) {
        if let Some(front) = self.pending.front()
            && (front.takes_file() || front.answer == Answer::Auth)
        {
            env.ledger.mark(front.serial, loss.quality());
        }
        self.unseen = true;
        self.asked_late |= self.answers_lost.is_some();
    }

    /// Bytes of the server's are missing, and nobody knows which answers.
    pub(super) fn server_lost(&mut self, loss: Loss, env: &mut Env<'_, '_>) {
        self.answers_lost = Some(loss.quality());
        self.abandon(loss.quality(), env);
    }

    /// An answer begins with the server's next byte.
    pub(super) fn server_found(&mut self) {
        self.answers_lost = None;
        self.asked_late = false;
    }

    /// The sequence number that the next answer begins with, when the place in the server's bytes is not known.
    pub(super) fn expects(&self) -> Option<u8> {
        self.pending.front().filter(|front| !front.is_astray()).map(|front| front.seq)
    }

    /// Bytes of the server's whose place is not known, and that begin no answer.
    pub(super) fn server_counts(&mut self, bytes: u64, env: &mut Env<'_, '_>) {
        if self.expects().is_some() {
            self.abandon(Quality::Gap, env);
        }
        if let Some(front) = self.pending.front() {
            env.ledger.change(front.serial, env.at, |exchange| {
                let response = Message { first: env.at, ..Message::default() };
                let response = exchange.response.get_or_insert(response);
                response.bytes += bytes;
                response.last = env.at;
            });
        }
    }

    /// So many bytes of one direction are compressed in a way that is not read; they are whole packets.
    pub(super) fn unreadable(&mut self, dir: Dir, bytes: u64, env: &mut Env<'_, '_>) {
        match dir {
            Dir::ToServer => {
                let size = bytes.saturating_sub(HEAD);
                let loss = Some(Loss::Cut);
                let packet = Packet { seq: 0, frames: 1, payload: &[], size, first: env.at, loss };
                self.command(Command::unreadable(), &packet, env);
            }
            Dir::ToClient => {
                self.abandon(Quality::Truncated, env);
                self.server_counts(bytes, env);
            }
        }
    }

    /// What answers the commands that wait is not known any more.
    pub(super) fn abandon(&mut self, quality: Quality, env: &mut Env<'_, '_>) {
        for pending in &mut self.pending {
            env.ledger.mark(pending.serial, quality);
            pending.go_astray();
        }
    }

    /// The client asks again: it has got the answers that we have lost. Says whether there were any.
    pub(super) fn give_up_lost_answers(&mut self, env: &mut Env<'_, '_>) -> bool {
        if let (Some(quality), true, false) = (self.answers_lost, self.asked_late, self.pipelines) {
            self.abandon(quality, env);
        }
        if self.pending.len() >= env.cx.limits.pending_per_flow {
            self.abandon(Quality::Truncated, env);
        }
        let mut any = false;
        while let Some(astray) = self.pending.pop_front_if(|front| front.is_astray()) {
            env.close(astray.serial);
            any = true;
        }
        any
    }
}
