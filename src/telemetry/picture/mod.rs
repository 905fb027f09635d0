//! The report of a run as one self-contained page: what happened and why, for somebody who was not
//! there. No request leaves the page; it prints, and it follows the reader's light or dark.
//!
//! Size is bounded: long runs are drawn in buckets, and close views stop when the page is full.

mod html;
mod lanes;
mod phys;
mod tables;
mod timeline;
mod zoom;

use super::story::{SilenceEnd, Story};
use super::summary::{Sentence, Tone, headline, sentences};
use super::words::{Words, counted};
use crate::dataplane::run_record::RunRecord;
use crate::ran::CellId;
use html::escape;
use lanes::Stretch;
use serde_json::Value;
use zoom::View;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Cells that are drawn; the others are told and counted.
const MOST_CELLS: usize = 24;
/// Buckets of all lanes together, and of one lane.
const MOST_STEPS: u64 = 60_000;
const MOST_STEPS_OF_LANE: u64 = 1_200;
/// Bytes of close views, and how many silences are looked at closely.
const MOST_CLOSE_BYTES: usize = 1_500_000;
const MOST_SILENCES: usize = 3;
/// Sentences of the story.
const MOST_SENTENCES: usize = 200;

/// Draws `record`. `facts` are the keys of the JSON report that the record does not hold: `config`,
/// `scenario`, `description`, `outcome`, `incomplete`, `expectations`, `restored_frames`; each may be absent.
pub fn render(record: &RunRecord, facts: &Value) -> String {
    let story = Story::of(record);
    let words = Words { record };
    let cells = drawn(record, &story);
    let mut page = head(facts);
    page.push_str(&format!(
        "<p class=\"headline\">{}</p>\n",
        escape(&headline(record, &story))
    ));
    page.push_str(&tables::unmet(facts));
    page.push_str(&told(&sentences(record, &story)));
    page.push_str(&overview(record, &story, &cells));
    page.push_str(&close_views(record, &story, &cells));
    let sections = [
        ("Times of each change", tables::changes(words, &story)),
        (
            "Liveness of the members",
            tables::liveness(record, &story, &cells),
        ),
        ("PHYs", phys::phys(record, &cells)),
        ("Frames that ended here, by reason", tables::drops(record)),
        ("Expectations of the scenario", tables::expectations(facts)),
        ("Ledger", tables::ledger(&record.counters.ledger)),
        ("Peers and ports", tables::peers(record)),
        ("Cells", tables::cells(record)),
    ];
    for (title, body) in sections {
        if !body.is_empty() {
            page.push_str(&format!("<h2>{title}</h2>\n{body}"));
        }
    }
    page.push_str(&format!(
        "<details><summary>All events</summary>{}</details>\n",
        tables::events(record)
    ));
    page.push_str(&foot(facts));
    page
}

fn head(facts: &Value) -> String {
    let text = |key: &str| facts.get(key).and_then(Value::as_str).unwrap_or("");
    let outcome = text("outcome");
    let badge = match outcome {
        "" => String::new(),
        "passed" => "<span class=\"badge good\">\u{2713} passed</span>".to_owned(),
        other => format!(
            "<span class=\"badge bad\">\u{2717} {}</span>",
            escape(other)
        ),
    };
    let paragraph = |class: &str, text: &str| match text {
        "" => String::new(),
        text => format!("<p class=\"{class}\">{}</p>\n", escape(text)),
    };
    let cut_short = match text("incomplete") {
        "" => String::new(),
        why => paragraph("bad", &format!("The run was cut short: {why}")),
    };
    let about = paragraph("about", text("description"));
    let files = match (text("config"), text("scenario")) {
        ("", _) => String::new(),
        (config, "") => paragraph("files", &format!("configuration {config}")),
        (config, scenario) => paragraph(
            "files",
            &format!("configuration {config} \u{b7} scenario {scenario}"),
        ),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\">\
<title>ranshift run report</title>\n<style>\n{STYLE}</style></head><body>\n\
{}<header><p class=\"product\">ranshift run report {badge}</p>{files}{about}{cut_short}</header>\n",
        hatches(),
    )
}

/// A hatching in each member's colour, for what was dropped.
fn hatches() -> String {
    let patterns = (0..8).map(|n| {
        format!(
            "<pattern id=\"h{n}\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect class=\"m{n}\" width=\"1.4\" height=\"4\"/></pattern>"
        )
    });
    let patterns: String = patterns.collect();
    format!(
        "<svg width=\"0\" height=\"0\" style=\"position:absolute\"><defs>{patterns}</defs></svg>\n"
    )
}

