//! When a command applies: `--next`, `--in-slots N`, `--slot N`, `--sfn S.s` or `--at TIME`.

use crate::cli::calendar;
use serde_json::{Value, json};

/// At most one of them; without any, the next slot of which nothing has been sent to the RU yet.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(multiple = false)]
pub(super) struct When {
    /// The first slot of which nothing has been sent to the RU yet (default)
    #[arg(long)]
    next: bool,

    /// So many slots after the slot on air
    #[arg(long, value_name = "N")]
    in_slots: Option<u32>,

    /// A slot count of the cell
    #[arg(long, value_name = "N")]
    slot: Option<u64>,

    /// The next time that this SFN and slot come around; needs GPS time
    #[arg(long, value_name = "SFN.SLOT", value_parser = frame_and_slot)]
    sfn: Option<String>,

    /// The first slot on air at or after TIME: 2026-11-21T12:00:00Z, or +250ms from now
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<u64>,
}

impl When {
    /// As the API reads it.
    pub(super) fn boundary(&self) -> Value {
        match self {
            Self {
                in_slots: Some(n), ..
            } => json!({ "in_slots": n }),
            Self { slot: Some(n), .. } => json!({ "slot": n }),
            Self { sfn: Some(sfn), .. } => json!({ "sfn": sfn }),
            Self { at: Some(at), .. } => json!({ "at_ns": at }),
            _ => json!("next"),
        }
    }
}

fn frame_and_slot(text: &str) -> Result<String, String> {
    let point = text.split_once('.').and_then(|(sfn, slot)| {
        let (sfn, slot): (u16, u16) = (sfn.parse().ok()?, slot.parse().ok()?);
        (sfn < 1024 && slot < 160).then(|| format!("{sfn}.{slot}"))
    });
    point.ok_or_else(|| "SFN.SLOT such as 12.3, SFN up to 1023".to_owned())
}

fn instant(text: &str) -> Result<u64, String> {
    calendar::instant(text, calendar::now()).ok_or_else(|| {
        "a time such as 2026-11-21T12:00:00Z or 2026-11-21T12:00:00.250Z, or +250ms from now"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_boundary_is_told_as_the_api_reads_it() {
        let when = When::default();
        assert_eq!(when.boundary(), json!("next"));
        let in_slots = When {
            in_slots: Some(40),
            ..When::default()
        };
        assert_eq!(in_slots.boundary(), json!({"in_slots": 40}));
        let sfn = When {
            sfn: Some("12.3".into()),
            ..When::default()
        };
        assert_eq!(sfn.boundary(), json!({"sfn": "12.3"}));
        let at = When {
            at: Some(7),
            ..When::default()
        };
        assert_eq!(at.boundary(), json!({"at_ns": 7}));
    }

    #[test]
    fn an_sfn_has_a_frame_and_a_slot() {
        assert_eq!(frame_and_slot("1023.19"), Ok("1023.19".into()));
        assert!(frame_and_slot("1024.0").is_err() && frame_and_slot("12").is_err());
    }
}
