//! Rules that came later than calls hold for them too.

use model::call::Call;
use model::exchange::Protocol;

use super::Calls;
use crate::judge;
use crate::redact::{Hidden, Redaction};

impl Calls {
    /// Hides what the rules name in everything that is in memory, and writes it to disk anew. What is on disk alone is
    /// hidden when it is read.
    pub(super) fn hide_kept(&mut self) {
        let all: Vec<u64> = self.store.order().iter().map(|(_, ordinal)| *ordinal).collect();
        for ordinal in all {
            let mut hidden = Hidden::default();
            let redaction = &self.redaction;
            self.store.move_bodies(ordinal, |entry| hidden = hide(&mut entry.call, redaction));
            if hidden.is_empty() {
                continue;
            }
            self.secrets.add(ordinal, |all| all.add(hidden));
            self.store.change(ordinal, |_| ());
        }
    }
}

/// Hides what the rules name in a call that was hidden by others, and hands back what was shown until now.
pub(super) fn hide(call: &mut Call, redaction: &Redaction) -> Hidden {
    let hidden = redaction.hide(call.protocol, &mut call.target, &mut call.request, call.response.as_mut());
    call.redacted |= !hidden.is_empty();
    if hidden.target.is_some() && !call.path.is_empty() {
        let was = std::mem::replace(&mut call.path, judge::target_path(&call.target).into_owned());
        for text in [&mut call.operation, &mut call.route] {
            *text = text.replacen(&was, &call.path, 1);
        }
        if call.protocol == Protocol::Grpc {
            call.operation = call.target.trim_start_matches('/').to_owned();
        }
    }
    hidden
}
