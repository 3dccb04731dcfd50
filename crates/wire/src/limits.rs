//! How much may be kept.

/// Bounds on memory. All sizes are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How much of each body is kept; the rest is counted.
    pub body: usize,
    /// How much one flow may hold: segments that wait for an earlier one, unfinished heads and bodies.
    pub flow_buffer: usize,
    /// How much all flows may hold together.
    pub total_buffer: usize,
    /// How many flows are followed; beyond it the one that was silent longest is forgotten, those that ended first.
    pub max_flows: usize,
    /// How many requests of one flow may wait for their response.
    pub pending_per_flow: usize,
}

impl Limits {
    /// Sensible bounds around a body limit: some 60 MB at most.
    pub const fn new(body: usize) -> Self {
        Self {
            body,
            flow_buffer: 2 * 1024 * 1024 + 4 * body,
            total_buffer: 48 * 1024 * 1024,
            max_flows: 16 * 1024,
            pending_per_flow: 4096,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_can_hold_the_bodies_of_a_call_whatever_the_body_limit() {
        for body in [0, 1024, 1024 * 1024] {
            assert!(Limits::new(body).flow_buffer > 2 * body, "{body}");
        }
    }
}
