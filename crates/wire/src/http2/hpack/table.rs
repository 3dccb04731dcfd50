//! The table that header blocks refer to (RFC 7541 section 2.3), as a listener can know it.
//!
//! An index counts from the newest entry, so entries that were seen being added are found exactly, whatever was in the
//! table before. Only what points behind the oldest of them stays unknown.

use std::collections::VecDeque;

/// What entries take beyond their text (RFC 7541 section 4.1), in bytes.
const OVERHEAD: usize = 32;
/// The size of a table that nobody has changed (RFC 9113 section 6.5.2), in bytes.
const INITIAL: usize = 4096;
/// The size that is assumed while nobody knows, in bytes: what large encoders use.
const ASSUMED: usize = 64 * 1024;
/// The largest that is kept, in bytes.
const LIMIT: usize = 256 * 1024;

/// RFC 7541 appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// A name and its value. Neither is made up: what is not known says so in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Both were seen.
    pub(crate) known: bool,
}

/// What an index stands for.
pub(super) enum Entry<'a> {
    Known(&'a str, &'a str),
    /// An entry of which something is not known.
    Partly(&'a Field),
    /// One from before, by the index that it had when the first entry was seen being added.
    Older(Option<u64>),
}

#[derive(Debug)]
pub(super) struct Table {
    /// Entries that were seen being added, newest first.
    seen: VecDeque<Field>,
    size: usize,
    limit: usize,
    /// How many were added since.
    added: u64,
}

impl Default for Table {
    fn default() -> Self {
        Self { seen: VecDeque::new(), size: 0, limit: ASSUMED, added: 0 }
    }
}

impl Table {
    pub(super) fn get(&self, index: u64) -> Option<Entry<'_>> {
        let place = index.checked_sub(1)?;
        let Some(place) = place.checked_sub(STATIC.len() as u64) else {
            let (name, value) = STATIC[place as usize];
            return Some(Entry::Known(name, value));
        };
        match usize::try_from(place).ok().and_then(|place| self.seen.get(place)) {
            Some(field) if field.known => Some(Entry::Known(&field.name, &field.value)),
            Some(field) => Some(Entry::Partly(field)),
            None => {
                Some(Entry::Older(place.checked_sub(self.added).map(|old| old + STATIC.len() as u64 + 1)))
            }
        }
    }

    pub(super) fn add(&mut self, field: Field) {
        self.added += 1;
        self.size += size(&field);
        self.seen.push_front(field);
        self.evict();
    }

    /// The encoder says how large its table is. Any size is believed: what allowed it may not have been seen.
    pub(super) fn resize(&mut self, bytes: u64) {
        self.limit = usize::try_from(bytes).unwrap_or(LIMIT).min(LIMIT);
        self.evict();
    }

    /// The encoder may make its table as large as this, and some do so without saying it.
    pub(super) fn allow(&mut self, bytes: u64) {
        self.limit = self.limit.max(usize::try_from(bytes).unwrap_or(LIMIT).min(LIMIT));
    }

    /// The connection begins: so does the table.
    pub(super) fn begin(&mut self) {
        self.limit = INITIAL;
        self.evict();
    }

    /// Additions were missed: nobody knows how many.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
        self.size = 0;
        self.added = 0;
    }

    pub(super) fn held(&self) -> usize {
        self.size + self.seen.len() * size_of::<Field>()
    }

    fn evict(&mut self) {
        while self.size > self.limit
            && let Some(oldest) = self.seen.pop_back()
        {
            self.size -= size(&oldest);
        }
    }
}

fn size(field: &Field) -> usize {
    field.name.len() + field.value.len() + OVERHEAD
}