fn foot(facts: &Value) -> String {
    let restored = facts.get("restored_frames").and_then(Value::as_u64);
    let note = match restored {
        Some(frames) if frames > 0 => format!(
            "<p>{} cut by the capture's snap length; restored to the length on the wire with zero payload.</p>",
            escape(&counted(frames, "frame was").replace("frame wass", "frames were"))
        ),
        _ => String::new(),
    };
    format!("<footer>{note}</footer>\n<script>\n{SCRIPT}</script>\n</body></html>\n")
}

/// Cells with something to see first, then the others, as many as are drawn.
fn drawn(record: &RunRecord, story: &Story) -> Vec<CellId> {
    let mut cells: Vec<_> = (0..record.cells.len()).map(|i| CellId(i as u16)).collect();
    cells.sort_by_key(|cell| {
        let moved = story.moves().any(|change| change.cell == *cell);
        let silent = story.silences.iter().any(|silence| silence.cell == *cell);
        (!moved, !silent, *cell)
    });
    cells.truncate(MOST_CELLS);
    cells
}

fn told(sentences: &[Sentence]) -> String {
    let mut list = String::from("<ol class=\"story\">\n");
    for sentence in sentences.iter().take(MOST_SENTENCES) {
        let class = match sentence.tone {
            Tone::Plain => "plain",
            Tone::Planned => "planned",
            Tone::Failed => "failed",
        };
        let mark = match sentence.change {
            Some(number) => {
                format!("<a class=\"mark {class}\" href=\"#change-{number}\">{number}</a>")
            }
            None => format!("<span class=\"dot {class}\"></span>"),
        };
        list.push_str(&format!(
            "<li>{mark}<span>{}</span></li>\n",
            escape(&sentence.text)
        ));
    }
    list.push_str("</ol>\n");
    let rest = sentences.len().saturating_sub(MOST_SENTENCES);
    if rest > 0 {
        list.push_str(&format!("<p>{rest} more in report.json.</p>\n"));
    }
    list
}

fn overview(record: &RunRecord, story: &Story, cells: &[CellId]) -> String {
    let words = Words { record };
    let stretches: Vec<_> = cells
        .iter()
        .filter_map(|cell| Some((*cell, Stretch::whole(record, words.timeline(*cell)?)?)))
        .collect();
    let lanes: usize = stretches
        .iter()
        .map(|(_, stretch)| stretch.lanes().len())
        .sum();
    let steps = (MOST_STEPS / lanes.max(1) as u64).clamp(100, MOST_STEPS_OF_LANE);
    let legend = legend(words, cells, LEGEND_START, FAPI_LEGEND);
    let mut page = format!("<h2>Who spoke when</h2>\n{legend}{LEGEND_END}");
    for (cell, stretch) in &stretches {
        page.push_str(&format!("<h3>{}</h3>\n", escape(&words.cell(*cell))));
        page.push_str(&timeline::draw(record, story, *cell, stretch, steps));
    }
    let hidden = record.cells.len() - stretches.len();
    if hidden > 0 {
        page.push_str(&format!(
            "<p>{} not drawn.</p>\n",
            counted(hidden as u64, "cell")
        ));
    }
    page
}

/// A legend, with what only FAPI planes have if `cells` have one, and without what only RUs have if none has.
fn legend(words: Words<'_>, cells: &[CellId], fronthaul: &str, fapi: &str) -> String {
    let has_fronthaul = cells.iter().any(|cell| words.has_fronthaul(*cell));
    let has_fapi = cells.iter().any(|cell| words.l2(*cell).is_some());
    let part = |is_shown: bool, part| if is_shown { part } else { "" };
    let parts = [part(has_fronthaul, fronthaul), part(has_fapi, fapi)];
    format!("<p class=\"legend\">{}", parts.concat())
}

const FAPI_LEGEND: &str = "<svg width=\"22\" height=\"10\"><rect class=\"m0\" width=\"22\" height=\"8\"/></svg> given to the PHY as it was, or passed to the L2 \
<svg width=\"22\" height=\"10\"><rect class=\"m0 null\" y=\"3\" width=\"22\" height=\"2\"/></svg> NULL requests \
<svg width=\"22\" height=\"10\"><rect class=\"made-up\" width=\"22\" height=\"8\"/></svg> made up \n";

const LEGEND_START: &str = "<svg width=\"22\" height=\"10\"><rect class=\"m0\" width=\"22\" height=\"8\"/></svg> sent to the RU (or, from the RU, taken in) \n";

