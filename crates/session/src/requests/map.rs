//! Who called whom, and what for.

use api::shape::{
    EdgeList, EdgesRequest, FindingList, OpenApi, OpenApiRequest, RouteList, RoutesRequest, ServiceApi,
};
use api::{ApiError, Code};
use calls::openapi::Interfaces;
use calls::{Position, Query, RouteQuery};

use super::query::within;
use crate::jobs::now;
use crate::{Session, translate};

/// Calls that are looked at before others may use the store.
const AT_ONCE: usize = 200;

impl Session {
    /// Who called whom.
    pub fn edges(&self, request: &EdgesRequest) -> Result<EdgeList, ApiError> {
        let within = within(request.since.as_ref(), request.until.as_ref())?;
        let mut calls = self.shared.calls();
        calls.settle();
        let edges = calls.edges_within(within);
        Ok(EdgeList {
            edges: edges.counted.iter().map(translate::edge).collect(),
            counted: edges.span.map(translate::counted),
        })
    }

    /// What does not fit.
    pub fn findings(&self) -> FindingList {
        let mut calls = self.shared.calls();
        calls.settle();
        FindingList { findings: calls.findings().iter().map(translate::finding).collect() }
    }

    /// What was asked over each edge.
    pub fn routes(&self, request: RoutesRequest) -> Result<RouteList, ApiError> {
        let within = within(request.since.as_ref(), request.until.as_ref())?;
        let query = RouteQuery { from: request.from, to: request.to, services: request.services, within };
        let mut calls = self.shared.calls();
        calls.settle();
        let routes = calls.routes(&query, now());
        Ok(RouteList {
            routes: routes.counted.iter().map(translate::route).collect(),
            counted: routes.span.map(translate::counted),
        })
    }

    /// What services offer, by what they were asked.
    pub async fn openapi(&self, request: &OpenApiRequest) -> Result<OpenApi, ApiError> {
        let wanted = |name: &str| request.services.is_empty() || request.services.iter().any(|s| s == name);
        let query = Query { services: request.services.clone(), foreground: true, ..Query::default() };
        let mut interfaces = Interfaces::default();
        let mut position = Position::Oldest;
        loop {
            let next = {
                let calls = self.shared.calls();
                let page = calls.list(&query, position, AT_ONCE);
                page.calls
                    .iter()
                    .filter(|call| wanted(&call.to.service))
                    .for_each(|call| interfaces.add(&calls.whole(call)));
                page.after.filter(|_| page.calls.len() == AT_ONCE)
            };
            // Bodies take their time to read, and the capture goes on.
            tokio::task::yield_now().await;
            match next {
                Some(after) => position = Position::After(after),
                None => break,
            }
        }
        let documents = interfaces.documents();
        let services: Vec<ServiceApi> = documents
            .map(|(service, document)| ServiceApi { service: service.to_owned(), document })
            .collect();
        match request.services.iter().find(|name| !services.iter().any(|known| known.service == **name)) {
            Some(unseen) => {
                Err(ApiError::new(Code::NotFound, format!("no HTTP call to `{unseen}` was seen")).hint(
                    "`shoal map` shows who was called; health checks, scrapes and polls do not count here",
                ))
            }
            None => Ok(OpenApi { services }),
        }
    }
}
