//! Just enough of the Redis protocol to send one command and read its reply.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a command may take, connecting included.
const LIMIT: Duration = Duration::from_secs(10);

/// What Redis answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// No such thing.
    Nil,
    /// A number.
    Integer(i64),
    /// A status such as `OK`, or a value; bytes that are not UTF-8 are replaced.
    Text(String),
    /// Redis refused; the message starts with its code, such as `ERR` or `WRONGTYPE`.
    Error(String),
    /// Several replies.
    List(Vec<Reply>),
}

impl Reply {
    /// The text of a [`Text`](Self::Text).
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number of an [`Integer`](Self::Integer).
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }
}

/// Sends one command on a connection of its own.
///
/// # Errors
///
/// When Redis cannot be reached or hangs up, or after 10 seconds. A refusal is a [`Reply::Error`], not an error.
pub async fn command(addr: SocketAddr, arguments: &[&str]) -> Result<Reply> {
    commands(addr, &[arguments]).await
}

/// The same as somebody who has a name and a password.
///
/// # Errors
///
/// As for [`command`]; a name or password that is not known is the refusal of the command.
pub async fn command_as(addr: SocketAddr, [name, password]: [&str; 2], arguments: &[&str]) -> Result<Reply> {
    commands(addr, &[&["AUTH", name, password], arguments]).await
}

/// Sends commands one after the other; the reply is that of the last.
async fn commands(addr: SocketAddr, commands: &[&[&str]]) -> Result<Reply> {
    timeout(LIMIT, async {
        let mut stream = BufReader::new(TcpStream::connect(addr).await.context("cannot connect to Redis")?);
        let mut reply = Reply::Nil;
        for arguments in commands {
            stream.write_all(&encode(arguments)).await.context("Redis hung up")?;
            reply = read_reply(&mut stream).await?;
        }
        Ok(reply)
    })
    .await
    .context("Redis does not answer")?
}

fn encode(arguments: &[&str]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", arguments.len());
    for argument in arguments {
        let _ = write!(request, "${}\r\n{argument}\r\n", argument.len());
    }
    request.into_bytes()
}

async fn read_reply(stream: &mut BufReader<TcpStream>) -> Result<Reply> {
    let mut line = String::new();
    stream.read_line(&mut line).await.context("Redis hung up")?;
    let line = line.strip_suffix("\r\n").context("Redis hung up")?;
    let (kind, rest) = line.split_at_checked(1).context("an empty reply")?;
    match kind {
        "+" => Ok(Reply::Text(rest.to_owned())),
        "-" => Ok(Reply::Error(rest.to_owned())),
        ":" => Ok(Reply::Integer(rest.parse()?)),
        "$" | "*" if rest == "-1" => Ok(Reply::Nil),
        "$" => {
            let mut bytes = vec![0; rest.parse()?];
            stream.read_exact(&mut bytes).await.context("Redis hung up")?;
            let mut line_end = [0; 2];
            stream.read_exact(&mut line_end).await.context("Redis hung up")?;
            Ok(Reply::Text(String::from_utf8_lossy(&bytes).into_owned()))
        }
        "*" => {
            let count: usize = rest.parse()?;
            let mut replies = Vec::new();
            for _ in 0..count {
                replies.push(Box::pin(read_reply(stream)).await?);
            }
            Ok(Reply::List(replies))
        }
        _ => bail!("not a reply of Redis: {line}"),
    }
}
