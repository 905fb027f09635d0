//! The P5 proxies of all cells that have one: started with the control threads, told who is active, heard of
//! who runs.
//!
//! A proxy lives as long as the process: a configuration that changes its addresses needs a restart. What a
//! PHY's START or STOP means goes to the lcore as a command and is said again until it is obeyed.

use crate::config::Config;
use crate::config::model::{self, Cell, Fapi, FapiPeer, Transport};
use crate::control::board::{Answer, Board};
use crate::control::fapi;
use crate::control::p5::{self, Life, MemberSettings, Settings, Spawned};
use crate::dataplane::mailbox::{Action, Boundary, Refusal};
use crate::ran::{CellId, MemberId};
use crate::wire::nfapi::PhyId;
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Between two attempts to tell an lcore that a PHY runs, or not.
const AGAIN: time::Duration = time::Duration::from_millis(20);
/// Words about PHYs on their way to the lcore.
const WORDS: usize = 64;

/// Starts every proxy of the configuration.
pub(super) fn start(runtime: &Runtime, board: &Arc<Board>) -> io::Result<Vec<Arc<Spawned>>> {
    let wanted = board.wanted();
    let config = &wanted.config;
    let _inside = runtime.enter();
    let cells = config.cells.iter().filter_map(|cell| {
        let fapi = cell.fapi.as_ref()?;
        Some((cell, fapi, fapi.p5?))
    });
    let proxy = |(cell, fapi, p5): (&Cell, &Fapi, model::P5)| {
        let settings = settings(config, cell, fapi, p5);
        let settings = settings.ok_or_else(|| io::Error::other("P5 needs UDP over IPv4"))?;
        let (words, heard) = mpsc::channel(WORDS);
        tokio::spawn(tell_lcore(Arc::clone(board), cell.name.clone(), heard));
        let running = Box::new(move |member: MemberId, life: Life| {
            // As many as are under way at once by far; what is lost is said at the next start or stop.
            let _ = words.try_send((member, life));
        });
        let teller = Arc::clone(board);
        let tell = Box::new(move |tiding| teller.say(tiding));
        let spawned = p5::spawn(settings, running, tell);
        let spawned =
            spawned.map_err(|error| io::Error::other(format!("cell {}: {error}", cell.name)))?;
        board.show_p5(cell.name.clone(), spawned.view());
        let spawned = Arc::new(spawned);
        tokio::spawn(follow(
            Arc::clone(board),
            cell.name.clone(),
            Arc::clone(&spawned),
        ));
        Ok(spawned)
    };
    cells.map(proxy).collect()
}

/// The cells whose P5 differs between two configurations in anything that its proxy was told at its start.
pub(super) fn changed(before: &Config, now: &Config) -> Vec<String> {
    let all = |config: &Config| -> Vec<Settings> {
        let cells = config.cells.iter().filter_map(|cell| {
            let fapi = cell.fapi.as_ref()?;
            // Whoever is active now is told to it.
            let active = MemberId(0);
            let settings = settings(config, cell, fapi, fapi.p5?)?;
            Some(Settings { active, ..settings })
        });
        cells.collect()
    };
    let (before, now) = (all(before), all(now));
    let gone = before.iter().filter(|one| !now.contains(one));
    let new = now.iter().filter(|one| !before.contains(one));
    let cells: BTreeSet<String> = gone.chain(new).map(|one| one.cell.clone()).collect();
    cells.into_iter().collect()
}

/// What the proxy of `cell` is told at its start.
fn settings(config: &Config, cell: &Cell, fapi: &Fapi, p5: model::P5) -> Option<Settings> {
    let l2 = config.l2s.get(fapi.l2)?;
    let members = cell.members.iter().map(|member| {
        let phy = config.phys.get(member.phy?)?;
        let (address, p7) = ends(phy)?;
        Some(MemberSettings {
            name: config.member_name(member).to_owned(),
            address: IpAddr::V4(address),
            phy: PhyId(phy.phy_id),
            p7,
        })
    });
    Some(Settings {
        cell: cell.name.clone(),
        dialect: fapi::dialect(l2.dialect),
        transport: match p5.sctp {
            true => p5::Transport::Sctp,
            false => p5::Transport::Tcp,
        },
        l2: p5.l2,
        listen: p5.listen,
        l2_phy: PhyId(l2.phy_id),
        l2_p7: ends(l2)?.1,
        answer: match fapi.answer {
            model::Answer::Active => p5::Answer::Active,
            model::Answer::Worst => p5::Answer::Worst,
        },
        answer_within: p5::settings::ANSWER_WITHIN,
        active: cell.active,
        members: members.collect::<Option<_>>()?,
    })
}

/// The address of a peer, and that of the appliance which it is told for P7.
fn ends(peer: &FapiPeer) -> Option<(Ipv4Addr, SocketAddrV4)> {
    match peer.peer.transport {
        Transport::Udp {
            peer: IpAddr::V4(peer),
            facing: IpAddr::V4(facing),
            facing_port,
            ..
        } => Some((peer, SocketAddrV4::new(facing, facing_port))),
        _ => None,
    }
}

/// Says to the lcore of `cell` what the proxy says of its PHYs, until it is obeyed.
async fn tell_lcore(board: Arc<Board>, cell: String, mut heard: mpsc::Receiver<(MemberId, Life)>) {
    while let Some((member, life)) = heard.recv().await {
        let action = match life {
            Life::Runs | Life::Stopped => Action::Phy {
                member,
                runs: life == Life::Runs,
            },
            Life::Gone => Action::PhyGone { member },
        };
        // A configuration may be on its way: the cell is looked up again each time.
        loop {
            let known = board.known();
            let wanted = board.wanted();
            let mut cells = wanted.config.cells.iter();
            let Some(at) = cells.position(|known| known.name == cell) else {
                return;
            };
            let order = (CellId(at as u16), Boundary::Next, action);
            let term = known.tables.term;
            match board.command(term, order, Arc::from("p5")).await {
                Ok(Answer::Accepted { .. }) => break,
                // The configuration has no such member: there is nothing to say of it.
                Ok(Answer::Refused {
                    why: Refusal::UnknownMember,
                }) => break,
                _ => tokio::time::sleep(AGAIN).await,
            }
        }
    }
}

/// Tells the proxy of `cell` who is active, whenever that changes.
async fn follow(board: Arc<Board>, cell: String, proxy: Arc<Spawned>) {
    let mut news = board.log.watch();
    loop {
        if let Some(active) = active(&board, &cell) {
            proxy.set_active(active);
        }
        if news.changed().await.is_err() {
            return;
        }
    }
}

/// The member that `cell` is served by last, as events told.
fn active(board: &Board, cell: &str) -> Option<MemberId> {
    let modes = board.log.newest(1, |event| {
        event.event == "mode" && event.cell.as_deref() == Some(cell)
    });
    let name = modes.first()?.details.get("active")?.as_str()?.to_owned();
    let wanted = board.wanted();
    let cell = wanted
        .config
        .cells
        .iter()
        .find(|known| known.name == cell)?;
    let mut members = cell.members.iter();
    let at = members.position(|member| wanted.config.member_name(member) == name)?;
    Some(MemberId(at as u8))
}
