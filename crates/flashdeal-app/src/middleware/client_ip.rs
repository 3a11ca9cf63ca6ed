//! Who a client is: an address. A header is believed only when a proxy of ours wrote it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderValue;
use ipnet::IpNet;

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// These networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether nobody is one.
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// The address a request is counted under. Read from the right, the first address that is not one of ours; what stands
    /// left of it was written by the client and says nothing.
    pub(crate) fn client_of(&self, request: &ServiceRequest) -> IpAddr {
        let peer = request.peer_addr().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
        if self.0.is_empty() || !self.contains(peer) {
            return counted(peer);
        }
        let headers = request.headers().get_all("x-forwarded-for");
        let lines: Vec<&[u8]> = headers.map(HeaderValue::as_bytes).collect();
        counted(self.first_of_others(peer, &lines))
    }

    /// An entry that is no address ends the walk: the proxy that passed it on is as far as we can see.
    fn first_of_others(&self, peer: IpAddr, lines: &[&[u8]]) -> IpAddr {
        let mut nearest = peer;
        for entry in lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
            // Bytes that are no text spoil their entry alone, not what a proxy wrote to the right of it.
            let entry = std::str::from_utf8(entry).unwrap_or_default();
            let Some(address) = parse(entry.trim()) else { return nearest };
            nearest = address;
            if !self.contains(address) {
                return address;
            }
        }
        nearest
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// As they stand in the settings: comma-separated.
impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, network) in self.0.iter().enumerate() {
            write!(f, "{}{network}", if nth == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// `203.0.113.7`, `203.0.113.7:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
fn parse(entry: &str) -> Option<IpAddr> {
    let bare = entry.parse::<IpAddr>().ok();
    let with_port = || entry.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    bare.or_else(with_port).or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

/// IPv6 clients own a /64 at the least, so that is what counts as one.
fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn client(proxies: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let proxies = TrustedProxies::new(proxies.iter().map(|net| net.parse().unwrap()).collect());
        let mut request = TestRequest::default().peer_addr(peer.parse().unwrap());
        for line in forwarded {
            request = request.append_header(("x-forwarded-for", *line));
        }
        proxies.client_of(&request.to_srv_request()).to_string()
    }

    #[test]
    fn a_header_from_a_stranger_is_not_believed() {
        assert_eq!(client(&[], "203.0.113.7:1", &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(client(&["10.0.0.0/8"], "203.0.113.7:1", &["198.51.100.1"]), "203.0.113.7");
    }

    #[test]
    fn read_from_the_right_past_our_own() {
        let ours = ["10.0.0.0/8", "2001:db8:1::/48"];
        assert_eq!(client(&ours, "10.0.0.1:1", &["1.1.1.1, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(&ours, "10.0.0.1:1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(client(&ours, "10.0.0.1:1", &["1.1.1.1", "198.51.100.1:99, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(client(&ours, "[2001:db8:1::9]:1", &["[2a02::5]:443"]), "2a02::");
        assert_eq!(client(&ours, "10.0.0.1:1", &[]), "10.0.0.1");
        assert_eq!(client(&ours, "10.0.0.1:1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn what_is_no_address_ends_the_walk() {
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1:1", &["1.1.1.1, unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1:1", &["garbage"]), "10.0.0.1");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1:1", &["1.1\u{e9}1.1, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1:1", &[""]), "10.0.0.1");
    }

    #[test]
    fn ipv6_counts_per_64_and_mapped_ipv4_as_ipv4() {
        assert_eq!(client(&[], "[2001:db8::1:2:3:4]:1", &[]), client(&[], "[2001:db8::ffff]:1", &[]));
        assert_ne!(client(&[], "[2001:db8:0:1::1]:1", &[]), client(&[], "[2001:db8:0:2::1]:1", &[]));
        assert_eq!(client(&[], "[::ffff:203.0.113.7]:1", &[]), "203.0.113.7");
    }
}
