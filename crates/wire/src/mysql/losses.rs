//! What becomes of commands and answers when bytes are missing or cannot be read.

use model::Timestamp;
use model::exchange::{Ending, Message, Quality};

use super::command::{Answer, Command};
use super::packet::{HEAD, Packet};
use super::session::Session;
use crate::conversation::{Connection, Cx, Dir, Loss};

impl Session {
    /// Bytes of the client's are missing, and nobody knows how many commands.
    pub(super) fn client_lost(&mut self, loss: Loss) {
        if let Some(front) = self.pending.front()
            && (front.takes_file() || front.answer == Answer::Auth)
        {
            self.ledger.mark(front.serial, loss.quality());
        }
        self.unseen = true;
        self.asked_late |= self.answers_lost.is_some();
    }

    /// Bytes of the server's are missing, and nobody knows which answers.
    pub(super) fn server_lost(&mut self, loss: Loss) {
        self.answers_lost = Some(loss.quality());
        self.abandon(loss.quality());
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
    pub(super) fn server_counts(&mut self, bytes: u64, at: Timestamp) {
        if self.expects().is_some() {
            self.abandon(Quality::Gap);
        }
        if let Some(front) = self.pending.front() {
            self.ledger.change(front.serial, at, |exchange| {
                let response = Message { first: at, ..Message::default() };
                let response = exchange.response.get_or_insert(response);
                response.bytes += bytes;
                response.last = at;
            });
        }
    }

    /// So many bytes of one direction are compressed in a way that is not read; they are whole packets.
    pub(super) fn unreadable(
        &mut self,
        dir: Dir,
        bytes: u64,
        at: Timestamp,
        connection: &mut Connection,
        cx: &mut Cx<'_>,
    ) {
        match dir {
            Dir::ToServer => {
                let size = bytes.saturating_sub(HEAD);
                let loss = Some(Loss::Cut);
                let packet = Packet { seq: 0, frames: 1, payload: &[], size, first: at, loss };
                self.command(Command::unreadable(), &packet, at, connection, cx);
            }
            Dir::ToClient => {
                self.abandon(Quality::Truncated);
                self.server_counts(bytes, at);
            }
        }
    }

    /// What answers the commands that wait is not known any more.
    pub(super) fn abandon(&mut self, quality: Quality) {
        for pending in &mut self.pending {
            self.ledger.mark(pending.serial, quality);
            pending.go_astray();
        }
    }

    /// The client asks again: it has got the answers that we have lost. Says whether there were any.
    pub(super) fn give_up_lost_answers(&mut self, cx: &mut Cx<'_>) -> bool {
        if let (Some(quality), true, false) = (self.answers_lost, self.asked_late, self.pipelines) {
            self.abandon(quality);
        }
        if self.pending.len() >= cx.limits.pending_per_flow {
            self.abandon(Quality::NoResponse);
        }
        let mut any = false;
        while let Some(astray) = self.pending.pop_front_if(|front| front.is_astray()) {
            self.ledger.close(astray.serial, Ending::Open, cx);
            any = true;
        }
        any
    }
}
