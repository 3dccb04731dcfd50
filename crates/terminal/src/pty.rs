//! Programs with a terminal of this machine. A pseudo-terminal blocks, so each of its three sides has a thread.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self as std_mpsc, RecvTimeoutError};
use std::thread;

use portable_pty::{ChildKiller, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tokio::sync::mpsc;

use crate::flow::{Flow, REST};
use crate::{Open, Order, Output, QUEUE, Terminal, TerminalError, terminal};

pub(crate) fn open(
    dir: &Path,
    env: &BTreeMap<String, String>,
    command: &[String],
    open: &Open,
) -> Result<(Terminal, mpsc::Receiver<Output>), TerminalError> {
    let no_terminal = |error: &dyn std::fmt::Display| TerminalError::NoTerminal { cause: error.to_string() };
    let pair =
        native_pty_system().openpty(size(open.cols, open.rows)).map_err(|error| no_terminal(&error))?;
    let mut builder = CommandBuilder::new(&command[0]);
    builder.args(&command[1..]);
    builder.cwd(dir);
    builder.env_clear();
    for (name, value) in env {
        builder.env(name, value);
    }
    let mut child = pair.slave.spawn_command(builder).map_err(|error| TerminalError::NoProgram {
        program: command[0].clone(),
        cause: error.to_string(),
    })?;
    // Else the terminal never ends.
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().map_err(|error| no_terminal(&error))?;
    let writer = pair.master.take_writer().map_err(|error| no_terminal(&error))?;
    let (terminal, orders) = terminal();
    let (output, shown) = mpsc::channel(QUEUE);
    let killer = child.clone_killer();
    let (read_all, all_read) = std_mpsc::channel();
    let flow = Arc::new(Flow::default());
    // Weak, so that the output ends with the exit even where the reader never does.
    let (bytes, turns) = (output.downgrade(), Arc::clone(&flow));
    thread::spawn(move || {
        read(&mut *reader, &bytes, &turns);
        read_all.send(()).ok();
    });
    thread::spawn(move || obey(orders, writer, &*pair.master, killer));
    thread::spawn(move || {
        let code = child.wait().ok().map(|status| status.exit_code() as i32);
        let mut mark = flow.mark();
        while all_read.recv_timeout(REST) == Err(RecvTimeoutError::Timeout) && !flow.is_dry_since(mark) {
            mark = flow.mark();
        }
        output.blocking_send(Output::Exit(code)).ok();
    });
    Ok((terminal, shown))
}

fn read(reader: &mut dyn Read, output: &mpsc::WeakSender<Output>, flow: &Flow) {
    let mut buffer = vec![0; 16 * 1024];
    // The end of a terminal is an error on Linux.
    while let Ok(length @ 1..) = reader.read(&mut buffer) {
        let Some(output) = output.upgrade() else { return };
        flow.turn();
        if output.blocking_send(Output::Bytes(buffer[..length].to_vec())).is_err() {
            return;
        }
        flow.turn();
    }
}

fn obey(
    mut orders: mpsc::Receiver<Order>,
    mut writer: Box<dyn Write + Send>,
    master: &dyn MasterPty,
    mut killer: Box<dyn ChildKiller + Send + Sync>,
) {
    while let Some(order) = orders.blocking_recv() {
        match order {
            Order::Write(bytes) => {
                writer.write_all(&bytes).and_then(|()| writer.flush()).ok();
            }
            Order::Resize(cols, rows) => {
                master.resize(size(cols, rows)).ok();
            }
            Order::Eof => {
                writer.write_all(b"\x04").and_then(|()| writer.flush()).ok();
            }
        }
    }
    killer.kill().ok();
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize { cols, rows, pixel_width: 0, pixel_height: 0 }
}
