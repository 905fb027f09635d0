//! The thread that makes empty recordings for lcores and writes full ones: both take too long for the
//! thread that talks to the lcores. If the disk is full or this thread is gone, the dataplane goes on.

use crate::control::board::{Board, Known, Unanswered, held};
use crate::control::clock;
use crate::control::recordings::Recordings;
use crate::control::tidings::{Severity, Tiding};
use crate::control::wanted::Wanted;
use crate::dataplane::mailbox::Parcel;
use crate::dataplane::recorder::{Recording, Trigger};
use crate::dataplane::tables::Tables;
use crate::ran::CellId;
use crate::telemetry::metrics::Recordings as Counts;
use serde_json::json;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// Work for the thread.
#[derive(Debug)]
pub(super) enum Job {
    /// Fetch what is recorded of a cell.
    Fetch {
        cell: CellId,
        trigger: Trigger,
        /// Who waits for the name.
        answer: Option<Answer>,
    },
    /// It came back.
    Write {
        recording: Box<Recording>,
        /// What was wanted when it was recorded.
        wanted: Arc<Wanted>,
    },
}

/// Whoever asked waits here for the recording's name, or why there is none.
pub(super) type Answer = oneshot::Sender<Result<String, String>>;

/// The way to the thread, and how often it has written something.
#[derive(Debug, Default)]
pub struct Archive {
    jobs: Mutex<Option<SyncSender<Job>>>,
    done: Mutex<Counts>,
}

impl Archive {
    /// Has what is recorded of `cell` written; the name of the recording, or why there is none.
    pub async fn capture(&self, cell: CellId) -> Result<Result<String, String>, Unanswered> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Fetch {
            cell,
            trigger: Trigger::Command,
            answer: Some(answer),
        };
        self.give(job).map_err(|_| Unanswered::Busy)?;
        match tokio::time::timeout(WRITING, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            _ => Err(Unanswered::Silent),
        }
    }

    /// How many recordings were written, and how many could not be.
    pub fn recordings(&self) -> Counts {
        *held(&self.done)
    }

    /// Gives a job to the thread; gives it back if there is none or it is behind.
    pub(super) fn give(&self, job: Job) -> Result<(), Job> {
        match held(&self.jobs).as_ref() {
            Some(jobs) => jobs.try_send(job).map_err(|error| match error {
                TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
            }),
            None => Err(job),
        }
    }

    /// The thread ends when it has done what was given to it.
    pub(super) fn close(&self) {
        *held(&self.jobs) = None;
    }
}

/// Starts the thread.
pub(super) fn start(board: &Arc<Board>) -> io::Result<JoinHandle<()>> {
    let (jobs, taken) = sync_channel(JOBS);
    let archivist = Archivist {
        board: Arc::downgrade(board),
        ordered: Vec::new(),
    };
    let thread = thread::Builder::new()
        .name("archivist".to_owned())
        .spawn(move || archivist.run(&taken))?;
    *held(&board.archive.jobs) = Some(jobs);
    Ok(thread)
}

struct Archivist {
    board: Weak<Board>,
    ordered: Vec<Ordered>,
}

/// A recording on its way: never more than one of a cell, which bounds the memory of all.
struct Ordered {
    term: u64,
    /// All cells in it.
    cells: Vec<CellId>,
    answers: Vec<Answer>,
}

