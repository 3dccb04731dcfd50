//! Reading: which lines, in which order, how many.

pub(crate) mod filter;
pub(crate) mod histogram;
pub(crate) mod matcher;
pub(crate) mod merge;
pub(crate) mod outline;
pub(crate) mod page;
pub(crate) mod query;
pub(crate) mod scan;
pub(crate) mod whole;
