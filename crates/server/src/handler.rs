//! Every command of the contract, answered by the session.

use api::ApiError;
use api::commands::Handler;
use api::shape::{
    CallDetail, CallId, CallShow, CallsExport, CallsPage, CallsRead, Chain, Count, DoctorReport, Done, Down,
    EdgeList, EdgesRequest, Empty, EventsPage, EventsRead, FindingList, LogsOutline, LogsOutlineRequest,
    LogsPage, LogsQuery, LogsRead, OpenApi, OpenApiRequest, PacketsPage, PacketsRead, ReplayRequest,
    ReplayResult, RouteList, RoutesRequest, Services, Snapshot, Text, Timeline, TimelineRequest, Up,
};
use session::Session;

/// Answers commands.
#[derive(Debug)]
pub(crate) struct Answers<'a> {
    pub session: &'a Session,
}

impl Handler for Answers<'_> {
    async fn snapshot(&self, _: Empty) -> Result<Snapshot, ApiError> {
        self.session.snapshot().await
    }

    async fn up(&self, up: Up) -> Result<Done, ApiError> {
        self.session.up(up).await
    }

    async fn down(&self, down: Down) -> Result<Done, ApiError> {
        self.session.down(down).await
    }

    async fn start(&self, chosen: Services) -> Result<Done, ApiError> {
        self.session.start_services(chosen.services).await
    }

    async fn stop(&self, chosen: Services) -> Result<Done, ApiError> {
        self.session.stop_services(chosen.services).await
    }

    async fn restart(&self, chosen: Services) -> Result<Done, ApiError> {
        self.session.restart_services(chosen.services).await
    }

    async fn rebuild(&self, chosen: Services) -> Result<Done, ApiError> {
        self.session.rebuild(chosen.services).await
    }

    async fn reload(&self, chosen: Services) -> Result<Done, ApiError> {
        self.session.reload(chosen.services).await
    }

    async fn logs_read(&self, read: LogsRead) -> Result<LogsPage, ApiError> {
        self.session.logs(read).await
    }

    async fn logs_count(&self, query: LogsQuery) -> Result<Count, ApiError> {
        self.session.logs_count(query).await
    }

    async fn logs_outline(&self, request: LogsOutlineRequest) -> Result<LogsOutline, ApiError> {
        self.session.logs_outline(request).await
    }

    async fn calls_read(&self, read: CallsRead) -> Result<CallsPage, ApiError> {
        self.session.calls(read).await
    }

    async fn call_show(&self, call: CallShow) -> Result<CallDetail, ApiError> {
        self.session.call(&call).await
    }

    async fn calls_export(&self, export: CallsExport) -> Result<Text, ApiError> {
        self.session.export(&export).await
    }

    async fn packets_read(&self, read: PacketsRead) -> Result<PacketsPage, ApiError> {
        self.session.packets(read).await
    }

    async fn replay(&self, request: ReplayRequest) -> Result<ReplayResult, ApiError> {
        self.session.replay(&request).await
    }

    async fn edges(&self, request: EdgesRequest) -> Result<EdgeList, ApiError> {
        self.session.edges(&request)
    }

    async fn events_read(&self, read: EventsRead) -> Result<EventsPage, ApiError> {
        self.session.events(read).await
    }

    async fn chain(&self, call: CallId) -> Result<Chain, ApiError> {
        self.session.chain(&call.id)
    }

    async fn routes(&self, request: RoutesRequest) -> Result<RouteList, ApiError> {
        self.session.routes(request)
    }

    async fn openapi(&self, request: OpenApiRequest) -> Result<OpenApi, ApiError> {
        self.session.openapi(&request).await
    }

    async fn findings(&self, _: Empty) -> Result<FindingList, ApiError> {
        Ok(self.session.findings())
    }

    async fn timeline(&self, request: TimelineRequest) -> Result<Timeline, ApiError> {
        self.session.timeline(&request)
    }

    async fn trust(&self, _: Empty) -> Result<Done, ApiError> {
        self.session.trust()
    }

    async fn doctor(&self, _: Empty) -> Result<DoctorReport, ApiError> {
        self.session.doctor().await
    }

    async fn shutdown(&self, _: Empty) -> Result<Done, ApiError> {
        Ok(self.session.shutdown())
    }
}
