//! How this user may have a network namespace, and what to do where nobody may.

use crate::lab::live::Process;
use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};
use std::process::{Command, Stdio};

/// The namespace that a lab lives in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Namespace {
    /// With users of its own: no privilege needed.
    User,
    /// Network only, for root where users of one's own are forbidden.
    Root,
}

impl Namespace {
    /// What works here, tried out.
    pub(super) fn find() -> Result<Self, String> {
        for program in ["unshare", "nsenter", "setpriv", "setsid", "ip"] {
            let mut there = Command::new(program);
            there
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            // `ip` knows no --version and says so; what counts is that it can be started.
            if let Err(error) = there.status() {
                return Err(format!(
                    "{program}: {error}; install the Debian packages util-linux and iproute2"
                ));
            }
        }
        let said = match Self::User.works() {
            Ok(()) => return Ok(Self::User),
            Err(said) => said,
        };
        if geteuid().is_root() && Self::Root.works().is_ok() {
            return Ok(Self::Root);
        }
        Err(format!("{said}\n{ADVICE}"))
    }

    /// `unshare` with this namespace's options, to be followed by a program.
    pub(super) fn command(self) -> Command {
        lift_memory_lock();
        let mut command = Command::new("unshare");
        command.arg(match self {
            Self::User => "-Urn",
            Self::Root => "-n",
        });
        command
    }

    /// Makes one, and a cable in it.
    fn works(self) -> Result<(), String> {
        let mut command = self.command();
        command.args(["ip", "link", "add", "lab-test", "type", "veth"]);
        let output = command
            .output()
            .map_err(|error| format!("unshare: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("no network namespace for the lab: {}", said.trim()))
    }
}

/// The rings of net_af_packet are locked memory: as much of it as this user may have. Where that is not
/// enough, the driver says so.
fn lift_memory_lock() {
    let before = getrlimit(Resource::Memlock);
    let without = Rlimit {
        current: None,
        maximum: None,
    };
    let most = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    if setrlimit(Resource::Memlock, without).is_err() {
        let _ = setrlimit(Resource::Memlock, most);
    }
}

/// Sets an interface in the namespace of `holder` up or down.
pub(super) fn link(
    user_namespace: bool,
    holder: Process,
    interface: &str,
    way: &str,
) -> Result<(), String> {
    let mut command = Command::new("nsenter");
    command.args(["-t", &holder.pid.to_string(), "-n"]);
    if user_namespace {
        command.args(["-U", "--preserve-credentials"]);
    }
    command.args(["ip", "link", "set", "dev", interface, way]);
    let output = command
        .output()
        .map_err(|error| format!("nsenter: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{interface} {way}: {}", said.trim()))
}

const ADVICE: &str = "the lab needs a network namespace. One of these forbids it:
  sysctl kernel.unprivileged_userns_clone=0 or user.max_user_namespaces=0: set them to 1 and to 10000
  sysctl kernel.apparmor_restrict_unprivileged_userns=1: set it to 0, or run the lab as root
  a container: give it CAP_SYS_ADMIN and CAP_NET_ADMIN, or a seccomp profile that allows unshare
  a kernel without the module veth: modprobe veth";
