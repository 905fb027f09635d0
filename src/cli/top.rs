//! `ranshift top`: a running appliance on one screen, as it is now, with the two commands that an
//! operator needs at once: migrate and fail over.
//!
//! A thread of its own asks the API twice a second, so that keys are answered while an answer is waited
//! for; an appliance that goes away and comes back is waited for too.

mod draw;
mod keys;
mod poll;
mod rates;
mod view;

use super::Exit;
use super::calendar;
use super::client::{Access, Client};
use poll::{Report, Wish};
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;
use view::View;

/// Watch a running appliance on one screen
#[derive(clap::Args)]
pub(super) struct Top {
    #[command(flatten)]
    access: Access,
}

impl Top {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            eprintln!("ranshift: top needs a terminal; `ranshift ctl status` prints the same once");
            return Ok(Exit::Usage);
        }
        // Where a job in the background draws, the kernel stops it; and no signal but SIGKILL ends it then, as
        // the call that sets up the terminal begins again after each.
        if tcgetpgrp(io::stdin()).is_ok_and(|group| group != getpgrp()) {
            eprintln!(
                "ranshift: top needs the foreground of its terminal: start it without `&`, and with \
                 `timeout --foreground` under timeout"
            );
            return Ok(Exit::Usage);
        }
        let client = match Client::new(&self.access) {
            Ok(client) => client,
            Err(trouble) => return trouble.tell(),
        };
        out.flush()?;
        let over = Arc::new(AtomicBool::new(false));
        for signal in ENDING {
            let code = Exit::Done as i32;
            signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&over))?;
            signal_hook::flag::register(signal, Arc::clone(&over))?;
        }
        let mut view = View::new(client.address().to_string());
        let (wishes, wished) = mpsc::channel();
        let (reports, reported) = mpsc::channel();
        std::thread::Builder::new()
            .name("poll".to_owned())
            .spawn(move || poll::poll(&client, &wished, &reports))?;
        // Also has a panic give the terminal back before it says why.
        let mut terminal = ratatui::try_init()?;
        let ended = show(&mut terminal, &mut view, &over, &wishes, &reported);
        ratatui::try_restore()?;
        ended.map(|()| Exit::Done)
    }
}

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    view: &mut View,
    over: &AtomicBool,
    wishes: &Sender<Wish>,
    reports: &Receiver<Report>,
) -> io::Result<()> {
    while !over.load(Ordering::Acquire) {
        view.now_ns = calendar::now();
        terminal.draw(|frame| draw::draw(frame, view))?;
        let is_pressed = match interrupted(event::poll(TURN), false)? {
            true => interrupted(event::read().map(Some), None)?,
            false => None,
        };
        if let Some(Event::Key(key)) = is_pressed
            && key.kind != KeyEventKind::Release
        {
            match keys::press(view, key) {
                keys::Then::Stay => {}
                keys::Then::Leave => return Ok(()),
                // Without the other thread there is nobody to command either: the screen says so.
                keys::Then::Command(wish) => drop(wishes.send(wish)),
            }
        }
        while let Ok(report) = reports.try_recv() {
            view.take(report);
        }
    }
    Ok(())
}

/// A signal ends a wait early; whether it ends the program is asked elsewhere.
fn interrupted<T>(result: io::Result<T>, otherwise: T) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(otherwise),
        result => result,
    }
}

/// The first gives the terminal back and ends, a second ends at once. SIGHUP is not among them: without
/// its terminal there is nothing to give back, and reading the keyboard would never return.
const ENDING: [i32; 2] = [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT];

/// How often the screen is drawn at least.
const TURN: Duration = Duration::from_millis(200);
