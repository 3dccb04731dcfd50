//! Does a service answer?
//!
//! Probes come from this process: over the container's own address where that can be reached (Linux), else over a
//! published port. Nothing runs in the container but what `ready = { exec = … }` asks for.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use engine::{ContainerFacts, ContainerState, Engine, ExecSpec, Health};
use futures_util::StreamExt;
use model::Timestamp;
use model::plan::{Check, Probe, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The engine may stamp a container's first lines earlier than its start.
const LATE: Duration = Duration::from_secs(2);

/// When a service that may be a worker is ready after its start: others may wait for it.
const WORKER_AFTER: Duration = Duration::from_secs(10);

/// What to ask, worked out from the plan and the image.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// What the manifest says.
    Asked(Check),
    /// What the image's own health check says.
    Health,
    /// Nothing is known about the service: that it runs must do.
    Running,
}

/// A service to ask.
pub(crate) struct Asking<'a> {
    pub engine: &'a Engine,
    pub logs: &'a logs::Store,
    pub container: &'a str,
    pub instance: &'a str,
    pub question: Question,
    pub timing: Timing,
}

/// How often and how long to ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub every: Duration,
    pub timeout: Duration,
    pub within: Duration,
    /// It may be a worker that runs from an image of a server and listens on nothing: when it has run for so long, it is
    /// not asked further.
    pub worker_after: Option<Duration>,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            every: Duration::from_millis(25),
            timeout: Duration::from_secs(1),
            within: Duration::from_mins(1),
            worker_after: None,
        }
    }
}

impl From<&Probe> for Timing {
    fn from(probe: &Probe) -> Self {
        Self { every: probe.every, timeout: probe.timeout, within: probe.within, ..Self::default() }
    }
}

/// What to ask a service: the manifest's probe, else the image's health check, else its first port's accept. A port that
/// only the image names is not insisted on when the service runs another command than the image's.
pub(crate) fn question(
    service: &model::plan::Service,
    image: Option<&engine::ImageFacts>,
) -> (Question, Timing) {
    if let Some(probe) = &service.ready {
        return (Question::Asked(probe.check.clone()), Timing::from(probe));
    }
    let port = service.ports.iter().find(|p| p.protocol == Transport::Tcp).map(|p| p.container);
    let exposed = image.and_then(|i| i.exposed.first().copied());
    let question = match (image.is_some_and(|i| i.healthcheck), port.or(exposed)) {
        (true, _) => Question::Health,
        (false, Some(port)) => Question::Asked(Check::Tcp(port)),
        (false, None) => Question::Running,
    };
    let may_be_worker = port.is_none() && service.command.is_some() && matches!(question, Question::Asked(_));
    (question, Timing { worker_after: may_be_worker.then_some(WORKER_AFTER), ..Timing::default() })
}

