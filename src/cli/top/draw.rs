//! The screen: who may speak on top, what it costs in the middle, what happened below. Everything that is
//! needed at night fits 80 columns by 24 lines.

use super::rates::told;
use super::view::{Asking, View};
use crate::cli::calendar::{span, time_of_day};
use crate::cli::text::{clean, wrap};
use crate::cli::words::{
    between, heard, is_off_air, margin, mode, phy, prb_use, share, speaking, speaks,
};
use crate::control::status::{Appliance, Cell, Lcore, Member};
use crate::telemetry::amount;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Row, Table, TableState};

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View) {
    let cells = view
        .cells
        .len()
        .clamp(1, usize::from(frame.area().height / 4).max(3));
    let members = view
        .cell()
        .map_or(1, |cell| cell.status.members.len())
        .clamp(1, 4);
    let lcores = view
        .rates
        .now()
        .map_or(1, |now| now.lcores.len())
        .clamp(1, 4);
    let areas: [Rect; 7] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(cells as u16 + 1),
        Constraint::Length(members as u16 + 1),
        Constraint::Length(4),
        Constraint::Length(lcores as u16 + 1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let [top, cells, members, traffic, lcores, events, foot] = areas;
    head(frame, top, view);
    draw_cells(frame, cells, view);
    draw_members(frame, members, view.cell());
    let halves = [Constraint::Fill(1), Constraint::Length(31)];
    let [ports, drops] = Layout::horizontal(halves).spacing(1).areas(traffic);
    draw_ports(frame, ports, view);
    draw_drops(frame, drops, view);
    draw_lcores(frame, lcores, view.rates.now());
    draw_events(frame, events, view);
    let keys = "q quit   up/down cell   m migrate   f fail over   ? help";
    frame.render_widget(Line::styled(keys, FAINT), foot);
    over(frame, view);
}

fn head(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let mut spans = vec![Span::styled("ranshift ", BOLD)];
    match view.rates.now() {
        None => spans.push(Span::raw(format!(
            "{}: waiting for the first answer",
            view.address
        ))),
        Some(now) => {
            let load = now
                .lcores
                .iter()
                .map(|lcore| lcore.load)
                .fold(0.0, f64::max);
            let up = span(now.at_ns.saturating_sub(now.started_ns));
            spans.push(Span::raw(format!(
                "{}  up {up}  term {}  ",
                clean(&now.version),
                now.term
            )));
            spans.push(match now.ledger.balance {
                0 => Span::styled("ledger balanced", GOOD),
                off => Span::styled(format!("ledger off by {off}"), BAD),
            });
            spans.push(Span::raw(format!(
                "  load {}  {}",
                share(load),
                time_of_day(now.at_ns)
            )));
        }
    }
    let second = match (&view.silence, &view.outcome) {
        (Some(why), _) if view.heard_ns == 0 => Line::styled(clean(why), BAD),
        (Some(why), _) => {
            let ago = span(view.now_ns.saturating_sub(view.heard_ns));
            let since = time_of_day(view.heard_ns);
            let since = since.split('.').next().unwrap_or_default();
            let why = why.trim_start_matches(&format!("no answer from {}: ", view.address));
            let words = format!("no answer since {since} UTC ({ago}): {}", clean(why));
            Line::styled(words, BAD)
        }
        (None, Some((true, words))) => Line::styled(clean(words), GOOD),
        (None, Some((false, words))) => Line::styled(clean(words), BAD),
        (None, None) => Line::raw(""),
    };
    frame.render_widget(Paragraph::new(vec![Line::from(spans), second]), area);
}

fn draw_cells(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let rows = view.cells.iter().map(|cell| {
        let status = &cell.status;
        let in_step = status
            .members
            .iter()
            .filter(|member| member.in_step)
            .count();
        let speaker = status.members.iter().find(|member| speaks(member));
        let next = status.next_mode.as_ref();
        let next = next.map_or_else(String::new, |next| format!(" > {}", mode(&next.mode)));
        let cells = [
            cell.cell.clone(),
            format!("{}{next}", speaking(status)),
            status.mode_cause.clone(),
            format!("{in_step}/{}", status.members.len()),
            speaker.map_or_else(|| "-".to_owned(), heard),
            status.armed.clone().unwrap_or_else(|| "-".to_owned()),
            status.slot.map_or_else(|| "-".to_owned(), amount),
        ];
        Row::new(cells.map(|cell| clean(&cell))).style(cell_style(cell))
    });
    let names = view.cells.iter().map(|cell| cell.cell.as_str());
    let armed = view
        .cells
        .iter()
        .filter_map(|cell| cell.status.armed.as_deref());
    let widths = [
        Constraint::Length(longest(names)),
        Constraint::Fill(1),
        Constraint::Length(8),
        Constraint::Length(7),
        Constraint::Length(10),
        Constraint::Length(longest(armed)),
        Constraint::Length(13),
    ];
    let headings = [
        "CELL",
        "WHO MAY SPEAK",
        "BY",
        "IN STEP",
        "HEARD",
        "ARMED",
        "SLOT",
    ];
    let table = Table::new(rows, widths)
        .header(Row::new(headings).style(HEADING))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::default().with_selected(Some(view.selected));
    frame.render_stateful_widget(table, area, &mut state);
    if view.cells.is_empty() && view.rates.now().is_some() {
        let below = Rect {
            y: area.y + 1,
            height: area.height.saturating_sub(1),
            ..area
        };
        frame.render_widget("no cells are configured", below);
    }
}

fn draw_members(frame: &mut Frame<'_>, area: Rect, cell: Option<&Cell>) {
    let members = cell
        .map(|cell| cell.status.members.as_slice())
        .unwrap_or_default();
    let fapi = cell.filter(|cell| cell.status.fapi.is_some());
    let rows = members.iter().map(|member| {
        let liveness = if member.lost { "lost" } else { "ok" };
        let in_step = if member.in_step { "yes" } else { "no" };
        let cells = [
            format!("  {}", member.member),
            member.role.clone(),
            in_step.to_owned(),
            liveness.to_owned(),
            heard(member),
            margin(member),
            fapi.map_or_else(|| prb_use(member), |cell| phy(&cell.status, member)),
        ];
        Row::new(cells.map(|cell| clean(&cell))).style(member_style(member))
    });
    let widths = [
        Constraint::Length(14),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(13),
        Constraint::Length(if fapi.is_some() { 7 } else { 9 }),
        Constraint::Fill(1),
    ];
    // A PHY that does not run matters more than what it would carry.
    let last = if fapi.is_some() { "PHY" } else { "PRB USE" };
    let headings = [
        "  MEMBER", "ROLE", "IN STEP", "LIVENESS", "HEARD", "MARGIN", last,
    ];
    let table = Table::new(rows, widths).header(Row::new(headings).style(HEADING));
    frame.render_widget(table, area);
}

fn draw_ports(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let ports = view
        .rates
        .now()
        .map(|now| now.ports.as_slice())
        .unwrap_or_default();
    let rows = ports.iter().map(|port| {
        let count = |pick: fn(&crate::control::status::Port) -> u64| {
            view.rates.of(|appliance| {
                let same = appliance.ports.iter().find(|other| other.port == port.port);
                same.map_or(0, pick)
            })
        };
        let bits = |bytes: Option<f64>| told(bytes.map(|bytes| 8.0 * bytes), "b/s");
        let cells = [
            port.port.clone(),
            told(count(|port| port.received), "/s"),
            bits(count(|port| port.received_bytes)),
            told(count(|port| port.sent), "/s"),
            bits(count(|port| port.sent_bytes)),
        ];
        Row::new(cells.map(|cell| clean(&cell)))
    });
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(9),
    ];
    let headings = ["PORT", "IN", "", "OUT", ""];
    let table = Table::new(rows, widths).header(Row::new(headings).style(HEADING));
    frame.render_widget(table, area);
}

