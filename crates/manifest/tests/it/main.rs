//! Whole manifests, as files in a folder.

#[cfg(test)]
mod common;
#[cfg(test)]
mod diagnostics;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod plans;
