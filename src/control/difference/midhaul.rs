//! CUs, and the F1-C of DUs.

use super::{Object, optional, port_name};
use crate::config::model::{Config, Cu, Du};
use std::net::IpAddr;

pub(super) fn cu(config: &Config, cu: &Cu) -> Object {
    let encapsulation = cu
        .udp
        .map_or("none".to_owned(), |port| format!("udp {port}"));
    Object::new(format!("cus.{}", cu.name))
        .with("port", port_name(config, cu.port))
        .with("addresses", addresses(&cu.addresses))
        .with("sctp_port", cu.sctp_port.to_string())
        .with("encapsulation", encapsulation)
}

pub(super) fn f1(config: &Config, du: &Du) -> Option<Object> {
    let f1 = du.f1.as_ref()?;
    let cu = config.cus.get(f1.cu).map_or("none", |cu| &cu.name);
    let object = Object::new(format!("dus.{}.f1", du.peer.name))
        .with("port", port_name(config, f1.port))
        .with("cu", cu)
        .with("addresses", addresses(&f1.addresses))
        .with("sctp_port", optional(f1.sctp_port))
        .with("on_failure", if f1.aborts { "abort" } else { "notify" })
        .with("lost_with", if f1.any_cell { "any" } else { "all" });
    Some(object)
}

fn addresses(addresses: &[IpAddr]) -> String {
    let each: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
    each.join(", ")
}
