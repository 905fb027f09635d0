//! Closed loop: the lab's emulated RUs answer what the appliance lets through, in the same virtual time.

use crate::config::Config;
use crate::lab::{Plan, PlanError, RadioUnit};
use crate::ran::{Instant, PortId};
use crate::replay::run::Peer;
use serde_json::{Map, Value};

/// An emulated RU on the wire.
pub(super) struct Radio {
    name: String,
    unit: RadioUnit,
}

impl Radio {
    /// Every RU of `config`, with the timing that fits its cells.
    pub(super) fn all(config: &Config) -> Result<Vec<Self>, PlanError> {
        let plan = Plan::new(config);
        let radio = |(position, ru): (usize, &crate::config::model::Peer)| {
            Ok(Self {
                name: ru.name.clone(),
                unit: RadioUnit::new(config, position, &plan)?,
            })
        };
        config.rus.iter().enumerate().map(radio).collect()
    }

    /// What each RU noticed of the frames that reached it, by name.
    pub(super) fn reports(radios: &[Self]) -> Value {
        let report = |radio: &Self| {
            let report = serde_json::to_value(radio.unit.report()).unwrap_or_default();
            (radio.name.clone(), report)
        };
        Value::Object(radios.iter().map(report).collect::<Map<_, _>>())
    }
}

impl Peer for Radio {
    fn next_at(&self) -> Option<Instant> {
        self.unit.next_at()
    }

    fn pop(&mut self) -> Option<(PortId, Vec<u8>)> {
        let answer = self.unit.pop()?;
        let mut bytes = answer.bytes.to_vec();
        bytes.resize(answer.original_len.max(bytes.len()), 0);
        Some((answer.port, bytes))
    }

    fn receive(&mut self, port: PortId, now: Instant, frame: &[u8]) {
        if port == self.unit.port() {
            self.unit.receive(now, frame, frame.len());
        }
    }
}
