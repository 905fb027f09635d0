//! Who was not let in, for the log: the address, the route and why, once a second at most, so that a
//! stranger cannot fill a disk. What was sent is not written.

use super::access::Client;
use super::problem::Problem;
use axum::extract::{MatchedPath, Request};
use axum::http::StatusCode;
use std::sync::{Mutex, PoisonError};

/// Refusals that were told, and those that were not.
#[derive(Default)]
pub(super) struct Strangers(Mutex<Refusals>);

#[derive(Default)]
struct Refusals {
    told_ns: Option<u64>,
    untold: u64,
}

impl Strangers {
    /// Writes that `request` was refused for its token, role, host or origin, if nobody else's was just now.
    pub(super) fn tell(&self, client: Client, request: &Request, why: &Problem, now_ns: u64) {
        if !matches!(
            why.status(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        ) {
            return;
        }
        let Some(untold) = self.due(now_ns) else {
            return;
        };
        let peer = client
            .address
            .map_or_else(|| "unix".to_owned(), |peer| peer.to_string());
        let route = request.extensions().get::<MatchedPath>();
        let route = route.map_or("other", MatchedPath::as_str);
        let (method, code, why) = (request.method(), why.status().as_u16(), why.word());
        tracing::warn!(
            peer,
            route,
            code,
            why,
            untold,
            "{method} {route} of {peer} refused: {why}"
        );
    }

    /// How many were not told since the last one, if this one is to be.
    fn due(&self, now_ns: u64) -> Option<u64> {
        let mut refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |told: u64| now_ns.saturating_sub(told) < PAUSE_NS;
        if refusals.told_ns.is_some_and(recent) {
            refusals.untold += 1;
            return None;
        }
        refusals.told_ns = Some(now_ns);
        Some(std::mem::take(&mut refusals.untold))
    }
}

/// Between two lines.
const PAUSE_NS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refusal_a_second_is_told_with_the_number_of_those_between() {
        let strangers = Strangers::default();
        let told: Vec<_> = (0..=20).map(|n| strangers.due(n * PAUSE_NS / 10)).collect();
        let told: Vec<_> = told.into_iter().flatten().collect();
        assert_eq!(told, [0, 9, 9]);
    }
}
