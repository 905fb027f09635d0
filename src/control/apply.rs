//! A new configuration while running: validated, compared, compiled off the lcores, put in force on all of
//! them, or refused as a whole. The same for the API and for SIGHUP.

use crate::config;
use crate::control::board::{Board, Unanswered};
use crate::control::clock;
use crate::control::difference::{Change, Difference, difference};
use crate::control::replace::replacements;
use crate::control::status::{Applied, ConfigChange};
use crate::control::tidings::{Severity, Tiding};
use crate::control::wanted::Wanted;
use crate::dataplane::replacement::Replacement;
use crate::dataplane::tables::Tables;
use serde_json::json;
use std::sync::Arc;
use tokio::signal::unix::Signal;

/// Why a configuration is not in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// It is wrong, or needs a restart: every reason, each with its place if it has one.
    Problems(Vec<String>),
    /// The lcores did not take it.
    Unanswered(Unanswered),
}

/// A configuration that could be put in force.
struct Prepared {
    wanted: Arc<Wanted>,
    tables: Arc<Tables>,
    replacements: Vec<Replacement>,
    changes: Vec<Difference>,
}

/// Puts the text of a file in force, or with `dry_run` only says what would change, as `by` wants it. One
/// at a time.
pub async fn apply(
    board: &Arc<Board>,
    (text, file): (String, String),
    dry_run: bool,
    by: &str,
) -> Result<Applied, Refused> {
    let _alone = board.applying.lock().await;
    let preparing = Arc::clone(board);
    let prepared = tokio::task::spawn_blocking(move || prepare(&preparing, text, &file)).await;
    let prepared = prepared
        .map_err(|error| Refused::Problems(vec![format!("the configuration: {error}")]))??;
    let wanted = Arc::clone(&prepared.wanted);
    let changes: Vec<ConfigChange> = prepared.changes.iter().map(shown).collect();
    if dry_run || changes.is_empty() {
        return Ok(Applied {
            dry_run,
            term: board.wanted().term,
            changes,
        });
    }
    let in_force = (Arc::clone(&prepared.wanted), prepared.tables);
    board
        .put_in_force(in_force, prepared.replacements)
        .await
        .map_err(Refused::Unanswered)?;
    let count = changes.len();
    board.say(Tiding {
        at: clock::wall(),
        kind: "applied",
        severity: Severity::Info,
        message: format!(
            "a configuration with {count} change{} is in force as of term {}",
            if count == 1 { "" } else { "s" },
            wanted.term
        ),
        details: json!({
            "by": by,
            "term": wanted.term,
            "changes": changes.iter().take(TOLD).collect::<Vec<_>>(),
            "not_shown": count.saturating_sub(TOLD),
        }),
    });
    Ok(Applied {
        dry_run,
        term: wanted.term,
        changes,
    })
}

/// On each SIGHUP reads the file again and applies it.
pub(super) async fn on_hangup(board: Arc<Board>, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        reread(&board).await;
    }
}

/// Reads the file of the configuration in force again and applies it; says so if that is refused.
pub async fn reread(board: &Arc<Board>) {
    let Some(path) = board.wanted().path.clone() else {
        return;
    };
    let file = path.display().to_string();
    let refused = match read(path).await {
        Ok(text) => match apply(board, (text, file.clone()), false, "SIGHUP").await {
            Ok(_) => return,
            Err(Refused::Problems(problems)) => problems,
            Err(Refused::Unanswered(why)) => vec![format!("the lcores did not answer: {why:?}")],
        },
        Err(problems) => problems,
    };
    board.say(Tiding {
        at: clock::wall(),
        kind: "apply_refused",
        severity: Severity::Warning,
        message: format!("{file} is not applied: {}", refused.join("; ")),
        details: json!({"problems": refused}),
    });
}

async fn read(path: std::path::PathBuf) -> Result<String, Vec<String>> {
    let read = tokio::task::spawn_blocking(move || config::read(&path)).await;
    match read {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(problems)) => Err(each(&problems)),
        Err(error) => Err(vec![error.to_string()]),
    }
}

fn prepare(board: &Board, text: String, file: &str) -> Result<Prepared, Refused> {
    let loaded = config::parse(&text, file).map_err(|all| Refused::Problems(each(&all)))?;
    let known = board.known();
    let (before, tables) = (known.wanted, known.tables);
    let changes = difference(&before.config, &loaded.config);
    let term = before.term + 1;
    let replacements =
        replacements((&before.config, &tables), &loaded.config, term).map_err(Refused::Problems)?;
    let tables = replacements
        .first()
        .map_or(tables, |first| Arc::clone(&first.tables));
    let path = before.path.clone();
    let wanted = Wanted::new(loaded.config, text, path, term, board.started);
    Ok(Prepared {
        wanted: Arc::new(wanted),
        tables,
        replacements,
        changes,
    })
}

fn each(problems: &config::Problems) -> Vec<String> {
    let told = |problem: &config::Problem| {
        format!("{}{problem}", config::place(&problems.file, problem.mark))
    };
    problems.problems.iter().map(told).collect()
}

fn shown(difference: &Difference) -> ConfigChange {
    ConfigChange {
        object: difference.object.clone(),
        change: match difference.change {
            Change::Changed => "changed",
            Change::Added => "added",
            Change::Removed => "removed",
        }
        .to_owned(),
        from: difference.from.clone(),
        to: difference.to.clone(),
    }
}

/// Changes that an event names; whoever applied has all of them in the answer.
const TOLD: usize = 8;
