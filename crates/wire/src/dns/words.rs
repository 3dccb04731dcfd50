//! What the numbers of DNS are called (IANA, "Domain Name System (DNS) Parameters").

use std::borrow::Cow;

pub(super) const OPT: u16 = 41;
pub(super) const SOA: u16 = 6;
pub(super) const IXFR: u16 = 251;
pub(super) const AXFR: u16 = 252;

/// A record's type, or what is asked for.
pub(super) fn kind(number: u16) -> Cow<'static, str> {
    let name = match number {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        SOA => "SOA",
        12 => "PTR",
        13 => "HINFO",
        15 => "MX",
        16 => "TXT",
        17 => "RP",
        18 => "AFSDB",
        24 => "SIG",
        25 => "KEY",
        28 => "AAAA",
        29 => "LOC",
        33 => "SRV",
        35 => "NAPTR",
        36 => "KX",
        37 => "CERT",
        39 => "DNAME",
        OPT => "OPT",
        43 => "DS",
        44 => "SSHFP",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        50 => "NSEC3",
        51 => "NSEC3PARAM",
        52 => "TLSA",
        53 => "SMIMEA",
        59 => "CDS",
        60 => "CDNSKEY",
        61 => "OPENPGPKEY",
        63 => "ZONEMD",
        64 => "SVCB",
        65 => "HTTPS",
        99 => "SPF",
        249 => "TKEY",
        250 => "TSIG",
        IXFR => "IXFR",
        AXFR => "AXFR",
        255 => "ANY",
        256 => "URI",
        257 => "CAA",
        _ => return format!("TYPE{number}").into(),
    };
    name.into()
}

pub(super) fn class(number: u16) -> Cow<'static, str> {
    match number {
        1 => "IN".into(),
        3 => "CH".into(),
        4 => "HS".into(),
        254 => "NONE".into(),
        255 => "ANY".into(),
        _ => format!("CLASS{number}").into(),
    }
}

/// What a message is about; queries are named by what they ask for instead.
pub(super) fn opcode(number: u8) -> Cow<'static, str> {
    match number {
        0 => "QUERY".into(),
        4 => "NOTIFY".into(),
        5 => "UPDATE".into(),
        _ => format!("OPCODE{number}").into(),
    }
}

/// A response code's name, and what it says where it says that something failed.
///
/// That a name does not exist is an answer: a resolver that tries a search list gets it several times for each name
/// of the outside world. The conditions of an update (RFC 2136) are answers likewise.
pub(super) fn rcode(number: u16) -> (Cow<'static, str>, Option<&'static str>) {
    let (name, failure) = match number {
        0 => ("NOERROR", None),
        1 => ("FORMERR", Some("format error")),
        2 => ("SERVFAIL", Some("server failure")),
        3 => ("NXDOMAIN", None),
        4 => ("NOTIMP", Some("not implemented")),
        5 => ("REFUSED", Some("query refused")),
        6 => ("YXDOMAIN", None),
        7 => ("YXRRSET", None),
        8 => ("NXRRSET", None),
        9 => ("NOTAUTH", Some("not authoritative or not authorized")),
        10 => ("NOTZONE", Some("name not in zone")),
        11 => ("DSOTYPENI", Some("DSO type not implemented")),
        16 => ("BADVERS", Some("bad EDNS version or TSIG signature")),
        17 => ("BADKEY", Some("key not recognized")),
        18 => ("BADTIME", Some("signature out of time window")),
        19 => ("BADMODE", Some("bad TKEY mode")),
        20 => ("BADNAME", Some("duplicate key name")),
        21 => ("BADALG", Some("algorithm not supported")),
        22 => ("BADTRUNC", Some("bad truncation")),
        23 => ("BADCOOKIE", Some("bad or missing server cookie")),
        _ => return (format!("RCODE{number}").into(), Some("")),
    };
    (name.into(), failure)
}

/// Why, in more detail (RFC 8914).
pub(super) fn extended_error(number: u16) -> Cow<'static, str> {
    const NAMES: [&str; 25] = [
        "Other",
        "Unsupported DNSKEY Algorithm",
        "Unsupported DS Digest Type",
        "Stale Answer",
        "Forged Answer",
        "DNSSEC Indeterminate",
        "DNSSEC Bogus",
        "Signature Expired",
        "Signature Not Yet Valid",
        "DNSKEY Missing",
        "RRSIGs Missing",
        "No Zone Key Bit Set",
        "NSEC Missing",
        "Cached Error",
        "Not Ready",
        "Blocked",
        "Censored",
        "Filtered",
        "Prohibited",
        "Stale NXDOMAIN Answer",
        "Not Authoritative",
        "Not Supported",
        "No Reachable Authority",
        "Network Error",
        "Invalid Data",
    ];
    match NAMES.get(usize::from(number)) {
        Some(name) => (*name).into(),
        None => format!("extended error {number}").into(),
    }
}
