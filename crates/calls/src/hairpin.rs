//! A container that calls a published port of this machine is seen twice on its way: `A -> gateway:8080`, and within
//! it `gateway -> B:80`. The two become one call from A to B.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;
use model::call::Call;

use crate::names::ServiceId;

/// How much later than the outer call the inner one may begin.
const WINDOW: Duration = Duration::from_secs(10);
/// How many unmatched calls of each kind are remembered.
const KEPT: usize = 256;

/// Which half of such a pair a call may be, and the service and container port that both lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Outer(ServiceId, u16),
    Inner(ServiceId, u16),
}

#[derive(Debug, Default)]
pub(crate) struct Hairpins {
    outer: VecDeque<Seen>,
    inner: VecDeque<Seen>,
}

#[derive(Debug)]
struct Seen {
    ordinal: u64,
    leads_to: (ServiceId, u16),
}

impl Hairpins {
    /// The stored call whose other half `call` is. Each call is matched once.
    pub(crate) fn partner<'a>(
        &mut self,
        half: Half,
        call: &Call,
        stored: impl Fn(u64) -> Option<&'a Call>,
    ) -> Option<u64> {
        let (others, leads_to) = match half {
            Half::Outer(service, port) => (&mut self.inner, (service, port)),
            Half::Inner(service, port) => (&mut self.outer, (service, port)),
        };
        let index = others.iter().position(|seen| {
            seen.leads_to == leads_to
                && stored(seen.ordinal).is_some_and(|other| match half {
                    Half::Outer(..) => encloses(call, other),
                    Half::Inner(..) => encloses(other, call),
                })
        })?;
        others.remove(index).map(|seen| seen.ordinal)
    }

    /// Remembers a stored call whose other half may still come.
    pub(crate) fn remember(&mut self, half: Half, ordinal: u64) {
        let (own, leads_to) = match half {
            Half::Outer(service, port) => (&mut self.outer, (service, port)),
            Half::Inner(service, port) => (&mut self.inner, (service, port)),
        };
        own.push_back(Seen { ordinal, leads_to });
        if own.len() > KEPT {
            own.pop_front();
        }
    }
}

fn encloses(outer: &Call, inner: &Call) -> bool {
    let same =
        outer.protocol == inner.protocol && outer.method == inner.method && outer.target == inner.target;
    same && outer.ts <= inner.ts
        && inner.ts.since(outer.ts) <= WINDOW
        && end(outer).is_none_or(|end| inner.ts <= end)
}

fn end(call: &Call) -> Option<Timestamp> {
    let response = call.response.as_ref().filter(|response| response.complete)?;
    Some(response.last.max(call.request.last))
}