impl Archivist {
    fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            let Some(board) = self.board.upgrade() else {
                return;
            };
            match job {
                Job::Fetch {
                    cell,
                    trigger,
                    answer,
                } => self.fetch(&board, cell, trigger, answer),
                Job::Write { recording, wanted } => self.write(&board, &recording, &wanted),
            }
        }
    }

    /// Sends an empty recording to the lcore of `cell`, unless one is there already.
    fn fetch(&mut self, board: &Board, cell: CellId, trigger: Trigger, answer: Option<Answer>) {
        let Known { wanted, tables, .. } = board.known();
        let mut ordered = self.ordered.iter_mut();
        let under_way = ordered.find(|one| one.term == wanted.term && one.cells.contains(&cell));
        if let Some(under_way) = under_way {
            under_way.answers.retain(|answer| !answer.is_closed());
            under_way.answers.extend(answer);
            return;
        }
        match order(board, (&wanted, &tables), cell, trigger) {
            Ok(cells) => self.ordered.push(Ordered {
                term: wanted.term,
                cells,
                answers: answer.into_iter().collect(),
            }),
            // An lcore that nobody comes to tells it again.
            Err(why) => tell(answer, &Err(why)),
        }
    }

    fn write(&mut self, board: &Board, recording: &Recording, wanted: &Wanted) {
        let Recording {
            cell,
            trigger,
            term,
            ..
        } = *recording;
        let cells = &recording.ring.bundle().cells;
        let is_this = |one: &Ordered| one.term == term && one.cells == *cells;
        let place = self.ordered.iter().position(is_this);
        let ordered = place.map(|place| self.ordered.swap_remove(place));
        let written = match keep(recording, wanted) {
            Ok(Some(name)) => {
                held(&board.archive.done).written += 1;
                board.say(recorded(wanted, cell, trigger, &name));
                Ok(name)
            }
            // Nothing is lost: what an lcore has to tell it tells again.
            Ok(None) => Err("a configuration was put in force a moment ago: ask again".to_owned()),
            Err(why) => {
                not_written(board, recording, wanted, &why);
                Err(why)
            }
        };
        tell(ordered.into_iter().flat_map(|one| one.answers), &written);
    }
}

fn tell(answers: impl IntoIterator<Item = Answer>, written: &Result<String, String>) {
    for answer in answers {
        // Whoever asked may have gone; an event says it to everybody.
        drop(answer.send(written.clone()));
    }
}

/// All cells of the recording that is ordered.
fn order(
    board: &Board,
    (wanted, tables): (&Wanted, &Tables),
    cell: CellId,
    trigger: Trigger,
) -> Result<Vec<CellId>, String> {
    let recordings =
        Recordings::new(&wanted.config).ok_or("the configuration says recorder: none")?;
    let recording = recordings.order(tables, cell, trigger);
    let recording = recording.ok_or("there is no such cell")?;
    let cells = recording.ring.bundle().cells.clone();
    let owner = board.seats().get(tables.owners.of_cell(cell).index());
    let owner = owner.ok_or("no lcore owns the cell")?;
    let ordered = owner.mailbox.order(Parcel::Recording(recording));
    ordered.map_err(|_| "the lcore is busy".to_owned())?;
    Ok(cells)
}

/// The recording's name; `None` if the lcore had nothing to give.
fn keep(recording: &Recording, wanted: &Wanted) -> Result<Option<String>, String> {
    let recordings = Recordings::new(&wanted.config);
    let Some(recordings) = recordings.filter(|_| recording.term == wanted.term) else {
        return Ok(None);
    };
    recordings
        .keep(recording, &wanted.record.names, &wanted.text)
        .map_err(|error| format!("{}: {error}", recordings.store().directory().display()))
}

fn recorded(wanted: &Wanted, cell: CellId, trigger: Trigger, name: &str) -> Tiding {
    let cell = wanted.cell_name(cell);
    let why = trigger.label();
    Tiding {
        at: clock::wall(),
        kind: "recorded",
        severity: Severity::Info,
        message: format!("The last frames of {cell} are recorded as {name} ({why})."),
        details: json!({"cell": cell, "trigger": why, "recording": name}),
    }
}

/// Counts a recording that cannot be written and says so.
pub(super) fn not_written(board: &Board, recording: &Recording, wanted: &Wanted, why: &str) {
    held(&board.archive.done).failed += 1;
    let cell = wanted.cell_name(recording.cell);
    let trigger = recording.trigger.label();
    board.say(Tiding {
        at: clock::wall(),
        kind: "not_recorded",
        severity: Severity::Warning,
        message: format!("The {trigger} of {cell} is not recorded: {why}."),
        details: json!({"cell": cell, "trigger": trigger, "why": why}),
    });
}

/// Jobs that wait at most.
const JOBS: usize = 32;
/// How long somebody waits for a recording to be on disk.
const WRITING: std::time::Duration = std::time::Duration::from_secs(4);
