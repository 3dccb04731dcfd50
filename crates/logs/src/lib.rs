//! The log store: every line of every instance of one stack, kept on disk, found at once.
//!
//! [`Joiner`] makes whole lines of what the engine streams; [`Store`] appends them to per-service segments (text
//! without escapes, 16 bytes of index per line) and reads them back merged by time, filtered by a [`Query`];
//! [`Store::resume`] tells where a reader of the engine goes on, so that re-attaching loses and doubles nothing;
//! [`level`] and [`fields`] understand what a line says of itself.
//!
//! Deliberately absent: any async runtime, any clock (the time is passed in), any thread, any full-text index (a
//! scan of mapped text is faster up to a hundred million lines), and the engine. Files are all that it touches.
//!
//! Tested by tables beside the code, by a labelled set of lines of real programs (`tests/data/levels.tsv`), and by
//! properties: search equals a naive grep, paging equals one read, a file cut anywhere keeps what came before.

mod cursor;
mod error;
mod fields;
mod fold;
mod joiner;
mod level;
mod search;
mod store;
mod text;
mod trace;

pub use cursor::Cursor;
pub use error::{FilterError, LogError};
pub use fields::fields;
pub use joiner::{Joiner, MAX_LINE};
pub use level::level;
pub use search::filter::Where;
pub use search::histogram::Histogram;
pub use search::matcher::Text;
pub use search::outline::{Hits, Outline, Part};
pub use search::page::{From, Page, Stored};
pub use search::query::Query;
pub use store::resume::{Resume, Seen};
pub use store::{Head, Limits, Store, Tally};
pub use text::ansi::strip_ansi;
pub use trace::trace;
