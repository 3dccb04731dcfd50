//! Interactive programs: a shell in a container or on this machine, with a terminal or with plain pipes.
//!
//! Both kinds look the same from outside: a [`Terminal`] to write to and a receiver of [`Output`] that ends with
//! [`Output::Exit`]. The only crate that knows `portable-pty`.
//!
//! Deliberately absent: any emulation of a terminal (the window and the user's own terminal do that), who may open
//! what. Tested with real programs, on a real engine in `tests/`.

mod container;
mod error;
mod flow;
mod local;
mod pipe;
mod pty;

use tokio::sync::mpsc;

pub use container::in_container;
pub use error::TerminalError;
pub use local::on_this_machine;

/// What to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The program and its arguments; `None`: a shell.
    pub command: Option<Vec<String>>,
    /// Plain pipes instead of a terminal: standard error stays apart, and there is no size.
    pub plain: bool,
    /// Columns of the terminal.
    pub cols: u16,
    /// Rows of the terminal.
    pub rows: u16,
}

impl Default for Open {
    fn default() -> Self {
        Self { command: None, plain: false, cols: 80, rows: 24 }
    }
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// What a terminal shows, escapes included.
    Bytes(Vec<u8>),
    /// Standard output of a program without terminal.
    Stdout(Vec<u8>),
    /// Standard error of a program without terminal; with one, only what Shoal itself has to say.
    Stderr(Vec<u8>),
    /// The program ended; always the last. `None`: how is not known.
    Exit(Option<i32>),
}

/// How many pieces of output may wait. Then the program waits, as it does for a slow terminal.
pub(crate) const QUEUE: usize = 64;

/// An open program's input. Dropping it closes the terminal, and with it the program.
#[derive(Debug)]
pub struct Terminal {
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
pub(crate) enum Order {
    Write(Vec<u8>),
    Resize(u16, u16),
    Eof,
}

impl Terminal {
    /// Types these bytes.
    pub async fn write(&self, bytes: &[u8]) -> Result<(), TerminalError> {
        self.order(Order::Write(bytes.to_vec())).await
    }

    /// Changes the size; without effect on plain pipes.
    pub async fn resize(&self, cols: u16, rows: u16) -> Result<(), TerminalError> {
        self.order(Order::Resize(cols, rows)).await
    }

    /// Ends the input: closes a pipe, types Ctrl-D into a terminal.
    pub async fn eof(&self) -> Result<(), TerminalError> {
        self.order(Order::Eof).await
    }

    async fn order(&self, order: Order) -> Result<(), TerminalError> {
        self.orders.send(order).await.map_err(|_| TerminalError::Ended)
    }
}

pub(crate) fn terminal() -> (Terminal, mpsc::Receiver<Order>) {
    let (orders, taken) = mpsc::channel(QUEUE);
    (Terminal { orders }, taken)
}
