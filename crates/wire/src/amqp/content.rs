//! What is behind a method that carries a message: its properties in a header frame, its body in as many more as it
//! takes (AMQP 0-9-1, section 2.3.5.2).

use model::exchange::{Exchange, Message, Quality};

use super::calls::Calls;
use super::channel::{Belongs, Content};
use super::fields::Fields;
use super::frame;
use crate::decode::{Dir, Env, Loss};
use crate::framing::Frame;
use crate::ledger;
use crate::limits::Limits;

/// Names of the short strings, by their bits from the highest; `None` for what is no short string.
const PROPERTIES: [Option<&str>; 14] = [
    Some("content-type"),
    Some("content-encoding"),
    None,
    None,
    None,
    Some("correlation-id"),
    Some("reply-to"),
    Some("expiration"),
    Some("message-id"),
    None,
    Some("type"),
    Some("user-id"),
    Some("app-id"),
    Some("cluster-id"),
];

impl Calls {
    pub(super) fn content_header(&mut self, dir: Dir, number: u16, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let quality = frame.loss.map(Loss::quality);
        if self.content(dir, number).is_some_and(|content| content.left.is_some()) {
            // Its method was lost.
            return self.content_broken(dir, number, quality.or(Some(Quality::Gap)), env);
        }
        let mut fields = Fields::new(frame::payload(frame));
        let (_class, _weight) = (fields.short(), fields.short());
        let left = fields.longlong();
        let Some(content) = self.content(dir, number) else { return };
        // Where the size is lost, the body ends with the next method.
        content.left = Some(left.unwrap_or(u64::MAX));
        let belongs = content.belongs;
        let properties =
            if env.ledger.held() < env.cx.limits.flow_buffer { properties(fields) } else { Vec::new() };
        change_message(belongs, env, |message, _| message.headers.extend(properties.iter().cloned()));
        if let Some(serial) = belongs.serial() {
            env.ledger.change(serial, env.at, |exchange| name_message(exchange, &properties));
            env.ledger.mark(serial, quality);
        }
        if left == Some(0) {
            self.content_ended(dir, number, true, env);
        }
    }

    pub(super) fn content_body(&mut self, dir: Dir, number: u16, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let Some(content) = self.content(dir, number) else { return };
        // Without its header nobody knows how much comes.
        let left = content.left.get_or_insert(u64::MAX);
        let size = frame.size.saturating_sub(1);
        *left = left.saturating_sub(size);
        let (ended, belongs) = (*left == 0, content.belongs);
        let bytes = frame::payload(frame);
        let missing = size - bytes.len() as u64;
        let quality = change_message(belongs, env, |message, (at, limits)| {
            ledger::extend(message, at, bytes, limits);
            if let Some(loss) = frame.loss {
                return ledger::lose(message, at, missing, loss, limits);
            }
            message.bytes += missing;
            message.cut |= missing > 0;
            None
        });
        if let (Some(Some(quality)), Some(serial)) = (quality, belongs.serial()) {
            env.ledger.mark(serial, quality);
        }
        if ended {
            self.content_ended(dir, number, true, env);
        }
    }

    /// What is being sent on a channel will not be seen to its end, for that reason if it is the capture's fault.
    pub(super) fn content_broken(
        &mut self,
        dir: Dir,
        number: u16,
        quality: Option<Quality>,
        env: &mut Env<'_, '_>,
    ) {
        let Some(content) = self.content(dir, number) else { return };
        let (belongs, left) = (content.belongs, content.left.unwrap_or_default());
        // Its size is known from its header, unless that was lost.
        let missing = if left < u64::MAX / 2 { left } else { 0 };
        change_message(belongs, env, |message, _| {
            message.bytes += missing;
            message.cut = true;
        });
        if let Some(serial) = belongs.serial() {
            env.ledger.mark(serial, quality);
        }
        self.content_ended(dir, number, false, env);
    }

    fn content(&mut self, dir: Dir, number: u16) -> Option<&mut Content> {
        self.channels.get_mut(&number)?.contents[dir as usize].as_mut()
    }

