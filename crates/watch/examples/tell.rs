//! Prints what the watcher tells of a folder: `cargo run -p watch --example tell -- FOLDER`. The tests and the
//! benchmark run it as a process of its own, with limits of its own.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::path::PathBuf;
use std::time::Instant;

use model::plan::{Action, ReloadRule};
use tokio::sync::mpsc;
use watch::{Rule, Tidings, Watcher};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder?")?);
    let rule = ReloadRule::new(folder.clone(), Action::Restart);
    let rule = Rule { service: "app".to_owned(), index: 0, rule, context: None };
    let (sender, mut tidings) = mpsc::channel(64);
    let began = Instant::now();
    let _watcher = Watcher::start(vec![rule], Vec::new(), sender)?;
    println!("watching after {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    while let Some(told) = tidings.recv().await {
        match told {
            Tidings::Batch(batch) => {
                let took = batch.closed.duration_since(batch.first_event);
                println!("batch of {} after {:.1} ms", batch.changes.len(), took.as_secs_f64() * 1e3);
                for change in batch.changes {
                    let path = change.path.strip_prefix(&folder).unwrap_or(&change.path);
                    println!("{:?} {}", change.kind, path.display());
                }
            }
            Tidings::Polled { error, .. } => {
                println!("polled: {error}; hint: {}", error.hint().unwrap_or_default());
            }
            Tidings::Watched { path, .. } => println!("watched again: {}", path.display()),
        }
    }
    Ok(())
}
