//! Terminals in the stack's containers, and one on this machine.

use api::shape::TerminalRequest;
use api::{ApiError, Code};
use terminal::{Open, Output, Terminal, TerminalError};
use tokio::sync::mpsc;

use crate::Session;

impl Session {
    /// Opens a terminal; its output ends with [`Output::Exit`].
    pub async fn terminal(
        &self,
        request: &TerminalRequest,
    ) -> Result<(Terminal, mpsc::Receiver<Output>), ApiError> {
        let command = (!request.command.is_empty()).then(|| request.command.clone());
        let open = Open { command, plain: request.plain, cols: request.cols, rows: request.rows };
        if request.service.is_empty() {
            let config = &self.shared.config;
            return terminal::on_this_machine(self.shared.whose.folder.as_ref(), &config.env, &open)
                .map_err(broken);
        }
        let engine = self.require_engine().await?;
        let services = self.snapshot().await?.services;
        let known = services.iter().find(|s| s.service == request.service);
        let Some(service) = known else {
            return Err(ApiError::new(Code::NotFound, format!("there is no service `{}`", request.service)));
        };
        let running = service.instance.as_ref().filter(|_| service.state == api::shape::State::Running);
        let Some(instance) = running else {
            return Err(ApiError::new(Code::Conflict, format!("`{}` does not run", request.service))
                .hint(format!("`shoal start {}`", request.service))
                .about(&request.service));
        };
        terminal::in_container(&engine, instance, &open).await.map_err(|e| broken(e).about(&request.service))
    }

    /// Hands what was typed to a terminal.
    pub async fn typed(&self, terminal: &Terminal, bytes: &[u8]) -> Result<(), ApiError> {
        terminal.write(bytes).await.map_err(broken)
    }

    /// Tells a terminal that nothing more will be typed.
    pub async fn typed_all(&self, terminal: &Terminal) -> Result<(), ApiError> {
        terminal.eof().await.map_err(broken)
    }

    /// Tells a terminal its window's size.
    pub async fn resized(&self, terminal: &Terminal, cols: u16, rows: u16) -> Result<(), ApiError> {
        terminal.resize(cols, rows).await.map_err(broken)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn broken(error: TerminalError) -> ApiError {
    let mut shown = ApiError::new(Code::Failed, error.to_string()).caused_by(&error);
    shown.hint = error.hint();
    shown
}