    fn content_ended(&mut self, dir: Dir, number: u16, complete: bool, env: &mut Env<'_, '_>) {
        let content =
            self.channels.get_mut(&number).and_then(|channel| channel.contents[dir as usize].take());
        let Some(Content { belongs, .. }) = content else { return };
        change_message(belongs, env, |message, (at, _)| {
            message.complete = complete;
            message.last = message.last.max(at);
        });
        match belongs {
            Belongs::Publish { serial, answer } => self.published(number, serial, answer, env),
            Belongs::Deliver { serial, settled: true } | Belongs::Get { serial } => {
                env.finish(serial);
            }
            Belongs::Deliver { settled: false, .. } | Belongs::Nothing => {}
        }
    }
}

/// Changes the message that a content is. Where too much is held, no more of bodies is kept.
fn change_message<T>(
    belongs: Belongs,
    env: &mut Env<'_, '_>,
    change: impl FnOnce(&mut Message, (model::Timestamp, &Limits)) -> T,
) -> Option<T> {
    let limits = env.limits();
    let apply = |exchange: &mut Exchange| {
        let message = match belongs {
            Belongs::Publish { .. } => &mut exchange.request,
            _ => exchange.response.as_mut()?,
        };
        Some(change(message, (env.at, &limits)))
    };
    env.ledger.change(belongs.serial()?, env.at, apply)?
}

impl Belongs {
    pub(super) fn serial(self) -> Option<u32> {
        match self {
            Self::Publish { serial, .. } | Self::Deliver { serial, .. } | Self::Get { serial } => {
                Some(serial)
            }
            Self::Nothing => None,
        }
    }
}

/// What properties tell of an exchange beside being headers.
fn name_message(exchange: &mut Exchange, properties: &[(String, String)]) {
    let find =
        |name: &str| properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    if let Some(topic) = &mut exchange.topic {
        topic.key = find("correlation-id").or_else(|| find("message-id"));
    }
    let message = match &mut exchange.response {
        Some(response) => response,
        None => &mut exchange.request,
    };
    message.media = find("content-type");
}

/// Reads the properties as far as they are there: an application's own headers under their own names.
fn properties(mut fields: Fields<'_>) -> Vec<(String, String)> {
    let mut properties = Vec::new();
    let Some(flags) = fields.short() else { return properties };
    for (place, name) in PROPERTIES.iter().enumerate() {
        if flags & 0x8000 >> place == 0 {
            continue;
        }
        let property = match (place, name) {
            (2, _) => {
                let Some(table) = fields.table() else { return properties };
                properties.extend(table.all());
                continue;
            }
            (3, _) => ("delivery-mode", fields.octet().map(|octet| octet.to_string())),
            (4, _) => ("priority", fields.octet().map(|octet| octet.to_string())),
            (9, _) => ("timestamp", fields.longlong().map(|seconds| seconds.to_string())),
            (_, name) => (name.unwrap_or_default(), fields.name()),
        };
        let (name, Some(value)) = property else { return properties };
        properties.push((name.to_owned(), value));
    }
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_as_far_as_they_are_there() {
        let bytes = [
            &b"\xff\xf0"[..],
            b"\x0aapplication\x04gzip",
            b"\0\0\0\x0a\x01aS\0\0\0\x03b c",
            b"\x02\x05\x02c1\x02r1\x0260\x02m1\0\0\0\0\0\0\0\x09\x02t1\x02u1",
        ]
        .concat();
        // The first string's length says less than there is.
        let bytes = [&bytes[..2], b"\x0b", &bytes[3..]].concat();
        let text = |bytes: &[u8]| -> Vec<String> {
            properties(Fields::new(bytes)).iter().map(|(name, value)| format!("{name}={value}")).collect()
        };
        let expected = [
            "content-type=application",
            "content-encoding=gzip",
            "a=b c",
            "delivery-mode=2",
            "priority=5",
            "correlation-id=c1",
            "reply-to=r1",
            "expiration=60",
            "message-id=m1",
            "timestamp=9",
            "type=t1",
            "user-id=u1",
        ];
        assert_eq!(text(&bytes), expected);
        for end in 0..bytes.len() {
            let known = text(&bytes[..end]);
            assert_eq!(known, expected[..known.len()], "{end}");
        }
    }
}
