//! The midhaul: CUs, and the F1-C of DUs.

use super::peers::{PORT_KEY, UDP_PORT, address};
use super::rules::refuse;
use super::{Draft, Item, Names};
use crate::config::keys::{Accepts, Key, Table};
use crate::config::model::{Cu, Du, F1};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;
use std::net::IpAddr;

/// Addresses of one end that are written.
const MOST_ADDRESSES: usize = 4;

pub(super) fn cu(
    name: &str,
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Cu> {
    let section = Section::open(field, CU.keys, diagnosis)?;
    let port = section.read("port", diagnosis, |field, d| names.port(field, d));
    let addresses = section.read("addresses", diagnosis, addresses);
    let sctp_port = section.read("sctp_port", diagnosis, Field::integer);
    let udp = section.read("encapsulation", diagnosis, encapsulation);
    Some(Cu {
        name: name.to_owned(),
        port: port?,
        addresses: addresses?,
        sctp_port: sctp_port?,
        udp: udp?,
    })
}

pub(super) fn f1(field: &Field<'_>, names: &Names<'_>, diagnosis: &mut Diagnosis) -> Option<F1> {
    let section = Section::open(field, F1_TABLE.keys, diagnosis)?;
    let port = section.read("port", diagnosis, |field, d| names.port(field, d));
    let cu = section.read("cu", diagnosis, |f, d| f.reference("CU", &names.cus, d));
    let addresses = section.read("addresses", diagnosis, addresses);
    let sctp_port = section.optional("sctp_port", diagnosis, Field::integer);
    let on_failure = section.read("on_failure", diagnosis, Field::word);
    let lost_with = section.read("lost_with", diagnosis, Field::word);
    Some(F1 {
        cu: cu?,
        port: port?,
        addresses: addresses?,
        sctp_port: sctp_port?,
        aborts: on_failure? == "abort",
        any_cell: lost_with? == "any",
    })
}

fn addresses(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Vec<IpAddr>> {
    let addresses = field.list(diagnosis, address)?;
    if addresses.is_empty() || addresses.len() > MOST_ADDRESSES {
        let problem = field.problem(format!("has {} addresses", addresses.len()));
        diagnosis.refuse(problem.accepted("1 to 4 addresses"));
        return None;
    }
    Some(addresses)
}

fn encapsulation(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Option<u16>> {
    if field.is_none() {
        return Some(None);
    }
    let section = Section::open(field, ENCAPSULATION.keys, diagnosis)?;
    section.read("udp", diagnosis, Field::integer).map(Some)
}

/// Rules between DUs and CUs.
pub(super) fn across(draft: &Draft<'_>, diagnosis: &mut Diagnosis) {
    for (index, item) in draft.dus.iter().enumerate() {
        let Some(f1) = f1_of(item) else { continue };
        let cu = draft.cus.get(f1.cu).and_then(|cu| cu.value.as_ref());
        if let Some(cu) = cu {
            between(item, f1, cu, diagnosis);
        }
        for other in draft.dus.iter().take(index) {
            if let Some(theirs) = f1_of(other) {
                apart((item, f1), (other.name, theirs), diagnosis);
            }
        }
    }
}

fn f1_of<'d>(item: &'d Item<'_, Du>) -> Option<&'d F1> {
    item.value.as_ref()?.f1.as_ref()
}

/// Packets between both must cross the appliance, and exist.
fn between(item: &Item<'_, Du>, f1: &F1, cu: &Cu, diagnosis: &mut Diagnosis) {
    if f1.port == cu.port {
        let what = format!(
            "is that of {}, too: nothing between them passes here",
            cu.name
        );
        let field = item.field.below(&["f1", "port"]);
        refuse(&field, what, "another port than the CU's", diagnosis);
    }
    let field = item.field.below(&["f1", "addresses"]);
    if let Some(address) = f1.addresses.iter().find(|one| cu.addresses.contains(one)) {
        let what = format!("{address} is an address of {}, too", cu.name);
        refuse(&field, what, "addresses of the DU", diagnosis);
    }
    let reaches = |one: &IpAddr| cu.addresses.iter().any(|cu| cu.is_ipv4() == one.is_ipv4());
    if !f1.addresses.iter().any(reaches) {
        let what = format!("are of another family than those of {}", cu.name);
        refuse(&field, what, "an address of the CU's family", diagnosis);
    }
}

/// A packet must tell its DU: by address, or behind one address by port.
fn apart((item, f1): (&Item<'_, Du>, &F1), (name, other): (&str, &F1), diagnosis: &mut Diagnosis) {
    let shared = f1.addresses.iter().any(|one| other.addresses.contains(one));
    if f1.cu != other.cu || !shared {
        return;
    }
    let told = f1.sctp_port.is_some()
        && other.sctp_port.is_some()
        && f1.sctp_port != other.sctp_port
        && f1.addresses == other.addresses
        && f1.port == other.port;
    if !told {
        let what = format!("are those of {name}, too, and nothing tells the two apart");
        let accepted =
            "other addresses, or the same list behind the same port and an sctp_port for each";
        let field = item.field.below(&["f1", "addresses"]);
        refuse(&field, what, accepted, diagnosis);
    }
}

const ADDRESSES: Accepts = Accepts::Form("list of 1 to 4 IPv4 or IPv6 addresses");

pub(in crate::config) const CU: Table = Table {
    path: "cus.NAME",
    about: "One CU, as DUs reach it over F1-C; see [the midhaul](midhaul.md). What passes is not changed.",
    keys: &[
        PORT_KEY,
        Key::required(
            "addresses",
            ADDRESSES,
            "",
            "Its IP addresses: all, if it is multi-homed.",
        ),
        Key::default(
            "sctp_port",
            UDP_PORT,
            "",
            "38472",
            "The SCTP port on which it listens. Associations with another are none of F1-C.",
        ),
        Key::default(
            "encapsulation",
            Accepts::Form("none, or {udp: PORT}"),
            "",
            "none",
            "`none`: SCTP over IP. `udp`: over UDP as in RFC 6951.",
        ),
    ],
};

pub(in crate::config) const ENCAPSULATION: Table = Table {
    path: "cus.NAME.encapsulation",
    about: "SCTP over UDP.",
    keys: &[Key::required(
        "udp",
        UDP_PORT,
        "",
        "The UDP port of either end; 9899 by RFC 6951.",
    )],
};

pub(in crate::config) const F1_TABLE: Table = Table {
    path: "dus.NAME.f1",
    about: "The F1-C of a DU: its associations with one CU.",
    keys: &[
        PORT_KEY,
        Key::required("cu", Accepts::Form("name of a CU"), "", "Its CU."),
        Key::required(
            "addresses",
            ADDRESSES,
            "",
            "Its IP addresses on the midhaul: all, if it is multi-homed.",
        ),
        Key::absent(
            "sctp_port",
            UDP_PORT,
            "",
            "any",
            "The SCTP port that it sends from, where several DUs share an address.",
        ),
        Key::default(
            "on_failure",
            Accepts::Words(&["abort", "notify"]),
            "",
            "abort",
            "When the DU is lost: `abort` ends its associations towards the CU and fences them until it is \
             readmitted; `notify` only says so.",
        ),
        Key::default(
            "lost_with",
            Accepts::Words(&["all", "any"]),
            "",
            "all",
            "The DU is lost when a failover has taken `all` of the cells from it that it spoke for, or `any`.",
        ),
    ],
};
