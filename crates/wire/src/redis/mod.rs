//! Redis: RESP in versions 2 and 3, and inline commands (the manual's "Redis serialization protocol specification"), both
//! directions of one connection.
//!
//! `lexer` cuts bytes into tokens, `request` makes commands and `reply` makes replies of them; `pairs` puts replies to
//! commands, which is by order; what a server pushes unasked goes to the subscription it belongs to (`pubsub`).

mod answer;
mod commands;
mod detect;
mod lexer;
mod page;
mod pairs;
mod pubsub;
mod queue;
mod quote;
mod reply;
mod request;
mod secrets;
mod turns;

use model::exchange::Ending;

use crate::decode::{Decode, Dir, Env, Loss, Verdict};
use crate::hunt::Hunt;
use lexer::Broken;
use pairs::Pairs;
use reply::Replies;
use request::Commands;
use turns::Turns;

pub(crate) use detect::recognise;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::new(Redis {
        commands: Commands::new(),
        replies: Replies::new(),
        pairs: Pairs::default(),
        turns: Turns::default(),
        hunts: [Hunt::new(detect::begins_command), Hunt::new(detect::begins_push)],
    })
}

/// The decoder of one connection.
#[derive(Debug)]
struct Redis {
    commands: Commands,
    replies: Replies,
    pairs: Pairs,
    turns: Turns,
    /// By [`Dir`], for a direction whose place in the stream is not known.
    hunts: [Hunt; 2],
}

impl Decode for Redis {
    fn data(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        self.speaks(dir, self.pairs.waits_for_replies(), env);
        self.read(dir, bytes, env)
    }

    fn gap(&mut self, dir: Dir, bytes: u64, loss: Loss, env: &mut Env<'_, '_>) {
        // Losses are told when they are certain: not always in the order in which they happened.
        self.speaks(dir, false, env);
        self.hunts[dir as usize].forget();
        if self.pairs.replicates() {
            return self.pairs.replicated(dir, bytes, env);
        }
        if self.is_lost(dir) {
            return self.lost(dir, Some(loss), env);
        }
        let limit = env.cx.limits.body;
        match dir {
            Dir::ToServer => {
                if let Some(command) = self.commands.lose(bytes, loss, limit) {
                    self.pairs.command(&command, env);
                }
            }
            Dir::ToClient => {
                let veil = self.pairs.veil();
                if let Some(reply) = self.replies.lose(bytes, loss, limit, veil) {
                    self.pairs.unfinished_reply(&reply, env);
                }
            }
        }
        if self.is_lost(dir) {
            self.lost(dir, Some(loss), env);
        } else {
            // A value whose end was lost may be whole now. It was one of this protocol before.
            self.read(dir, b"", env);
        }
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.unfinished(env);
        self.pairs.end(ending, env);
    }

    fn held(&self) -> usize {
        let hunts: usize = self.hunts.iter().map(Hunt::held).sum();
        self.commands.held() + self.replies.held() + self.pairs.held() + hunts
    }
}

impl Redis {
    /// Takes note of who speaks. A client that goes on after its answers has got them all, whatever was lost of them:
    /// what it says now, and what is answered next, begins anew.
    fn speaks(&mut self, dir: Dir, waiting: bool, env: &mut Env<'_, '_>) {
        if !self.turns.speaks(dir, env.at, waiting) {
            return;
        }
        self.pairs.turns();
        if self.pairs.is_unsure() || self.replies.is_lost() {
            self.pairs.settle(env);
            self.replies.found();
            self.hunts[Dir::ToClient as usize].forget();
        }
        if self.commands.is_lost() {
            self.commands.found();
            self.hunts[Dir::ToServer as usize].forget();
        }
    }

    fn is_lost(&self, dir: Dir) -> bool {
        match dir {
            Dir::ToServer => self.commands.is_lost(),
            Dir::ToClient => self.replies.is_lost(),
        }
    }

    /// Messages of one direction may be missing here, and nobody knows where the next one begins.
    fn lost(&mut self, dir: Dir, loss: Option<Loss>, env: &mut Env<'_, '_>) {
        match dir {
            Dir::ToServer => {
                self.commands.lost();
                self.pairs.commands_lost(loss);
            }
            Dir::ToClient => {
                self.replies.lost();
                self.pairs.replies_lost(loss, env);
            }
        }
    }

    fn read(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        let mut rest = bytes;
        loop {
            if self.pairs.replicates() {
                self.pairs.replicated(dir, rest.len() as u64, env);
                return Verdict::Mine;
            }
            if self.is_lost(dir) {
                let Some(found) = self.hunts[dir as usize].look(rest) else { return Verdict::Mine };
                match dir {
                    Dir::ToServer => self.commands.found(),
                    Dir::ToClient => self.replies.found(),
                }
                rest = &rest[found.at..];
                // These are less than a message, and less than what would be wrong with one.
                let mut before = &found.before[..];
                while let Ok(true) = self.next(dir, &mut before, env) {}
            }
            match self.next(dir, &mut rest, env) {
                Ok(true) => {}
                Ok(false) => return Verdict::Mine,
                Err(Broken) if !env.ledger.any() => return Verdict::NotMine,
                // What comes is no message. A connection that had some is listened to until the next one.
                Err(Broken) => {
                    self.lost(dir, None, env);
                    return Verdict::Mine;
                }
            }
        }
    }

    /// Takes the next message, if it is whole.
    fn next(&mut self, dir: Dir, rest: &mut &[u8], env: &mut Env<'_, '_>) -> Result<bool, Broken> {
        let limit = env.cx.limits.body;
        match dir {
            Dir::ToServer => {
                let Some(command) = self.commands.next(rest, env.at, limit)? else { return Ok(false) };
                self.pairs.command(&command, env);
            }
            Dir::ToClient => {
                let veil = self.pairs.veil();
                let Some(reply) = self.replies.next(rest, env.at, limit, veil)? else { return Ok(false) };
                self.pairs.reply(&reply, env);
            }
        }
        Ok(true)
    }

    /// No more comes: what was seen of the messages that were begun is told.
    fn unfinished(&mut self, env: &mut Env<'_, '_>) {
        env.at = self.turns.now();
        let limit = env.cx.limits.body;
        if let Some(command) = self.commands.unfinished(limit) {
            self.pairs.command(&command, env);
        }
        self.commands.found();
        let veil = self.pairs.veil();
        if let Some(reply) = self.replies.unfinished(limit, veil) {
            self.pairs.unfinished_reply(&reply, env);
        }
        self.replies.found();
    }
}
