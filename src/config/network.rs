//! A network of addresses.

use std::net::IpAddr;

/// An address, or all that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether this address is in it. An address of IPv4 that is written as one of IPv6 is the same address.
    pub fn contains(&self, of: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u8| {
            let off = u32::from(width.saturating_sub(self.bits));
            a.checked_shr(off) == b.checked_shr(off)
        };
        match (self.address, of.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128),
            _ => false,
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whole = if self.address.is_ipv4() { 32 } else { 128 };
        if self.bits == whole { write!(f, "{}", self.address) } else { write!(f, "{}/{}", self.address, self.bits) }
    }
}

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| "is no address".to_owned())?;
        let address = address.to_canonical();
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => whole,
            Some(bits) => bits.trim().parse().ok().filter(|n| *n <= whole).ok_or("has no such number of bits")?,
        };
        Ok(Self { address, bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_what_begins_with_its_bits() {
        for (network, inside, outside) in [
            ("127.0.0.0/8", "127.9.9.9", "128.0.0.1"),
            ("10.0.0.7", "10.0.0.7", "10.0.0.8"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("::1", "::1", "127.0.0.1"),
            ("2001:db8::/32", "2001:db8:9::1", "2001:db9::1"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
        ] {
            let network: Network = network.parse().expect("a network");
            let is_in = |ip: &str| network.contains(ip.parse().expect("an address"));
            assert!(is_in(inside) && !is_in(outside), "{network}");
            assert_eq!(network.to_string().parse(), Ok(network));
        }
        for bad in ["", "localhost", "10.0.0.0/33", "10.0.0.0/x", "10.0.0", "/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad:?}");
        }
    }
}
