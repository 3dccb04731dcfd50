use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

const VERSION: &str = "one";

fn main() -> io::Result<()> {
    let server = TcpListener::bind("0.0.0.0:8000")?;
    for client in server.incoming() {
        // A client that goes away ends its own call and nothing else.
        if let Err(error) = client.and_then(answer) {
            eprintln!("no answer: {error}");
        }
    }
    Ok(())
}

fn answer(mut client: TcpStream) -> io::Result<()> {
    for line in BufReader::new(client.try_clone()?).lines() {
        if line?.is_empty() {
            break;
        }
    }
    let body = format!("rust says {VERSION}\n");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close", body.len());
    write!(client, "{head}\r\n\r\n{body}")
}
