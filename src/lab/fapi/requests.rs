//! The requests that a slot's work makes, in the order in which OAI's VNF sends them.

use super::contents::Contents;
use super::log::Kind;
use super::traffic::Work;
use crate::ran::SlotPoint;

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Made {
    pub(super) kind: Kind,
    /// False for a DL_TTI or UL_TTI that is sent all the same.
    pub(super) has_work: bool,
    pub(super) body: Vec<u8>,
}

/// Those of `work`; with `always`, a DL_TTI and an UL_TTI in any case.
pub(super) fn requests(
    contents: &Contents,
    point: SlotPoint,
    work: &Work,
    always: bool,
) -> Vec<Made> {
    let idle = Work::default();
    let mut requests = Vec::new();
    let mut add = |kind, has_work, body: &dyn Fn() -> Vec<u8>| {
        if has_work || always && matches!(kind, Kind::DlTti | Kind::UlTti) {
            let body = body();
            requests.push(Made {
                kind,
                has_work,
                body,
            });
        }
    };
    add(Kind::DlTti, work.downlink != idle.downlink, &|| {
        contents.dl_tti(point, work.downlink)
    });
    add(Kind::UlTti, work.uplink != idle.uplink, &|| {
        contents.ul_tti(point, &work.uplink)
    });
    add(Kind::UlDci, work.grants, &|| contents.ul_dci(point, true));
    add(Kind::TxData, !work.payloads.is_empty(), &|| {
        contents.tx_data(point, &work.payloads)
    });
    requests
}
