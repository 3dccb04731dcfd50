//! Who runs a command: the service's own user, or one that the rule names.

use std::fs;
use std::io;

use crate::{process, reason};

/// A user with groups.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct User {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    /// `None`: not known.
    pub(super) home: Option<String>,
}

impl User {
    /// The user of a process, whose home this is.
    pub(super) fn of_process(pid: i32, home: Option<&str>) -> Result<Self, String> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| reason(&error))?;
        let user = Self::of(&status).ok_or_else(|| format!("the user of process {pid} is not known"))?;
        Ok(Self { home: home.map(str::to_owned), ..user })
    }

    /// The one in a `/proc/PID/status`.
    fn of(status: &str) -> Option<Self> {
        let numbers = |key: &str| -> Option<Vec<u32>> {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().map(|word| word.parse().ok()).collect()
        };
        let (uid, gid) = (*numbers("Uid:")?.get(1)?, *numbers("Gid:")?.get(1)?);
        Some(Self { uid, gid, groups: numbers("Groups:")?, home: None })
    }

    /// `name[:group]` by the container's own lists, in which the engine looks as well.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self::looked_up(name, &read("/etc/passwd"), &read("/etc/group"))
    }

    fn looked_up(wanted: &str, users: &str, groups: &str) -> Result<Self, String> {
        let (name, group) =
            wanted.split_once(':').map_or((wanted, None), |(user, group)| (user, Some(group)));
        let entry = entries(users).find(|entry| names(entry, name));
        let uid = match &entry {
            Some(entry) => number(entry, 2),
            None => name.parse().ok(),
        };
        let uid = uid.ok_or_else(|| format!("the container knows no user `{name}`"))?;
        let own = entry.as_ref().and_then(|entry| number(entry, 3)).unwrap_or(0);
        let gid = match group {
            None => own,
            Some(group) => entries(groups)
                .find(|entry| names(entry, group))
                .map_or_else(|| group.parse().ok(), |entry| number(&entry, 2))
                .ok_or_else(|| format!("the container knows no group `{group}`"))?,
        };
        let login = entry.as_ref().map(|entry| entry[0]);
        let is_in = |entry: &Vec<&str>| {
            entry.get(3).is_some_and(|members| members.split(',').any(|member| Some(member) == login))
        };
        // With a group of its own choice a user is in no other, as engines have it.
        let more = entries(groups).filter(|entry| group.is_none() && is_in(entry));
        let home = entry.as_ref().and_then(|entry| entry.get(5)).map(|home| (*home).to_owned());
        Ok(Self {
            uid,
            gid,
            groups: more.filter_map(|entry| number(&entry, 2)).collect(),
            home: Some(home.filter(|home| !home.is_empty()).unwrap_or_else(|| "/".to_owned())),
        })
    }

    /// Makes this process the user's; between fork and execute.
    pub(super) fn become_it(&self) -> io::Result<()> {
        let done = |result: i32| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
        if (self.uid, self.gid) == (process::own_uid(), process::own_gid()) {
            return Ok(());
        }
        // SAFETY: the groups are a valid array of the length given; nothing else is a pointer.
        unsafe {
            done(libc::setgroups(self.groups.len(), self.groups.as_ptr()))?;
            done(libc::setresgid(self.gid, self.gid, self.gid))?;
            done(libc::setresuid(self.uid, self.uid, self.uid))
        }
    }
}

fn entries(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').collect())
}

/// By name or by number.
fn names(entry: &[&str], wanted: &str) -> bool {
    entry.first() == Some(&wanted) || entry.get(2) == Some(&wanted)
}

fn number(entry: &[&str], at: usize) -> Option<u32> {
    entry.get(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tx\nUid:\t0\t1000\t0\t0\nGid:\t0\t100\t0\t0\nFDSize:\t64\nGroups:\t20 27 \n";

    #[test]
    fn a_user_is_read_from_the_status() {
        let own = User { uid: 1000, gid: 100, groups: vec![20, 27], home: None };
        assert_eq!(User::of(STATUS), Some(own));
        assert_eq!(User::of("Name:\tx\n"), None);
    }

    #[test]
    fn a_user_is_looked_up_as_the_engine_does_it() {
        let users = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n";
        let groups = "root:x:0:\napp:x:1001:\ndocker:x:999:other,app\n";
        let named = |wanted: &str| {
            let found = User::looked_up(wanted, users, groups);
            found.map(|u| (u.uid, u.gid, u.groups, u.home.unwrap_or_default()))
        };
        assert_eq!(named("root"), Ok((0, 0, vec![], "/root".to_owned())));
        assert_eq!(named("app"), Ok((1000, 1001, vec![999], "/home/app".to_owned())));
        assert_eq!(named("1000"), named("app"));
        assert_eq!(named("app:docker"), Ok((1000, 999, vec![], "/home/app".to_owned())));
        assert_eq!(named("77:88"), Ok((77, 88, vec![], "/".to_owned())));
        assert_eq!(named("77"), Ok((77, 0, vec![], "/".to_owned())));
        assert_eq!(named("nobody"), Err("the container knows no user `nobody`".to_owned()));
        assert_eq!(named("app:nope"), Err("the container knows no group `nope`".to_owned()));
    }
}
