//! Which lines.

use model::Timestamp;
use model::line::{Level, Stream};

use super::filter::Where;
use super::matcher::Text;
use crate::store::record::{level_number, stream_number};
use crate::store::track::TrackView;

/// The mask of every level, and of none.
pub(crate) const ANY_LEVEL: u8 = 0x7f;

/// Which lines; what is left empty does not narrow.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Of one of these services.
    pub services: Vec<String>,
    /// From one of these streams.
    pub streams: Vec<Stream>,
    /// At least this urgent. Lines that state no level are not.
    pub min_level: Option<Level>,
    /// Of this instance.
    pub instance: Option<String>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Not after this moment.
    pub until: Option<Timestamp>,
    /// Containing this.
    pub text: Option<Text>,
    /// For which this holds.
    pub filter: Option<Where>,
    /// With every line the record that it is part of: a hit in one line of a stack trace shows all of them.
    pub whole: bool,
    /// Look at so many lines at most, roughly, then give what was found so far and where to go on.
    pub budget: Option<u64>,
}

/// What the index alone can tell of a query, for one service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Narrow {
    pub(crate) levels: u8,
    pub(crate) streams: u8,
    pub(crate) since: i64,
    pub(crate) until: i64,
    pub(crate) instance: Option<u16>,
}

impl Query {
    /// The query for the lines of one service; `None` when it has none of them.
    pub(crate) fn narrow(&self, track: &TrackView) -> Option<Narrow> {
        let hints = self.filter.as_ref().map(Where::hints).unwrap_or_default();
        if hints.service.is_some_and(|service| *service != *track.name) {
            return None;
        }
        let level = self.min_level.max(hints.min_level);
        let levels = match level {
            Some(level) => ANY_LEVEL & (ANY_LEVEL << level_number(Some(level))),
            None => ANY_LEVEL,
        };
        let streams = self.streams.iter().fold(0, |mask, stream| mask | 1 << stream_number(*stream));
        let instance = match &self.instance {
            Some(name) => Some(track.instances.iter().position(|known| **known == **name)? as u16),
            None => None,
        };
        Some(Narrow {
            levels,
            streams: if streams == 0 { 0x0f } else { streams },
            since: self.since.map_or(i64::MIN, |at| at.0),
            until: self.until.map_or(i64::MAX, |at| at.0),
            instance,
        })
    }
}
