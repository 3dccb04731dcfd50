//! What a container uses.

use std::pin::Pin;

use bollard::models::ContainerStatsResponse;
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::{Stream, StreamExt as _};

use crate::container::short;
use crate::{Engine, EngineError};

/// What a container used at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stats {
    /// Cores in use on average since the last reading; 0 in the first.
    pub cpu_cores: f64,
    /// Bytes of memory, without the file cache that could be dropped at once.
    pub memory: u64,
    /// The limit in bytes; the machine's memory when there is none.
    pub memory_limit: u64,
}

/// One reading a second (Podman: every five seconds).
pub type StatsStream = Pin<Box<dyn Stream<Item = Result<Stats, EngineError>> + Send>>;

impl Engine {
    /// What a container uses, until it is removed.
    pub fn stats(&self, id: &str) -> StatsStream {
        // One long stream: a single reading takes a second on older engines.
        let options = StatsOptionsBuilder::new().stream(true).one_shot(false).build();
        let engine = self.clone();
        let what = format!("reading the use of container `{}`", short(id));
        let readings = self.docker().stats(id, Some(options));
        Box::pin(readings.map(move |item| match item {
            Ok(answer) => Ok(read(&answer)),
            Err(error) => Err(engine.failed(&what, &error)),
        }))
    }
}

fn read(answer: &ContainerStatsResponse) -> Stats {
    let memory = answer.memory_stats.as_ref();
    let detail =
        |name: &str| memory.and_then(|m| m.stats.as_ref()).and_then(|stats| stats.get(name)).copied();
    // Control groups v1 and v2 name it differently.
    let cache = detail("total_inactive_file").or_else(|| detail("inactive_file")).unwrap_or(0);
    Stats {
        cpu_cores: cores(answer).unwrap_or(0.0),
        memory: memory.and_then(|m| m.usage).unwrap_or(0).saturating_sub(cache),
        memory_limit: memory.and_then(|m| m.limit).unwrap_or(0),
    }
}

fn cores(answer: &ContainerStatsResponse) -> Option<f64> {
    let (now, before) = (answer.cpu_stats.as_ref()?, answer.precpu_stats.as_ref()?);
    let used = now.cpu_usage.as_ref()?.total_usage?.checked_sub(before.cpu_usage.as_ref()?.total_usage?)?;
    let passed = now.system_cpu_usage?.checked_sub(before.system_cpu_usage.filter(|past| *past > 0)?)?;
    let cpus = now
        .online_cpus
        .filter(|count| *count > 0)
        .or_else(|| Some(now.cpu_usage.as_ref()?.percpu_usage.as_ref()?.len() as u32))?;
    (passed > 0).then(|| used as f64 / passed as f64 * f64::from(cpus))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cores_and_memory() {
        let answer: ContainerStatsResponse = serde_json::from_str(
            r#"{"cpu_stats":{"cpu_usage":{"total_usage":3000},"system_cpu_usage":20000,"online_cpus":2},
                "precpu_stats":{"cpu_usage":{"total_usage":1000},"system_cpu_usage":12000},
                "memory_stats":{"usage":5000,"limit":9000,"stats":{"total_inactive_file":1000}}}"#,
        )
        .unwrap();
        assert_eq!(read(&answer), Stats { cpu_cores: 0.5, memory: 4000, memory_limit: 9000 });
    }

    #[test]
    fn the_first_reading_has_no_past() {
        let answer: ContainerStatsResponse = serde_json::from_str(
            r#"{"cpu_stats":{"cpu_usage":{"total_usage":3000},"system_cpu_usage":20000},
                "precpu_stats":{"cpu_usage":{"total_usage":0}},"memory_stats":{}}"#,
        )
        .unwrap();
        assert_eq!(read(&answer), Stats::default());
    }
}