fn draw_drops(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let drops = view.rates.now().map(|now| &now.drops);
    let mut drops: Vec<_> = drops.into_iter().flatten().collect();
    drops.sort_by(|a, b| b.1.cmp(a.1));
    let rows = drops.iter().map(|(reason, total)| {
        let rate = view
            .rates
            .of(|appliance| appliance.drops.get(*reason).copied().unwrap_or(0));
        Row::new([clean(reason), told(rate, "/s"), amount(**total)])
    });
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(9),
        Constraint::Length(10),
    ];
    let table =
        Table::new(rows, widths).header(Row::new(["DROPPED", "NOW", "TOTAL"]).style(HEADING));
    frame.render_widget(table, area);
}

fn draw_lcores(frame: &mut Frame<'_>, area: Rect, now: Option<&Appliance>) {
    let lcores = now.map(|now| now.lcores.as_slice()).unwrap_or_default();
    let rows = lcores.iter().map(|lcore| {
        let cycles = lcore.cycles_per_frame.map(|cycles| format!("{cycles:.0}"));
        let cells = [
            lcore.lcore.to_string(),
            lcore.core.to_string(),
            bar(lcore),
            cycles.unwrap_or_else(|| "-".to_owned()),
            between(lcore.longest_gap_us),
            lcore.cells.join(" "),
        ];
        Row::new(cells.map(|cell| clean(&cell)))
    });
    let widths = [
        Constraint::Length(5),
        Constraint::Length(4),
        Constraint::Length(19),
        Constraint::Length(12),
        Constraint::Length(11),
        Constraint::Fill(1),
    ];
    let headings = [
        "LCORE",
        "CORE",
        "LOAD",
        "CYCLES/FRAME",
        "LONGEST GAP",
        "CELLS",
    ];
    let table = Table::new(rows, widths).header(Row::new(headings).style(HEADING));
    frame.render_widget(table, area);
}

