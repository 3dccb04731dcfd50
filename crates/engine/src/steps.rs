//! The steps of a build: how far they are, and what the failing one printed.

use std::collections::{HashMap, VecDeque};

use bollard::moby::buildkit::v1::StatusResponse;

use crate::reason::{is_disk_full, is_image_unknown, is_registry_down};
use crate::{EngineError, Progress};

/// How many lines of a step are kept for its failure.
const KEPT: usize = 30;

/// The steps of one build.
#[derive(Default)]
pub(crate) struct Steps {
    order: Vec<String>,
    by_key: HashMap<String, Step>,
    /// The classic builder's current step.
    current: String,
}

#[derive(Default)]
struct Step {
    name: String,
    started: bool,
    ended: bool,
    cached: bool,
    error: String,
    tail: Tail,
}

/// The last lines of some output.
#[derive(Default)]
struct Tail {
    lines: VecDeque<String>,
    open: Vec<u8>,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.open.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        let line = String::from_utf8_lossy(&self.open).trim_end().to_owned();
        self.open.clear();
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    fn take(&mut self) -> Vec<String> {
        if !self.open.is_empty() {
            self.close();
        }
        self.lines.drain(..).collect()
    }
}

impl Steps {
    /// News of BuildKit.
    pub(crate) fn buildkit(&mut self, news: StatusResponse) -> Vec<Progress> {
        let mut told = Vec::new();
        for vertex in news.vertexes {
            let step = self.step(&vertex.digest);
            let before = (step.started, step.ended);
            if !vertex.name.is_empty() {
                step.name = vertex.name;
            }
            step.started |= vertex.started.is_some();
            step.ended |= vertex.completed.is_some();
            step.cached |= vertex.cached;
            if !vertex.error.is_empty() {
                step.error = vertex.error;
            }
            if before != (step.started, step.ended) {
                told.push(self.progress(&vertex.digest, Vec::new()));
            }
        }
        for log in news.logs {
            self.step(&log.vertex).tail.push(&log.msg);
            told.push(self.progress(&log.vertex, log.msg));
        }
        told
    }

    /// A piece of the classic builder's output: `Step 3/7 : RUN apt-get update`, ` ---> Using cache`, and what runs.
    pub(crate) fn classic(&mut self, text: &str) -> Progress {
        if let Some((numbers, instruction)) =
            text.strip_prefix("Step ").and_then(|rest| rest.split_once(" : "))
        {
            let past = std::mem::take(&mut self.current);
            if let Some(step) = self.by_key.get_mut(&past) {
                step.ended = true;
            }
            self.current = format!("[{}] {}", numbers.trim(), instruction.trim());
            let name = self.current.clone();
            let step = self.step(&name);
            (step.name, step.started) = (name.clone(), true);
            let mut progress = self.progress(&name, Vec::new());
            progress.total = numbers
                .split_once('/')
                .and_then(|(_, all)| all.trim().parse().ok())
                .unwrap_or(progress.total);
            return progress;
        }
        let name = self.current.clone();
        let step = self.step(&name);
        if text.trim() == "---> Using cache" {
            step.cached = true;
            return self.progress(&name, Vec::new());
        }
        step.tail.push(text.as_bytes());
        self.progress(&name, text.as_bytes().to_vec())
    }

    /// Why the build failed, from the builder's last words and the step that failed.
    pub(crate) fn failure(&mut self, message: &str) -> EngineError {
        let failing = self.order.iter().rev().find(|key| !self.by_key[*key].error.is_empty()).cloned();
        let key = failing.unwrap_or_else(|| self.current.clone());
        let (name, mut output) = match self.by_key.get_mut(&key) {
            Some(step) => (step.name.clone(), step.tail.take()),
            None => (String::new(), Vec::new()),
        };
        if is_disk_full(message) || output.iter().any(|line| is_disk_full(line)) {
            return EngineError::DiskFull { what: "the build".to_owned() };
        }
        if let Some(image) = name.strip_prefix("[internal] load metadata for ") {
            let image = image.trim_start_matches("docker.io/").trim_start_matches("library/").to_owned();
            if is_registry_down(message) {
                return EngineError::RegistryUnreachable { image, message: message.trim().to_owned() };
            }
            if is_image_unknown(message) {
                return EngineError::ImageMissing { image };
            }
        }
        output.push(message.trim().to_owned());
        EngineError::BuildFailed {
            step: if name.is_empty() { "reading the Dockerfile".to_owned() } else { name },
            output,
        }
    }

    fn step(&mut self, key: &str) -> &mut Step {
        if !self.by_key.contains_key(key) {
            self.order.push(key.to_owned());
        }
        self.by_key.entry(key.to_owned()).or_default()
    }

    fn progress(&self, key: &str, output: Vec<u8>) -> Progress {
        let (name, cached) = self.by_key.get(key).map(|s| (s.name.clone(), s.cached)).unwrap_or_default();
        let done = self.by_key.values().filter(|step| step.ended).count() as u32;
        Progress { step: name, done, total: self.order.len() as u32, cached, output }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classic_builders_steps_are_counted() {
        let mut steps = Steps::default();
        let first = steps.classic("Step 1/2 : FROM base\n");
        assert_eq!((first.step.as_str(), first.done, first.total), ("[1/2] FROM base", 0, 2));
        let second = steps.classic("Step 2/2 : RUN false\n");
        assert_eq!((second.step.as_str(), second.done, second.total), ("[2/2] RUN false", 1, 2));
        steps.classic("it printed this\n");
        let EngineError::BuildFailed { step, output } = steps.failure("returned a non-zero code: 1") else {
            panic!()
        };
        assert_eq!(step, "[2/2] RUN false");
        assert_eq!(output, ["it printed this", "returned a non-zero code: 1"]);
    }

    #[test]
    fn only_the_end_of_a_long_output_is_kept() {
        let mut tail = Tail::default();
        for n in 0..100 {
            tail.push(format!("line {n}\n").as_bytes());
        }
        tail.push(b"open");
        let lines = tail.take();
        assert_eq!((lines.len(), lines[0].as_str(), lines[29].as_str()), (30, "line 71", "open"));
    }
}
