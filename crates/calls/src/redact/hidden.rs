//! What was hidden, and where: with it a call can be shown as it was.

use model::call::Call;
use model::exchange::{Message, Part};

/// What was taken out of an exchange. It is for memory alone, and for the eyes of whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hidden {
    pub(crate) target: Option<String>,
    pub(crate) request: Covered,
    pub(crate) response: Covered,
}

/// What was taken out of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Covered {
    /// By their places among all headers.
    pub(crate) headers: Vec<(usize, String)>,
    pub(crate) body: Option<Body>,
}

/// A body as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    parts: Vec<Part>,
    cut: bool,
}

impl Hidden {
    /// Whether nothing was hidden.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Bytes of it, near enough.
    pub(crate) fn size(&self) -> usize {
        let message = |covered: &Covered| {
            let headers = covered.headers.iter().map(|(_, value)| value.len() + size_of::<(usize, String)>());
            headers.sum::<usize>() + covered.body.as_ref().map_or(0, Body::size)
        };
        let target = self.target.as_ref().map_or(0, String::len);
        size_of::<Self>() + target + message(&self.request) + message(&self.response)
    }

    /// Adds what was hidden later; what was hidden before is nearer to what it was.
    pub(crate) fn add(&mut self, later: Self) {
        self.target = self.target.take().or(later.target);
        self.request.add(later.request);
        self.response.add(later.response);
    }

    /// Puts it back.
    pub(crate) fn reveal(&self, call: &mut Call) {
        call.target = self.target.clone().unwrap_or_else(|| std::mem::take(&mut call.target));
        self.request.reveal(&mut call.request);
        if let Some(response) = &mut call.response {
            self.response.reveal(response);
        }
    }
}

impl Covered {
    fn add(&mut self, later: Self) {
        for (at, was) in later.headers {
            if self.headers.iter().all(|(known, _)| *known != at) {
                self.headers.push((at, was));
            }
        }
        self.body = self.body.take().or(later.body);
    }

    fn reveal(&self, message: &mut Message) {
        for (at, was) in &self.headers {
            if let Some((_, value)) = message.headers.get_mut(*at) {
                value.clone_from(was);
            }
        }
        if let Some(body) = &self.body {
            message.body.clone_from(&body.bytes);
            message.parts.clone_from(&body.parts);
            message.cut = body.cut;
        }
    }
}

impl Body {
    /// Gives a message another body, and hands back the one that it had.
    pub(crate) fn replace(message: &mut Message, body: Vec<u8>) -> Self {
        let bytes = std::mem::replace(&mut message.body, body);
        Self { bytes, parts: message.parts.clone(), cut: message.cut }
    }

    fn size(&self) -> usize {
        let kinds = self.parts.iter().map(|part| part.kind.len());
        self.bytes.len() + self.parts.len() * size_of::<Part>() + kinds.sum::<usize>()
    }
}

/// Replaces what is kept of each part of a message by what `hide` makes of it, and of what is behind the last; hands back
/// the body as it was when anything was replaced.
pub(crate) fn each_part(
    message: &mut Message,
    hide: impl Fn(&Message, &[u8]) -> Option<Vec<u8>>,
) -> Option<Body> {
    let mut parts = message.parts.clone();
    let mut body = Vec::with_capacity(message.body.len());
    let mut rest = message.body.as_slice();
    let mut changed = false;
    let mut take = |own: &[u8]| {
        let hidden = hide(message, own);
        changed |= hidden.is_some();
        let own = hidden.as_deref().unwrap_or(own);
        body.extend_from_slice(own);
        own.len() as u32
    };
    for part in &mut parts {
        let (own, behind) = rest.split_at(rest.len().min(part.kept as usize));
        rest = behind;
        part.kept = take(own);
    }
    take(rest);
    if !changed {
        return None;
    }
    let was = Body::replace(message, body);
    message.parts = parts;
    Some(was)
}
