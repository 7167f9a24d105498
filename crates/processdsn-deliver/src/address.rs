//! Which IP addresses a hook may have. A name's address is checked at the time of connecting, so that no foreign name can reach what only
//! this network may reach (server-side request forgery).
#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Outside the public network (IANA IPv4 Special-Purpose Address Registry, RFC 6890; multicast, RFC 5771).
const IPV4: &[([u8; 4], u32, &str)] = &[
    ([0, 0, 0, 0], 8, "an address of this host"),
    ([10, 0, 0, 0], 8, "a private address"),
    ([100, 64, 0, 0], 10, "an address of a provider's own network"),
    ([127, 0, 0, 0], 8, "a loopback address"),
    ([169, 254, 0, 0], 16, "a link-local address"),
    ([172, 16, 0, 0], 12, "a private address"),
    ([192, 0, 0, 0], 24, "an address for protocols"),
    ([192, 0, 2, 0], 24, "an address for documents"),
    ([192, 88, 99, 0], 24, "an address of a relay"),
    ([192, 168, 0, 0], 16, "a private address"),
    ([198, 18, 0, 0], 15, "an address for measurements"),
    ([198, 51, 100, 0], 24, "an address for documents"),
    ([203, 0, 113, 0], 24, "an address for documents"),
    ([224, 0, 0, 0], 4, "a multicast address"),
    ([240, 0, 0, 0], 4, "a reserved address"),
];

/// The parts of 2000::/3 that are not public (IANA IPv6 Special-Purpose Address Registry); nothing outside 2000::/3 is (RFC 4291 2.4).
const IPV6: &[([u16; 8], u32, &str)] = &[
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "an address for protocols"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "an address for documents"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "an address of a relay"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "an address for documents"),
];

/// Why an address is not public; `None` if it is.
pub fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let same = |net: &[u8; 4], bits: u32| (u32::from_be_bytes(*net) ^ address.to_bits()) >> (32 - bits) == 0;
    IPV4.iter().find(|(net, bits, _)| same(net, *bits)).map(|(.., what)| *what)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_loopback() || address.is_unspecified() {
        return Some("a loopback address");
    }
    // ::ffff:0:0/96 (RFC 4291 2.5.5.2) and 64:ff9b::/96 (RFC 6052) lead to the IPv4 address inside.
    if let [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() {
        return special_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    }
    if address.segments()[0] >> 13 != 1 {
        return Some("a private, link-local, multicast or reserved address");
    }
    let same = |net: &[u16; 8], bits: u32| {
        let net = Ipv6Addr::from(*net);
        (net.to_bits() ^ address.to_bits()) >> (128 - bits) == 0
    };
    IPV6.iter().find(|(net, bits, _)| same(net, *bits)).map(|(.., what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_network_are_public() {
        for public in [
            "8.8.8.8",
            "100.63.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2606:4700::1",
            "2a00::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert_eq!(special(public.parse().unwrap()), None, "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "::127.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "64:ff9b:1::1",
            "4000::1",
        ] {
            assert!(special(private.parse().unwrap()).is_some(), "{private}");
        }
    }
}
