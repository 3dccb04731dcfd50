//! Log lines in a file that another Shoal opens: a header and then a line of the contract each, as JSON, packed by gzip.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use api::shape::{LogLine, LogsQuery};
use api::{ApiError, Code};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use model::Timestamp;
use model::line::{Line, Stream};
use serde_json::{Value, json};

use crate::{requests, translate};

/// What the header calls the file, and the form that this Shoal writes and reads.
const KIND: &str = "logs";
const VERSION: u64 = 1;
/// Lines that are stored at once, and read at once.
const BATCH: usize = 4096;

/// A file that grows by pages of lines. It is under its name only when it is whole.
#[derive(Debug)]
pub struct LogFile {
    /// Gone when the file is finished.
    out: Option<GzEncoder<BufWriter<File>>>,
    path: PathBuf,
    growing: PathBuf,
}

impl LogFile {
    /// Begins a file. What has the name stays until [`LogFile::finish`].
    pub fn create(path: &Path, stack: &str, saved: Timestamp) -> Result<Self, ApiError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let growing = path.with_file_name(name);
        let file = File::create(&growing).map_err(|e| failed("write", &growing, &e))?;
        let out = GzEncoder::new(BufWriter::new(file), Compression::fast());
        let mut this = Self { out: Some(out), path: path.to_owned(), growing };
        this.put(&json!({ "shoal": KIND, "version": VERSION, "stack": stack, "saved": saved.to_string() }))?;
        Ok(this)
    }

    /// Adds lines.
    pub fn add(&mut self, lines: &[LogLine]) -> Result<(), ApiError> {
        lines.iter().try_for_each(|line| self.put(line))
    }

    /// Puts the file under its name.
    pub fn finish(mut self) -> Result<(), ApiError> {
        let Some(out) = self.out.take() else { return Ok(()) };
        let written = out.finish().and_then(|mut file| file.flush());
        written
            .and_then(|()| fs::rename(&self.growing, &self.path))
            .map_err(|e| failed("write", &self.path, &e))
    }

    fn put(&mut self, value: &impl serde::Serialize) -> Result<(), ApiError> {
        let Some(out) = &mut self.out else { return Ok(()) };
        let written = serde_json::to_writer(&mut *out, value).map_err(std::io::Error::from);
        written.and_then(|()| out.write_all(b"\n")).map_err(|e| failed("write", &self.path, &e))
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        // After an interruption or an error; when all went well it has its own name by now.
        drop(fs::remove_file(&self.growing));
    }
}

/// Reads a file of lines, packed or not, with a header or without, and hands over those that match, in order of time.
///
/// The lines go through a store in a folder of their own, so that everything that can be asked of a stack's logs can be
/// asked of them. The folder is gone afterwards.
pub fn open_logs<E: From<ApiError>>(
    file: &Path,
    query: &LogsQuery,
    last: Option<usize>,
    sink: &mut dyn FnMut(&LogLine) -> Result<(), E>,
) -> Result<(), E> {
    let query = requests::logs_query(query)?;
    let folder = Folder::new()?;
    let limits = logs::Limits { bytes: u64::MAX, age: std::time::Duration::MAX };
    let store = logs::Store::open(&folder.0, limits).map_err(|e| store_failed(&e))?;
    fill(&store, file)?;
    if let Some(last) = last {
        let page = store.read(&query, logs::From::Newest, last).map_err(|e| store_failed(&e))?;
        return page.lines.iter().try_for_each(|line| sink(&translate::line(line, 0, false)));
    }
    let mut from = logs::From::Oldest;
    loop {
        let page = store.read(&query, from, BATCH).map_err(|e| store_failed(&e))?;
        page.lines.iter().try_for_each(|line| sink(&translate::line(line, 0, false)))?;
        if !page.more {
            return Ok(());
        }
        from = logs::From::After(page.after);
    }
}

fn fill(store: &logs::Store, path: &Path) -> Result<(), ApiError> {
    let mut file = BufReader::new(File::open(path).map_err(|e| failed("read", path, &e))?);
    let packed = file.fill_buf().map_err(|e| failed("read", path, &e))?.starts_with(&[0x1f, 0x8b]);
    let text: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut batch = Vec::with_capacity(BATCH);
    for (at, row) in BufReader::new(text).lines().enumerate() {
        let row = row.map_err(|e| failed("read", path, &e))?;
        if row.trim().is_empty() {
            continue;
        }
        let value: Value = serde_json::from_str(&row).map_err(|e| unreadable(path, at, &e.to_string()))?;
        if value.get("shoal").is_some() {
            header(path, &value)?;
            continue;
        }
        batch.push(line(&value).map_err(|reason| unreadable(path, at, &reason))?);
        if batch.len() == BATCH {
            store.append(&batch).map_err(|e| store_failed(&e))?;
            batch.clear();
        }
    }
    store.append(&batch).map_err(|e| store_failed(&e))
}