impl Asking<'_> {
    /// Asks until the answer is yes; the last no when time is up.
    pub(crate) async fn until_yes(&self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let no = match tokio::time::timeout(self.timing.timeout, self.once()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(no)) => no,
                Err(_) => format!("no answer within {:?}", self.timing.timeout),
            };
            let is_worker = self.timing.worker_after.is_some_and(|after| begun.elapsed() > after);
            if is_worker && self.runs().await.is_ok() {
                return Ok(());
            }
            if begun.elapsed() > self.timing.within {
                return Err(no);
            }
            tokio::time::sleep(self.timing.every).await;
        }
    }

    async fn once(&self) -> Result<(), String> {
        let check = match &self.question {
            Question::Running => return self.runs().await.map(drop),
            Question::Health => return self.healthy().await,
            Question::Asked(check) => check,
        };
        match check {
            Check::Http { port, path } => http(&self.reach(*port).await?, path).await,
            Check::Tcp(port) => connect(&self.reach(*port).await?).await.map(drop),
            Check::Exec(command) => self.exec(command).await,
            Check::Log(text) => self.said(text).await,
        }
    }

    async fn runs(&self) -> Result<ContainerFacts, String> {
        let facts = self.engine.inspect(self.container).await.map_err(|e| e.to_string())?;
        if facts.state == ContainerState::Running {
            Ok(facts)
        } else {
            Err("its container does not run".into())
        }
    }

    async fn healthy(&self) -> Result<(), String> {
        match self.runs().await?.health {
            Some(Health::Healthy) | None => Ok(()),
            Some(Health::Starting) => Err("its health check has not passed yet".into()),
            Some(Health::Unhealthy) => Err("its health check fails".into()),
        }
    }

    /// Where `port` of the container can be reached from here, best first.
    async fn reach(&self, port: u16) -> Result<Vec<SocketAddr>, String> {
        let facts = self.runs().await?;
        let own = facts.addresses.iter().map(|(_, ip)| SocketAddr::new(*ip, port));
        let published = facts.ports.iter().filter(|p| p.container == port && p.protocol == Transport::Tcp);
        let published = published.map(|p| SocketAddr::new(IpAddr::from([127, 0, 0, 1]), p.host));
        // On Linux a container's address is reachable and says the truth; a published port accepts before the
        // service does, since the engine's proxy listens there.
        if cfg!(target_os = "linux") { Ok(own.collect()) } else { Ok(published.chain(own).collect()) }
    }

    async fn exec(&self, command: &[String]) -> Result<(), String> {
        let spec = ExecSpec { cmd: command.to_vec(), ..ExecSpec::default() };
        let mut exec = self.engine.exec(self.container, &spec).await.map_err(|e| e.to_string())?;
        let mut output = Vec::new();
        while let Some(part) = exec.output.next().await {
            let (_, bytes) = part.map_err(|e| e.to_string())?;
            output.extend_from_slice(&bytes[..bytes.len().min(1000)]);
        }
        match self.engine.exec_exit(&exec.id).await.map_err(|e| e.to_string())? {
            Some(0) => Ok(()),
            code => {
                let said = String::from_utf8_lossy(&output);
                let said = said.trim().lines().next_back().unwrap_or_default().to_owned();
                let code = code.map_or_else(|| "no code".to_owned(), |c| c.to_string());
                Err(format!("`{}` ended with {code}: {said}", command.join(" ")))
            }
        }
    }

    async fn said(&self, text: &str) -> Result<(), String> {
        let since: Option<Timestamp> = self.runs().await?.started.map(|at| at.minus(LATE));
        let query = logs::Query {
            instance: Some(self.instance.to_owned()),
            since,
            text: Some(logs::Text::literal(text)),
            ..logs::Query::default()
        };
        let page = self.logs.read(&query, logs::From::Newest, 1).map_err(|e| e.to_string())?;
        if page.lines.is_empty() { Err(format!("it has not logged `{text}` yet")) } else { Ok(()) }
    }
}

async fn connect(targets: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut no = "it has no address".to_owned();
    for target in targets {
        match TcpStream::connect(target).await {
            Ok(stream) => return Ok(stream),
            Err(error) => no = format!("port {} does not accept: {error}", target.port()),
        }
    }
    Err(no)
}

/// `GET path`; any status from 200 to 399 is a yes.
async fn http(targets: &[SocketAddr], path: &str) -> Result<(), String> {
    let mut stream = connect(targets).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: shoal-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    let broke = |e: std::io::Error| format!("the connection for `GET {path}` broke: {e}");
    stream.write_all(request.as_bytes()).await.map_err(broke)?;
    let mut head = Vec::new();
    let mut chunk = [0; 256];
    while head.len() < 13 {
        match stream.read(&mut chunk).await.map_err(broke)? {
            0 => break,
            bytes => head.extend_from_slice(&chunk[..bytes]),
        }
    }
    match status(&head) {
        Some(status) if (200..400).contains(&status) => Ok(()),
        Some(status) => Err(format!("`GET {path}` answered {status}")),
        None => Err(format!("what answered `GET {path}` is no HTTP/1")),
    }
}

/// The status code of a status line (RFC 9112, section 4).
fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.")?;
    std::str::from_utf8(rest.get(2..5)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_gives_its_code_and_nothing_else_does() {
        assert_eq!(status(b"HTTP/1.1 204 No Content\r\n"), Some(204));
        assert_eq!(status(b"HTTP/1.0 503 \r\n"), Some(503));
        assert_eq!([status(b"SSH-2.0-OpenSSH"), status(b"HTTP/1.1"), status(b"")], [None; 3]);
    }

    #[tokio::test]
    async fn an_http_probe_says_why_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            for answer in ["HTTP/1.1 500 Oops\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let read = stream.read(&mut request).await.unwrap();
                assert!(String::from_utf8_lossy(&request[..read]).contains("User-Agent: shoal-probe"));
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        assert_eq!(http(&[at], "/healthz").await, Err("`GET /healthz` answered 500".into()));
        assert_eq!(http(&[at], "/healthz").await, Ok(()));
        server.await.unwrap();
        assert!(http(&[at], "/").await.unwrap_err().contains("does not accept"));
    }
}
