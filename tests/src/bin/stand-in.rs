//! Stands in for the `flashdeal` binary in the harness's own tests: answers every request with 200 and the text of its file
//! `memory`, to which each start adds a line; told to, it ends at once or is deaf to SIGTERM.

use std::fs::OpenOptions;
use std::io::Write as _;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let behaviour = std::env::args().nth(1);
    if behaviour.as_deref() == Some("refuse") {
        bail!("a setting is missing");
    }
    writeln!(OpenOptions::new().create(true).append(true).open("memory")?, "started")?;
    let mut terminate = signal(SignalKind::terminate())?;
    let bind = std::env::var("FLASHDEAL_BIND").context("FLASHDEAL_BIND is missing")?;
    let listener = TcpListener::bind(bind).await?;
    loop {
        tokio::select! {
            accepted = listener.accept() => drop(tokio::spawn(answer(accepted?.0))),
            _ = terminate.recv() => {
                if behaviour.as_deref() != Some("deaf") {
                    return Ok(());
                }
            }
        }
    }
}

async fn answer(mut client: TcpStream) -> Result<()> {
    let mut request = vec![0; 4096];
    let length = client.read(&mut request).await?;
    let first_line = String::from_utf8_lossy(request.get(..length).unwrap_or_default());
    let first_line = first_line.lines().next().unwrap_or_default();
    let memory = std::fs::read_to_string("memory")?;
    let body = serde_json::json!({ "request": first_line, "starts": memory.lines().count() }).to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    client.write_all((head + &body).as_bytes()).await?;
    Ok(())
}
