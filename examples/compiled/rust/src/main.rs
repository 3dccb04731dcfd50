use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;

const VERSION: &str = "one";

fn main() -> io::Result<()> {
    let server = TcpListener::bind("0.0.0.0:8000")?;
    loop {
        let (mut client, _) = server.accept()?;
        let request = BufReader::new(client.try_clone()?).lines();
        for line in request {
            if line?.is_empty() {
                break;
            }
        }
        let body = format!("rust says {VERSION}\n");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close", body.len());
        write!(client, "{head}\r\n\r\n{body}")?;
    }
}
