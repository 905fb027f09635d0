//! Compiles `dpdk-shim` against the system's DPDK, writes its bindings, and links what it calls.
//!
//! The `pkg-config` program is asked, not the crate of that name: the crate leaves out `-march` and
//! `-include`, without which DPDK's headers do not mean the same to the shim as to the library.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// Releases that the shim has been written for: 22.11 is what we test, 23.11 has the same interface.
const RELEASES: [&str; 2] = ["22.11", "23.11"];

/// What the shim calls. Drivers are loaded by EAL at start and never linked.
const LIBRARIES: [&str; 5] = [
    "rte_eal",
    "rte_ethdev",
    "rte_mbuf",
    "rte_mempool",
    "rte_ring",
];

/// Doors in `shim.h` and the plain functions of DPDK that need none.
const FUNCTIONS: [&str; 17] = [
    "shim_.*",
    "rte_eal_get_runtime_dir",
    "rte_eal_init",
    "rte_eal_remote_launch",
    "rte_eal_wait_lcore",
    "rte_eth_allmulticast_enable",
    "rte_eth_dev_close",
    "rte_eth_dev_get_port_by_name",
    "rte_eth_dev_set_mtu",
    "rte_eth_dev_start",
    "rte_eth_dev_stop",
    "rte_eth_promiscuous_enable",
    "rte_get_main_lcore",
    "rte_get_next_lcore",
    "rte_lcore_count",
    "rte_mempool_in_use_count",
    "rte_strerror",
];

fn main() {
    for file in ["build.rs", "dpdk-shim/shim.h", "dpdk-shim/shim.c"] {
        println!("cargo::rerun-if-changed={file}");
    }
    let version = pkg_config(&["--modversion"]).join(" ");
    if !RELEASES.iter().any(|release| is_release(&version, release)) {
        give_up(&format!("found DPDK {version}"));
    }
    let flags = pkg_config(&["--cflags"]);
    compile(&flags);
    bind(&flags);
    for directory in pkg_config(&["--libs-only-L"]) {
        println!(
            "cargo::rustc-link-search=native={}",
            directory.trim_start_matches("-L")
        );
    }
    for library in LIBRARIES {
        println!("cargo::rustc-link-lib=dylib={library}");
    }
}

fn compile(flags: &[String]) {
    let mut shim = cc::Build::new();
    shim.file("dpdk-shim/shim.c").opt_level(3).warnings(true);
    for flag in flags {
        shim.flag(flag);
    }
    shim.compile("ranshift_shim");
}

fn bind(flags: &[String]) {
    let mut builder = bindgen::Builder::default()
        .header("dpdk-shim/shim.h")
        .clang_args(flags)
        .allowlist_type("shim_.*|rte_mbuf")
        .prepend_enum_name(false)
        .generate_comments(false)
        .use_core();
    for function in FUNCTIONS {
        builder = builder.allowlist_function(function);
    }
    for unreadable in ["rte_mempool", "rte_mbuf_ext_shared_info"] {
        builder = builder.opaque_type(unreadable);
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let bindings = builder
        .generate()
        .unwrap_or_else(|error| give_up(&format!("bindgen failed: {error}")));
    bindings
        .write_to_file(out.join("dpdk.rs"))
        .expect("OUT_DIR is writable");
}

fn is_release(version: &str, release: &str) -> bool {
    version
        .strip_prefix(release)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn pkg_config(arguments: &[&str]) -> Vec<String> {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    println!("cargo::rerun-if-env-changed=PKG_CONFIG");
    println!("cargo::rerun-if-env-changed=PKG_CONFIG_PATH");
    let output = Command::new(&program)
        .args(arguments)
        .arg("libdpdk")
        .output()
        .unwrap_or_else(|error| give_up(&format!("{}: {error}", program.display())));
    if !output.status.success() {
        give_up(String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

fn give_up(why: &str) -> ! {
    eprintln!(
        "ranshift needs DPDK {} to build: {why}",
        RELEASES.join(" or ")
    );
    eprintln!("on Debian 12: apt-get install libdpdk-dev libclang-dev pkg-config gcc");
    std::process::exit(1);
}
