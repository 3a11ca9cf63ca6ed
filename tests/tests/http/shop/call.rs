//! One call of the server, remembered so that a failing test can print it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use flashdeal_tests::http::{Answer, Http};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::reply::Reply;

use super::Shop;

/// How much of a body a failing test prints, in bytes.
const SHOWN: usize = 2000;
/// How long a raw answer may take.
const LIMIT: Duration = Duration::from_secs(10);

/// A call on its way.
#[must_use = "nothing is sent before `send`"]
pub(crate) struct Call {
    http: Http,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<(Option<String>, Vec<u8>)>,
}

impl Shop {
    /// A call of the instance whose turn it is.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.next_http(), method, path)
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call("POST", path).json(body).send().await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.call("PATCH", path).json(body).send().await
    }

    pub(crate) async fn delete(&self, path: &str, body: &Value) -> Reply {
        self.call("DELETE", path).json(body).send().await
    }
}

impl Call {
    pub(crate) fn new(http: Http, method: &str, path: &str) -> Self {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Self { http, method, path: path.to_owned(), headers: Vec::new(), body: None }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some((Some(content_type.to_owned()), body.into()));
        self
    }

    pub(crate) fn bare_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some((None, body.into()));
        self
    }

    pub(crate) async fn send(self) -> Reply {
        let shown = self.shown();
        self.try_send().await.unwrap_or_else(|error| panic!("no answer: {error:#}\n--- asked ---\n{shown}"))
    }

    /// The same where a connection may break: what became of the call is not known then.
    pub(crate) async fn try_send(self) -> anyhow::Result<Reply> {
        let shown = self.shown();
        let mut request = self.http.request(self.method, &self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request = match self.body {
            Some((Some(content_type), body)) => request.body(&content_type, body),
            Some((None, body)) => request.bare_body(body),
            None => request,
        };
        let began = Instant::now();
        let answer = request.send().await?;
        Ok(Reply::new(format!("{shown}\n(it took {:?})", began.elapsed()), answer))
    }

    fn shown(&self) -> String {
        let mut shown = format!("{} {}", self.method, self.path);
        for (name, value) in &self.headers {
            let _ = write!(shown, "\n{name}: {value}");
        }
        if let Some((content_type, body)) = &self.body {
            let content_type = content_type.as_deref().unwrap_or("(none)");
            let start = &body[..body.len().min(SHOWN)];
            let _ = write!(shown, "\ncontent-type: {content_type}\n\n{}", String::from_utf8_lossy(start));
        }
        shown
    }
}

/// Sends these very bytes and reads what comes back until the server hangs up; the request must ask it to.
pub(crate) async fn raw(address: SocketAddr, request: &[u8]) -> Reply {
    let shown = String::from_utf8_lossy(&request[..request.len().min(SHOWN)]).into_owned();
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // A server that hangs up on a body it does not want may reset the connection after its answer.
        let _ = stream.read_to_end(&mut answer).await;
        answer
    };
    let answer = timeout(LIMIT, exchange).await.unwrap_or_else(|_| panic!("no whole answer\n--- asked ---\n{shown}"));
    let text = String::from_utf8_lossy(&answer).into_owned();
    let Some(answer) = parse(&text) else { panic!("not an answer: {text}\n--- asked ---\n{shown}") };
    Reply::new(shown, answer)
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        headers.append(name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?);
    }
    let json = serde_json::from_str(body).unwrap_or(Value::Null);
    Some(Answer { status, headers, text: body.to_owned(), json })
}