fn header(path: &Path, header: &Value) -> Result<(), ApiError> {
    if header["shoal"] == KIND && header["version"] == VERSION {
        return Ok(());
    }
    let found = format!("`{}` holds {} of version {}", path.display(), header["shoal"], header["version"]);
    Err(ApiError::new(Code::BadRequest, found)
        .hint(format!("this Shoal reads `{KIND}` of version {VERSION}; a newer one may read it")))
}

fn line(value: &Value) -> Result<Line, String> {
    let text = |name: &str| -> Result<String, String> {
        let found = value.get(name).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| format!("it has no `{name}`"))
    };
    let stream = text("stream")?;
    let stream = [Stream::Stdout, Stream::Stderr, Stream::Build, Stream::Reload]
        .into_iter()
        .find(|known| known.name() == stream)
        .ok_or_else(|| format!("`{stream}` is no stream"))?;
    Ok(Line {
        ts: text("ts")?.parse::<Timestamp>().map_err(|e| e.to_string())?,
        service: text("service")?,
        instance: text("instance")?,
        stream,
        bytes: text("text")?.into_bytes(),
    })
}

fn unreadable(path: &Path, at: usize, reason: &str) -> ApiError {
    let what = format!("line {} of `{}` is no log line: {reason}", at + 1, path.display());
    ApiError::new(Code::BadRequest, what)
        .hint("files are written by `shoal logs --save FILE`; the output of `shoal logs --json` is read too")
}

fn failed(doing: &str, path: &Path, error: &std::io::Error) -> ApiError {
    let mut told =
        ApiError::new(Code::BadRequest, format!("cannot {doing} `{}`", path.display())).caused_by(error);
    told.causes.insert(0, error.to_string());
    told
}

fn store_failed(error: &logs::LogError) -> ApiError {
    ApiError::new(Code::Failed, error.to_string()).caused_by(error)
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, ApiError> {
        let name = format!("shoal-open-{}-{:x}", std::process::id(), crate::jobs::now().0);
        let path = std::env::temp_dir().join(name);
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(|e| failed("create", &path, &e))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is in the folder of what is temporary.
        drop(fs::remove_dir_all(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(service: &str, second: i64, text: &str) -> LogLine {
        LogLine {
            cursor: String::new(),
            ts: Timestamp(second * 1_000_000_000).to_string(),
            service: service.to_owned(),
            instance: format!("shop-{service}-1"),
            stream: "stderr".to_owned(),
            level: None,
            text: text.to_owned(),
            fields: None,
            trace: None,
            cont: false,
            raw: None,
            whole: None,
        }
    }

    fn read(path: &Path, query: &LogsQuery, last: Option<usize>) -> Result<Vec<String>, ApiError> {
        let mut texts = Vec::new();
        open_logs::<ApiError>(path, query, last, &mut |line| {
            texts.push(format!("{} {} {}", line.service, line.level.as_deref().unwrap_or("-"), line.text));
            Ok(())
        })?;
        Ok(texts)
    }

    #[test]
    fn what_was_saved_can_be_asked_everything() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.logs.gz");
        let mut file = LogFile::create(&path, "shop", Timestamp(0)).unwrap();
        let lines =
            [line("orders", 2, "ERROR boom"), line("db", 1, "ready"), line("orders", 2, "\tat x(Y.java:3)")];
        file.add(&lines).unwrap();
        assert!(!path.exists(), "not before it is whole");
        file.finish().unwrap();
        let all = ["db - ready", "orders error ERROR boom", "orders error \tat x(Y.java:3)"];
        assert_eq!(read(&path, &LogsQuery::default(), None).unwrap(), all);
        assert_eq!(read(&path, &LogsQuery::default(), Some(1)).unwrap(), all[2..]);
        let query = LogsQuery { grep: Some("boom".to_owned()), records: true, ..LogsQuery::default() };
        assert_eq!(read(&path, &query, None).unwrap(), all[1..]);
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "nothing but the file is left");
    }

    #[test]
    fn the_output_of_json_is_read_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.ndjson");
        fs::write(&path, format!("{}\n\n", serde_json::to_string(&line("db", 1, "ready")).unwrap())).unwrap();
        assert_eq!(read(&path, &LogsQuery::default(), None).unwrap(), ["db - ready"]);
    }

    #[test]
    fn errors_say_where() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for (text, reason) in [
            ("{", "line 1 of"),
            ("\n{\"ts\":\"1970-01-01T00:00:01Z\"}", "line 2 of"),
            ("{\"stream\":\"x\"}", "`x` is no stream"),
            ("{\"shoal\":\"logs\",\"version\":9}", "of version 9"),
            ("{\"shoal\":\"calls\",\"version\":1}", "holds \"calls\""),
        ] {
            fs::write(&path, text).unwrap();
            let error = read(&path, &LogsQuery::default(), None).unwrap_err();
            assert!(error.message.contains(reason) && error.hint.is_some(), "{error:?}");
        }
        assert!(read(&folder.path().join("none"), &LogsQuery::default(), None).is_err());
    }
}
