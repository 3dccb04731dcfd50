//! Which program of this machine listens on a port.
//!
//! Read from Linux' `/proc`: elsewhere nobody is found, and another user's program only by root.

use std::fs;

/// The program that listens on a TCP port, in words; `None` when it cannot be told.
pub(crate) fn listener(port: u16) -> Option<String> {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets: Vec<String> = tables
        .iter()
        .flat_map(|table| inodes(table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let holds = |id: &u32| {
        let open = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
        let mut targets = open.filter_map(|file| fs::read_link(file.path()).ok());
        targets.any(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str()))
    };
    let id = ids.into_iter().find(holds)?;
    let name = fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
    Some(format!("`{}` (process {id})", name.trim()))
}

/// The inodes of sockets that listen on `port` (`proc_net_tcp(5)`: state `0A`, ports in hexadecimal digits).
fn inodes(table: &str, port: u16) -> Vec<&str> {
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listens = |row: &Vec<&str>| {
        let local = row.get(1).and_then(|address| address.rsplit_once(':'));
        row.get(3) == Some(&"0A") && local.is_some_and(|(_, p)| u16::from_str_radix(p, 16) == Ok(port))
    };
    rows.filter(listens).filter_map(|row| row.get(9).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listeners_of_that_port_count() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
";
        assert_eq!(inodes(table, 8080), ["4711"]);
        assert_eq!(inodes(table, 22), ["4713"]);
        assert_eq!(inodes(table, 80), [""; 0]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_program_is_found() {
        let listening = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let found = listener(listening.local_addr().unwrap().port()).unwrap();
        assert!(found.ends_with(&format!("(process {})", std::process::id())), "{found}");
    }
}
