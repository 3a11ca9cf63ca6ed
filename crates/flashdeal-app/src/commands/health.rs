//! `flashdeal health`: asks a server whether it is ready; for health checks of containers and units.

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

/// Ask a server whether it is ready: exit status 0 if so, 1 if not.
///
/// Ready means that the server answers, that both stores can be asked, and that it is not on its way out.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The server to ask, over http. A path may be given; it is /health/ready otherwise.
    #[arg(long, env = "FLASHDEAL_HEALTH_URL", value_name = "URL")]
    url: Option<String>,

    /// Without a URL: where the server of this machine listens. A port on all addresses is asked on loopback.
    #[arg(long, env = "FLASHDEAL_BIND", value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    bind: String,

    /// How many seconds to wait for the connection, and then for the answer: 1 to 60.
    #[arg(long, env = "FLASHDEAL_HEALTH_TIMEOUT", value_name = "SECONDS", default_value = "3",
          value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal health
  flashdeal health --url http://10.0.0.7:8080
  flashdeal health --url http://127.0.0.1:8080/health/live --timeout 1
  HEALTHCHECK CMD [\"flashdeal\", \"health\"]      in a Dockerfile; FLASHDEAL_BIND says where";

/// The longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 16 * 1024;

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let target = match arguments.url.as_deref().map(str::trim).filter(|url| !url.is_empty()) {
        Some(url) => Target::of_url(url)?,
        None => Target::of_bind(&arguments.bind)?,
    };
    let (status, body) = ask(&target, Duration::from_secs(arguments.timeout))
        .with_context(|| format!("no answer from {target}: is the server up, and is this its address?"))?;
    println!("{status} {}", body.trim());
    Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What to ask, and where.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    /// Host and port, as a connection and the `Host` header want them.
    authority: String,
    path: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

impl Target {
    fn of_url(url: &str) -> anyhow::Result<Self> {
        let Some(rest) = url.strip_prefix("http://") else {
            bail!(
                "--url / FLASHDEAL_HEALTH_URL must begin with http://: the check speaks to the server itself, not TLS"
            );
        };
        let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if host.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            bail!("--url / FLASHDEAL_HEALTH_URL is {url:?}: it must be like http://127.0.0.1:8080");
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { host.to_owned() } else { format!("{host}:80") };
        let path = if matches!(path, "" | "/") { "/health/ready" } else { path };
        Ok(Self { authority, path: path.to_owned() })
    }

    fn of_bind(bind: &str) -> anyhow::Result<Self> {
        let bind = bind.trim().replace("localhost:", "127.0.0.1:");
        let Ok(mut address) = bind.parse::<SocketAddr>() else {
            bail!("--bind / FLASHDEAL_BIND is {bind:?}: it must be an address and a port, such as 127.0.0.1:8080");
        };
        if address.port() == 0 {
            bail!("--bind / FLASHDEAL_BIND has port 0, which is another port at each start: pass --url");
        }
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                std::net::Ipv4Addr::LOCALHOST.into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        Ok(Self { authority: address.to_string(), path: "/health/ready".to_owned() })
    }
}

/// One request over a connection of its own: status and body.
fn ask(target: &Target, timeout: Duration) -> anyhow::Result<(u16, String)> {
    let mut connection = connect(&target.authority, timeout)?;
    connection.set_read_timeout(Some(timeout))?;
    connection.set_write_timeout(Some(timeout))?;
    let Target { authority, path } = target;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\naccept: */*\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    connection.take(MAX_ANSWER).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("what answers there does not speak HTTP")?;
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).and_then(|s| s.parse().ok());
    Ok((status.context("what answers there does not speak HTTP")?, body.to_owned()))
}

fn connect(authority: &str, timeout: Duration) -> anyhow::Result<TcpStream> {
    let mut last = anyhow::anyhow!("{authority} has no address");
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn urls_are_read_as_people_write_them() {
        let target = |authority: &str, path: &str| Target { authority: authority.to_owned(), path: path.to_owned() };
        assert_eq!(Target::of_url("http://shop:8080").unwrap(), target("shop:8080", "/health/ready"));
        assert_eq!(Target::of_url("http://shop/").unwrap(), target("shop:80", "/health/ready"));
        assert_eq!(Target::of_url("http://[::1]:9/health/live").unwrap(), target("[::1]:9", "/health/live"));
        assert_eq!(Target::of_url("http://[::1]").unwrap(), target("[::1]:80", "/health/ready"));
        for bad in ["https://shop", "shop:8080", "http://", "http://a b", "http:///x\r\nx: y"] {
            assert!(Target::of_url(bad).is_err(), "{bad}");
        }
        assert_eq!(Target::of_bind("0.0.0.0:8080").unwrap(), target("127.0.0.1:8080", "/health/ready"));
        assert_eq!(Target::of_bind("[::]:8080").unwrap(), target("[::1]:8080", "/health/ready"));
        assert_eq!(Target::of_bind("localhost:81").unwrap(), target("127.0.0.1:81", "/health/ready"));
        assert!(Target::of_bind("127.0.0.1:0").is_err() && Target::of_bind("8080").is_err());
    }

    fn answered(answer: &'static str) -> anyhow::Result<(u16, String)> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = peer.read(&mut request).unwrap();
            peer.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let told = ask(&Target { authority, path: "/health/ready".to_owned() }, Duration::from_secs(5));
        assert!(server.join().unwrap().starts_with("GET /health/ready HTTP/1.1\r\n"));
        told
    }

    #[test]
    fn the_status_decides() {
        assert_eq!(answered("HTTP/1.1 200 OK\r\n\r\nfine").unwrap(), (200, "fine".to_owned()));
        assert_eq!(answered("HTTP/1.1 503 Service Unavailable\r\n\r\n").unwrap().0, 503);
        assert!(answered("SSH-2.0-OpenSSH\r\n").is_err());
    }

    #[test]
    fn nobody_there_is_an_error_in_time() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let target = Target { authority: free.to_string(), path: "/".to_owned() };
        assert!(ask(&target, Duration::from_secs(1)).is_err());
    }
}