const LEGEND_END: &str = "<svg width=\"22\" height=\"10\"><rect class=\"m0 dropped\" y=\"5\" width=\"22\" height=\"3\"/></svg> heard and dropped (a standby, a fenced member) \
<svg width=\"22\" height=\"10\"><rect class=\"stall\" width=\"22\" height=\"8\"/></svg> due slots empty \
<svg width=\"22\" height=\"10\"><rect class=\"lost\" width=\"22\" height=\"8\"/></svg> declared lost \
<svg width=\"22\" height=\"10\"><rect class=\"fenced\" width=\"22\" height=\"8\"/></svg> fenced. \
Time is time on air, from the first frame. <span class=\"tools\" hidden>Zoom <button data-zoom=\"1\">1\u{d7}</button><button data-zoom=\"4\">4\u{d7}</button><button data-zoom=\"16\">16\u{d7}</button> <output></output></span></p>\n";

/// The changes slot by slot, then losses that changed nothing, then a few stalls.
fn close_views(record: &RunRecord, story: &Story, cells: &[CellId]) -> String {
    let words = Words { record };
    let mut page = String::from("<h2>Slot by slot</h2>\n");
    page.push_str(&legend(words, cells, CLOSE_LEGEND_START, CLOSE_FAPI_LEGEND));
    page.push_str(CLOSE_LEGEND_END);
    let empty = page.len();
    for (change, number) in story.moves().zip(1..) {
        let whole = whole(record, change.cell, cells);
        if let (Some(whole), true) = (whole, page.len() < MOST_CLOSE_BYTES) {
            let slot = words.slot(change.cell, change.boundary);
            let kind = if change.failure.is_some() {
                "Failover"
            } else {
                "Planned change"
            };
            let title = format!(
                "{number}. {kind} of {} at N = {slot}",
                words.cell(change.cell)
            );
            page.push_str(&format!(
                "<h3 id=\"change-{number}\">{}</h3>\n",
                escape(&title)
            ));
            page.push_str(&View::of_change(words, change, &whole).draw(record));
        }
    }
    let mut silences: Vec<_> = story.silences.iter().collect();
    silences.retain(|silence| {
        !story.moves().any(|change| {
            change.cell == silence.cell
                && change.failure.is_some_and(|failure| {
                    failure.member == silence.member
                        && failure.detected >= silence.first_due
                        && failure.due_at <= silence.last_due
                })
        })
    });
    silences.sort_by_key(|silence| {
        (
            matches!(silence.end, SilenceEnd::Stall(_)),
            u32::MAX - silence.run,
        )
    });
    for silence in silences.into_iter().take(MOST_SILENCES) {
        let whole = whole(record, silence.cell, cells);
        if let (Some(whole), true) = (whole, page.len() < MOST_CLOSE_BYTES) {
            let title = format!(
                "Silence of {} in {}: N = {}",
                words.member(silence.cell, silence.member),
                words.cell(silence.cell),
                words.slot(silence.cell, silence.first_slot)
            );
            page.push_str(&format!("<h3>{}</h3>\n", escape(&title)));
            page.push_str(&View::of_silence(words, silence, &whole).draw(record));
        }
    }
    if page.len() == empty {
        return String::new();
    }
    page
}

const CLOSE_LEGEND_START: &str =
    "On the fronthaul the thin bar above is the C-plane, the bar below the U-plane. ";

const CLOSE_FAPI_LEGEND: &str = "<svg width=\"22\" height=\"14\"><rect class=\"m0 hollow\" x=\"1\" y=\"2\" width=\"20\" height=\"11\"/></svg> NULL requests \
<svg width=\"22\" height=\"14\"><rect class=\"made-up\" y=\"2\" width=\"22\" height=\"11\"/></svg> made up ";

const CLOSE_LEGEND_END: &str = "<svg width=\"22\" height=\"14\"><rect class=\"m0\" y=\"1\" width=\"22\" height=\"3\"/><rect class=\"m0\" y=\"5\" width=\"22\" height=\"8\"/></svg> sent \
<svg width=\"22\" height=\"14\"><rect class=\"m0 hatched\" y=\"1\" width=\"22\" height=\"3\"/><rect class=\"m0 hatched\" y=\"5\" width=\"22\" height=\"8\"/></svg> dropped \
<svg width=\"12\" height=\"12\"><circle class=\"m0\" cx=\"6\" cy=\"7\" r=\"3\"/></svg> heard \
<svg width=\"12\" height=\"12\"><path class=\"missed\" d=\"M2 3l8 8m0 -8l-8 8\"/></svg> was due and did not come. \
One column is one slot; dotted lines are instants on the same axis: frames are sent ahead of the time their slot is on air. Point at a bar for its frames and reason.</p>\n";

fn whole<'a>(record: &'a RunRecord, cell: CellId, cells: &[CellId]) -> Option<Stretch<'a>> {
    let timeline = record.cells.get(cell.index())?;
    let is_drawn = cells.contains(&cell);
    is_drawn.then(|| Stretch::whole(record, timeline))?
}

#[cfg(test)]
mod tests;
