//! dpdk-testpmd as the yardstick: same devices, same feed, same core; it prints its own cycles per packet.
//!
//! Its standard output is a pipe, which it fills in blocks, so nothing is waited for: commands are sent at
//! their time, and the figures are read when it has ended.

use crate::machine::{self, MEANINGFUL, Machine, Traffic};
use std::io::{self, Write};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// What one window measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    /// Cycles per packet, idle polls left out.
    pub(crate) cycles: f64,
    /// Packets received.
    pub(crate) received: u64,
    /// Packets sent.
    pub(crate) sent: u64,
}

impl Window {
    /// False if the machine gave the program too little time for a figure.
    fn is_whole(&self) -> bool {
        self.received >= MEANINGFUL
    }
}

/// Forwards `traffic` in each of `modes`, `windows` times for `window` each.
pub(crate) fn measure(
    machine: &Machine,
    traffic: &Traffic,
    modes: &[&str],
    windows: usize,
    window: Duration,
) -> Result<Vec<Vec<Window>>, String> {
    let mut command = Command::new("dpdk-testpmd");
    command
        .args(machine.eal_arguments("testpmd", machine.testpmd_cores()))
        .args(traffic.devices(2).iter().map(|d| format!("--vdev={d}")))
        .args(["--", "-i", "--mbuf-size=9344", "--total-num-mbufs=8191"])
        .args(["--burst=32", "--rxd=1024", "--txd=1024", "--no-flush-rx"])
        .envs(traffic.feed(machine));
    let (mut testpmd, input) = machine::start_with_feed(&mut command)?;
    let told = tell(input, modes, windows, window);
    let output = machine::output_of(&mut testpmd)?;
    told.map_err(|error| format!("dpdk-testpmd: {error}"))?;
    read_modes(&output, modes)
}

/// Sends the commands of a session and closes the input.
fn tell(mut input: impl Write, modes: &[&str], windows: usize, window: Duration) -> io::Result<()> {
    writeln!(input, "set record-core-cycles on")?;
    for mode in modes {
        writeln!(input, "set fwd {mode}")?;
        for _ in 0..windows {
            writeln!(input, "start")?;
            thread::sleep(window);
            writeln!(input, "stop")?;
        }
    }
    writeln!(input, "quit")
}

/// The windows of each mode, in order; those without a packet have no figure.
fn read_modes(text: &str, modes: &[&str]) -> Result<Vec<Vec<Window>>, String> {
    modes
        .iter()
        .map(|mode| {
            let ended = format!("total {mode} packets=");
            let windows: Vec<_> = text
                .split("Accumulated forward statistics")
                .filter(|window| window.contains(&ended))
                .filter_map(read_window)
                .filter(Window::is_whole)
                .collect();
            if windows.is_empty() {
                return Err(format!("dpdk-testpmd measured nothing in mode {mode}"));
            }
            Ok(windows)
        })
        .collect()
}

/// `None` if the text is torn: the echo of the next command may fall between two lines of the figures.
fn read_window(text: &str) -> Option<Window> {
    let (text, cycles) = text.split_once("CPU cycles/packet=")?;
    Some(Window {
        cycles: cycles.split_whitespace().next()?.parse().ok()?,
        received: number_after(text, "RX-packets:")? as u64,
        sent: number_after(text, "TX-packets:")? as u64,
    })
}

fn number_after(text: &str, label: &str) -> Option<f64> {
    let (_, rest) = text.split_once(label)?;
    rest.split_whitespace().next()?.parse().ok()
}
