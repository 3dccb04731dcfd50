//! What the kernel allows one user of its notifications, and how much of that is in use.

use std::fs;
use std::path::Path;

pub(crate) const WATCHES: &str = "fs.inotify.max_user_watches";
pub(crate) const INSTANCES: &str = "fs.inotify.max_user_instances";

/// What a setting allows; `None` where there is none. Within a user's namespace, as containers may have one, that
/// namespace's own setting counts as well.
pub(crate) fn value(sysctl: &str) -> Option<u64> {
    let own = sysctl.replace("fs.inotify.max_user", "user.max_inotify");
    let read = |name: &str| {
        fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?.trim().parse::<u64>().ok()
    };
    read(sysctl).into_iter().chain(read(&own)).min()
}

/// How many watches or instances the processes have that this user may look into: on most machines, its own.
pub(crate) fn used(sysctl: &str) -> Option<u64> {
    let processes = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path().join("fdinfo"));
    let instances = processes.flat_map(|folder| watches_of_instances(&folder));
    Some(match sysctl {
        INSTANCES => instances.count() as u64,
        _ => instances.sum(),
    })
}

/// The number of watches of each instance that a process has.
fn watches_of_instances(fdinfo: &Path) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(fdinfo) else { return Vec::new() };
    let is_instance = |number: &std::ffi::OsStr| {
        fs::read_link(fdinfo.with_file_name("fd").join(number))
            .is_ok_and(|target| target.as_os_str() == "anon_inode:inotify")
    };
    entries
        .flatten()
        .filter(|entry| is_instance(&entry.file_name()))
        .filter_map(|entry| fs::read_to_string(entry.path()).ok())
        .map(|text| text.lines().filter(|line| line.starts_with("inotify ")).count() as u64)
        .collect()
}
