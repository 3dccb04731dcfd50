//! The store as its callers see it: one program, since every one more has to be linked.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;
mod crash;
mod paging;
mod resume;
mod retain;
mod search;
mod whole;
