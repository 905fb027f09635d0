//! Cores, files and argument lines: what both measured programs are given alike.

use crate::traffic::{self, Way};
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

/// Where measuring happens.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The measured program runs here.
    pub(crate) core: usize,
    /// The generator, and testpmd's prompt.
    pub(crate) other: usize,
    directory: PathBuf,
    plugin: PathBuf,
}

impl Machine {
    /// Takes the last core this process may use, and the first for the generator; builds the feed.
    pub(crate) fn new(directory: &Path) -> Result<Self, String> {
        let cores = rustix::thread::sched_getaffinity(None).map_err(|error| error.to_string())?;
        let mut allowed = (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| cores.is_set(*core));
        let other = allowed.next().ok_or("no core to run on")?;
        let core = allowed.next_back().ok_or("the bench needs two cores")?;
        let directory = directory.join("bench");
        fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        let plugin = build_feed(&directory)?;
        Ok(Self {
            core,
            other,
            directory,
            plugin,
        })
    }

    /// EAL's arguments for a program named `prefix` on `cores`.
    pub(crate) fn eal_arguments(&self, prefix: &str, cores: String) -> Vec<String> {
        let line = format!(
            "-l {cores} --no-huge -m 768 --no-shconf --no-pci --no-telemetry --log-level=warning \
             --file-prefix=bench{}{prefix}",
            std::process::id()
        );
        let mut arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        arguments.extend(["-d".to_owned(), self.plugin.display().to_string()]);
        if prefix == "testpmd" {
            arguments.extend(["--main-lcore".to_owned(), self.other.to_string()]);
        }
        arguments
    }

    /// testpmd needs a core for its prompt beside the one that forwards.
    pub(crate) fn testpmd_cores(&self) -> String {
        format!("{},{}", self.other, self.core)
    }

    /// A file of the bench's own.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Devices and frames of one case.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Traffic {
    /// net_null or net_ring.
    pub(crate) device: Device,
    /// Bytes of a frame.
    pub(crate) size: usize,
    /// Whether headers are restored on net_null; off only to measure what that costs.
    pub(crate) restore: bool,
    /// The file of headers.
    pub(crate) headers: PathBuf,
}

/// The virtual device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Device {
    /// Makes frames from the pool, frees what is sent.
    Null,
    /// Rings to a generator on another core.
    Ring,
}

impl Device {
    /// Its driver.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "net_null",
            Self::Ring => "net_ring",
        }
    }
}

impl Traffic {
    /// Writes the headers of `way` over `cells` cells and describes them.
    pub(crate) fn new(
        machine: &Machine,
        device: Device,
        size: usize,
        way: Way,
        cells: usize,
    ) -> io::Result<Self> {
        let headers = machine.file("headers.bin");
        fs::write(&headers, traffic::headers(way, cells, size).concat())?;
        Ok(Self {
            device,
            size,
            restore: true,
            headers,
        })
    }

    /// Device strings; the first is the fed one.
    pub(crate) fn devices(&self, ports: usize) -> Vec<String> {
        let size = self.size;
        let device = |port: usize| match self.device {
            Device::Null if port == 0 => format!("net_null0,size={size}"),
            Device::Null => format!("net_null{port},size={size},no-rx=1"),
            Device::Ring => format!(
                "net_ring{port},internal={:#x}",
                RING_ARGUMENTS + port * RING_ARGUMENT_STRIDE
            ),
        };
        (0..ports).map(device).collect()
    }

    /// Environment that tells the feed what to do.
    pub(crate) fn feed(&self, machine: &Machine) -> Vec<(&'static str, String)> {
        let mode = match self.device {
            Device::Null => "null",
            Device::Ring => "ring",
        };
        vec![
            ("FEED_MODE", mode.to_owned()),
            ("FEED_FRAMES", self.headers.display().to_string()),
            ("FEED_SIZE", self.size.to_string()),
            ("FEED_CORE", machine.other.to_string()),
            ("FEED_RESTORE", u8::from(self.restore).to_string()),
            ("FEED_SEQUENCE", traffic::SEQUENCE_AT.to_string()),
            ("FEED_RADIO", traffic::RADIO_AT.to_string()),
        ]
    }
}

fn build_feed(directory: &Path) -> Result<PathBuf, String> {
    let plugin = directory.join("feed.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/feed.c");
    let flags = run(Command::new("pkg-config").args(["--cflags", "libdpdk"]))?;
    run(Command::new("cc")
        .args(["-shared", "-fPIC", "-O3", "-Wall", "-Wextra", "-o"])
        .args([&plugin, &source])
        .args(flags.split_whitespace())
        .args([
            "-lrte_eal",
            "-lrte_ethdev",
            "-lrte_mbuf",
            "-lrte_mempool",
            "-lrte_ring",
        ]))?;
    Ok(plugin)
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Starts a measured program and waits until the feed says that its traffic is ready.
pub(crate) fn start_with_feed(command: &mut Command) -> Result<(Child, ChildStdin), String> {
    let name = command.get_program().display().to_string();
    let failed = |error: io::Error| format!("{name}: {error}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (Some(input), Some(errors)) = (child.stdin.take(), child.stderr.take()) else {
        return Err(format!("{name}: no pipes"));
    };
    let mut lines = BufReader::new(errors).lines().map_while(Result::ok);
    let mut said = Vec::new();
    loop {
        match lines.next() {
            Some(line) if line == JOINED => break,
            Some(line) => said.push(line),
            None => {
                child.wait().map_err(failed)?;
                return Err(format!("{name} did not start:\n{}", said.join("\n")));
            }
        }
    }
    thread::spawn(move || lines.for_each(|line| eprintln!("{line}")));
    Ok((child, input))
}

/// What the program printed until it ended.
pub(crate) fn output_of(child: &mut Child) -> Result<String, String> {
    let mut text = String::new();
    if let Some(mut output) = child.stdout.take() {
        output
            .read_to_string(&mut text)
            .map_err(|error| error.to_string())?;
    }
    child.wait().map_err(|error| error.to_string())?;
    Ok(text)
}

/// A window with fewer frames says nothing: the machine was busy with something else.
pub(crate) const MEANINGFUL: u64 = 1_024;

/// What the feed says when its traffic is ready.
const JOINED: &str = "feed: joined";

/// See `feed.c`.
const RING_ARGUMENTS: usize = 0x0d00_d000_0000;
const RING_ARGUMENT_STRIDE: usize = 256;
