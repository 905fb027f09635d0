//! The FAPI plane in the words of the file.

use super::{Object, duration};
use crate::config::Config;
use crate::config::model::{Fapi, FapiPeer};

/// What an L2 or a PHY says beside its endpoint.
pub(super) fn peer(object: Object, fapi: &FapiPeer) -> Object {
    object
        .with("dialect", format!("{:?}", fapi.dialect))
        .with("bodies", format!("{:?}", fapi.bodies))
        .with("phy_id", fapi.phy_id.to_string())
        .with("segment", fapi.segment.to_string())
        .with("check", fapi.check.to_string())
        .with("limits", if fapi.oai_limits { "oai" } else { "none" })
}

/// What a cell says of the plane between L2 and PHYs.
pub(super) fn plane(config: &Config, fapi: &Fapi, object: Object) -> Object {
    let l2 = config.l2s.get(fapi.l2);
    let object = object
        .with("fapi.l2", l2.map_or("", |l2| &l2.peer.name))
        .with("fapi.slots_ahead", fapi.slots_ahead.to_string())
        .with("fapi.pipeline", fapi.pipeline.to_string())
        .with("fapi.null_deadline", duration(fapi.null_deadline))
        .with("fapi.active_nulls", fapi.active_nulls.to_string())
        .with("fapi.grace", duration(fapi.grace))
        .with("fapi.confirm", fapi.confirm.to_string())
        .with("fapi.make_up", fapi.make_up.to_string())
        .with("fapi.fail_crc", fapi.fail_crc.to_string())
        .with("fapi.answer", format!("{:?}", fapi.answer).to_lowercase());
    let Some(p5) = fapi.p5 else {
        return object.with("fapi.p5", "none");
    };
    object
        .with("fapi.p5.transport", if p5.sctp { "sctp" } else { "tcp" })
        .with("fapi.p5.l2", p5.l2.to_string())
        .with("fapi.p5.listen", p5.listen.to_string())
}
