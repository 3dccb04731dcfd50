//! Hits over time.

use model::Timestamp;

use super::query::Query;
use crate::error::LogError;
use crate::store::Store;

/// How many hits there are in each of some equal spans of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// The beginning of the first span.
    pub from: Timestamp,
    /// The last moment of the last span.
    pub to: Timestamp,
    /// Hits in each span.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// The span that a moment falls into.
    fn bucket(&self, ts: i64) -> usize {
        let all = i128::from(self.to.0) - i128::from(self.from.0) + 1;
        let at = (i128::from(ts) - i128::from(self.from.0)) * self.counts.len() as i128 / all;
        usize::try_from(at).unwrap_or(0).min(self.counts.len() - 1)
    }
}

impl Store {
    /// Counts the hits between the query's limits of time, or where it has none, those of the lines of its services.
    /// `None` without lines or buckets.
    pub fn histogram(&self, query: &Query, buckets: usize) -> Result<Option<Histogram>, LogError> {
        let (tracks, _) = self.views(&query.services);
        let zones = || tracks.iter().flat_map(|track| &track.views).flat_map(|view| view.zones.iter());
        let first = query.since.or_else(|| zones().map(|zone| zone.min).min().map(Timestamp));
        let last = query.until.or_else(|| zones().map(|zone| zone.max).max().map(Timestamp));
        let (Some(from), Some(to)) = (first, last) else { return Ok(None) };
        if buckets == 0 || to < from {
            return Ok(None);
        }
        let mut histogram = Histogram { from, to, counts: vec![0; buckets] };
        let within = Query { since: Some(from), until: Some(to), ..query.clone() };
        self.each(&within, |hits| {
            for hit in hits {
                let bucket = histogram.bucket(hit.key.0);
                histogram.counts[bucket] += 1;
            }
        })?;
        Ok(Some(histogram))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_equal_and_both_ends_count() {
        let of = |from, to, buckets| Histogram {
            from: Timestamp(from),
            to: Timestamp(to),
            counts: vec![0; buckets],
        };
        let buckets = |histogram: Histogram, moments: &[i64]| {
            moments.iter().map(|ts| histogram.bucket(*ts)).collect::<Vec<_>>()
        };
        assert_eq!(buckets(of(0, 9, 5), &[0, 1, 2, 5, 8, 9]), [0, 0, 1, 2, 4, 4]);
        assert_eq!(buckets(of(7, 7, 3), &[7]), [0]);
        assert_eq!(buckets(of(0, i64::MAX, 1000), &[0, i64::MAX / 2, i64::MAX]), [0, 499, 999]);
    }
}
