//! Who called whom, and what for.

use api::shape::{EdgeList, FindingList, RouteList, RoutesRequest};
use calls::RouteQuery;

use crate::jobs::now;
use crate::{Session, translate};

impl Session {
    /// Who called whom.
    pub fn edges(&self) -> EdgeList {
        let mut calls = self.shared.calls();
        calls.settle();
        EdgeList { edges: calls.edges().iter().map(translate::edge).collect() }
    }

    /// What does not fit.
    pub fn findings(&self) -> FindingList {
        let mut calls = self.shared.calls();
        calls.settle();
        FindingList { findings: calls.findings().iter().map(translate::finding).collect() }
    }

    /// What was asked over each edge.
    pub fn routes(&self, request: RoutesRequest) -> RouteList {
        let query = RouteQuery { from: request.from, to: request.to, services: request.services };
        let mut calls = self.shared.calls();
        calls.settle();
        RouteList { routes: calls.routes(&query, now()).iter().map(translate::route).collect() }
    }
}
