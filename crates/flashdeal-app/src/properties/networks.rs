//! Proxies' networks, and the addresses that they and others write into `X-Forwarded-For`.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::TestRequest;

use crate::settings::{TrustedProxies, parse_proxies};

use super::{lines, text};

/// Nets are taken as they are written again. A client is the peer, or an address that stands in the header; nothing that stands
/// to the left of what a proxy of ours wrote changes who it is.
pub(super) fn networks(data: &[u8]) {
    let ([nets], forwarded) = lines(data);
    let nets = text(nets);
    if let Ok(proxies) = parse_proxies(nets) {
        let shown = proxies.to_string();
        assert_eq!(parse_proxies(&shown), Ok(proxies), "{nets:?} is {shown}");
    }
    let Ok(ours) = parse_proxies("10.0.0.0/8,2001:db8:1::/48") else { return };
    let headers: Vec<HeaderValue> =
        forwarded.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let lines: Vec<&[u8]> = headers.iter().map(HeaderValue::as_bytes).collect();

    let stranger = address([203, 0, 113, 7]);
    assert_eq!(client(&ours, stranger, &lines, None), stranger, "a stranger is believed");
    let proxy = address([10, 0, 0, 1]);
    let found = client(&ours, proxy, &lines, None);
    if found != proxy {
        let text = lines.iter().map(|line| String::from_utf8_lossy(line)).collect::<Vec<_>>().join(",");
        assert!(text.split(',').any(|entry| names(entry.trim(), found)), "{found} is not in {text:?}");
    }
    for told in ["203.0.113.9", "203.0.113.9:80", "203.0.113.9, 10.0.0.3", "203.0.113.9,10.1.1.1:5,2001:db8:1::7"] {
        assert_eq!(client(&ours, proxy, &lines, Some(told)), address([203, 0, 113, 9]), "{told} after {lines:?}");
    }
}

fn address(octets: [u8; 4]) -> IpAddr {
    octets.into()
}

/// Who a request from `peer` with these lines is of; `told` is what a proxy of ours added at the right.
fn client(ours: &TrustedProxies, peer: IpAddr, lines: &[&[u8]], told: Option<&str>) -> IpAddr {
    let mut request = TestRequest::default().peer_addr(SocketAddr::new(peer, 1));
    let mut lines: Vec<Vec<u8>> = lines.iter().map(|line| line.to_vec()).collect();
    match (told, lines.last_mut()) {
        (Some(told), Some(last)) => last.extend_from_slice(format!(", {told}").as_bytes()),
        (Some(told), None) => lines.push(told.as_bytes().to_vec()),
        (None, _) => {}
    }
    let name = HeaderName::from_static("x-forwarded-for");
    for line in lines {
        let Ok(line) = HeaderValue::from_bytes(&line) else { continue };
        request = request.append_header((name.clone(), line));
    }
    ours.client_of(&request.to_srv_request())
}

/// Whether an entry names this client: with a port or without, an IPv6 one by its first half.
fn names(entry: &str, client: IpAddr) -> bool {
    let bare = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse::<IpAddr>().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|entry| entry.ip()));
    match (address.map(|address| address.to_canonical()), client) {
        (Some(IpAddr::V6(address)), IpAddr::V6(client)) => address.segments().get(..4) == client.segments().get(..4),
        (address, client) => address == Some(client),
    }
}
