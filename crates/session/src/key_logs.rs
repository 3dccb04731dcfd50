//! Key logs that the manifest names: what programs write to them while they run goes on to the capture.

use std::collections::HashMap;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use crate::shared::Shared;

/// How often a file is looked at: the capture holds what cannot be decrypted yet for much longer.
const LOOK: Duration = Duration::from_millis(200);
/// How much of a file is read at once, and of one that is there already, from its end on, in bytes.
const READ: u64 = 256 * 1024;

/// Follows the files until the session ends. They may come, and begin anew, at any time.
pub(crate) async fn follow(shared: Arc<Shared>) {
    let mut wanted = shared.key_logs.subscribe();
    let mut places: HashMap<PathBuf, u64> = HashMap::new();
    loop {
        let files = wanted.borrow_and_update().clone();
        places.retain(|path, _| files.contains(path));
        if files.is_empty() {
            if wanted.changed().await.is_err() {
                return;
            }
            continue;
        }
        for file in files {
            let place = places.get(&file).copied();
            // A file that is not there, or cannot be read now, is looked at again.
            if let Ok((text, place)) = more(&file, place).await {
                places.insert(file, place);
                if !text.is_empty() {
                    shared.tell_secrets(&text);
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What a file has beyond a place, and the place to go on from.
async fn more(path: &Path, place: Option<u64>) -> std::io::Result<(Vec<u8>, u64)> {
    let length = tokio::fs::metadata(path).await?.len();
    let from = match place {
        Some(place) if place <= length => place,
        Some(_) => 0,
        None => length.saturating_sub(READ),
    };
    let mut text = Vec::new();
    if from < length {
        let mut file = File::open(path).await?;
        file.seek(SeekFrom::Start(from)).await?;
        file.take(READ).read_to_end(&mut text).await?;
    }
    let read = text.len() as u64;
    Ok((text, from + read))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_read_on_and_from_its_beginning_when_it_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.log");
        assert!(more(&path, None).await.is_err());
        std::fs::write(&path, "one\n").unwrap();
        let (text, place) = more(&path, None).await.unwrap();
        assert_eq!((&text[..], place), (&b"one\n"[..], 4));
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let (text, place) = more(&path, Some(place)).await.unwrap();
        assert_eq!((&text[..], place), (&b"two\n"[..], 8));
        assert_eq!(more(&path, Some(place)).await.unwrap(), (Vec::new(), 8));
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(more(&path, Some(place)).await.unwrap(), (b"new\n".to_vec(), 4));
    }
}