fn bar(lcore: &Lcore) -> String {
    let full = (lcore.load.clamp(0.0, 1.0) * BAR as f64).round() as usize;
    format!(
        "[{}{}] {}",
        "#".repeat(full),
        ".".repeat(BAR - full),
        share(lcore.load)
    )
}

fn draw_events(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let mut lines = vec![Line::styled("WHAT HAPPENED (newest first)", HEADING)];
    for event in &view.events {
        let style = match event.severity.as_str() {
            "critical" => BAD,
            "warning" => WARNING,
            _ => Style::new(),
        };
        let cell = event.cell.as_deref().unwrap_or("-");
        let begin = format!("{}  {cell}  ", time_of_day(event.at_ns));
        let room = usize::from(area.width).saturating_sub(begin.chars().count());
        let mut begin = clean(&begin);
        for piece in wrap(&clean(&event.message), room.max(20)) {
            let next = " ".repeat(begin.chars().count());
            lines.push(Line::styled(format!("{begin}{piece}"), style));
            begin = next;
        }
        if lines.len() > usize::from(area.height) {
            break;
        }
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// The question or the help that lies over the screen.
fn over(frame: &mut Frame<'_>, view: &View) {
    let (title, lines) = match &view.asking {
        Asking::Nothing => return,
        Asking::Help => (" Keys ", HELP.map(str::to_owned).to_vec()),
        Asking::Migrate {
            cell,
            members,
            chosen,
        } => {
            let to = members.get(*chosen).map_or("", String::as_str);
            let mut lines = vec![
                format!("Migrate {cell} to {to}? (y/n)"),
                format!("From the next slot on, only {to} may speak."),
            ];
            if members.len() > 1 {
                lines.push("up/down: another member".to_owned());
            }
            (" Migrate ", lines)
        }
        Asking::FailOver { cell, to } => {
            let lines = [
                format!("Fail {cell} over to {to}? (y/n)"),
                "The active member is fenced at once.".to_owned(),
            ];
            (" Fail over ", lines.to_vec())
        }
    };
    let width = lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0) as u16
        + 4;
    let area = frame.area();
    let (width, height) = (
        width.min(area.width),
        (lines.len() as u16 + 2).min(area.height),
    );
    let place = Rect {
        x: (area.width - width) / 2,
        y: (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, place);
    let lines: Vec<Line<'_>> = lines
        .iter()
        .map(|line| Line::raw(format!(" {}", clean(line))))
        .collect();
    frame.render_widget(
        Paragraph::new(lines).block(Block::bordered().title(title)),
        place,
    );
}

/// Columns for names: as wide as the longest, within reason.
fn longest<'a>(names: impl Iterator<Item = &'a str>) -> u16 {
    let widths = names.map(|name| name.chars().count());
    widths.max().unwrap_or(0).clamp(5, 16) as u16
}

fn cell_style(cell: &Cell) -> Style {
    let members = &cell.status.members;
    let dead = members.iter().any(|member| speaks(member) && member.lost);
    if dead || is_off_air(&cell.status) {
        return BAD;
    }
    match members
        .iter()
        .any(|member| member.lost || member.role == "fenced")
    {
        true => WARNING,
        false => Style::new(),
    }
}

const fn fg(colour: Color) -> Style {
    let mut style = Style::new();
    style.fg = Some(colour);
    style
}

fn member_style(member: &Member) -> Style {
    match (member.lost, member.role.as_str()) {
        (true, "active" | "sharing") => BAD,
        (true, _) | (_, "fenced") => WARNING,
        (_, "active" | "sharing") => GOOD,
        _ => Style::new(),
    }
}

const BAR: usize = 12;

const GOOD: Style = fg(Color::Green);
const WARNING: Style = fg(Color::Yellow);
const BAD: Style = fg(Color::Red);
const FAINT: Style = fg(Color::DarkGray);
const HEADING: Style = fg(Color::Cyan);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

const HELP: [&str; 6] = [
    "up, down   select a cell",
    "m          migrate it (asks first)",
    "f          fail it over to its armed standby (asks first)",
    "?          this help",
    "q          quit",
    "any key closes this; colours: red wrong, yellow look at it",
];

#[cfg(test)]
mod tests;
