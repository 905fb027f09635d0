#!/bin/sh
# Makes a Debian 12 machine able to build, run and test ranshift: apt packages and one Rust toolchain.
# Does nothing, and takes no time, when nothing is missing. Root is used for apt only, and only after
# saying so.
#
#   deploy/setup.sh           install what is missing
#   deploy/setup.sh --check   only say what is missing; exit 3 if anything is
set -eu

packages='ca-certificates chromium curl dpdk dpdk-dev ethtool gcc iproute2 libc6-dev libclang-dev libdpdk-dev libpcap-dev make pkg-config prometheus systemd tshark util-linux'
apt_options='-y -q --no-install-recommends'
root=$(cd "$(dirname "$0")/.." && pwd)
toolchain=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' "$root/rust-toolchain.toml")
PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
export PATH

say() { printf 'setup: %s\n' "$*" >&2; }

# 3 is the exit code of ranshift for an unsuitable environment.
fail() {
    say "$*"
    exit 3
}

missing_packages() {
    for package in $packages; do
        # The `:any` form also finds a package of another name's architecture suffix.
        status=$(dpkg-query -W -f '${db:Status-Status} ' "$package" 2>/dev/null) || status=
        case "$status" in
            *installed\ *) ;;
            *) printf ' %s' "$package" ;;
        esac
    done
}

# True if `cargo` in this directory is the pinned one. Asking rustup first keeps its proxies from
# fetching a toolchain that nobody has agreed to yet.
toolchain_present() {
    if command -v rustup >/dev/null 2>&1; then
        rustup toolchain list 2>/dev/null | grep -q "^$toolchain-"
        return
    fi
    command -v rustc >/dev/null 2>&1 && command -v cargo >/dev/null 2>&1 &&
        [ "$(rustc --version | cut -d ' ' -f 2)" = "$toolchain" ]
}

install_packages() {
    missing=$1
    update='apt-get update -q'
    install="env DEBIAN_FRONTEND=noninteractive apt-get install $apt_options$missing"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || fail "these Debian packages are missing and neither root nor sudo is here. As root, run:
  $update && $install"
        as_root=sudo
    fi
    say "these Debian packages are missing:$missing"
    say 'about to run (root is needed for these two commands and for nothing else):'
    say "  ${as_root:+$as_root }$update"
    say "  ${as_root:+$as_root }$install"
    # The lists are meant to split into words.
    # shellcheck disable=SC2086
    { $as_root $update && $as_root $install; } ||
        fail "apt did not succeed. When it can, run as root:
  $update && $install"
}

install_toolchain() {
    if command -v rustup >/dev/null 2>&1; then
        say "about to add Rust $toolchain to your rustup"
        rustup toolchain install "$toolchain" --profile minimal --component rustfmt --component clippy ||
            fail "rustup could not install Rust $toolchain"
        return
    fi
    say "about to install rustup and Rust $toolchain into your home directory (no root, your shell's profile stays as it is)"
    script=$(mktemp)
    trap 'rm -f "$script"' EXIT
    # Into a file first: a download cut short must not run.
    curl --proto '=https' --tlsv1.2 -sSfL https://sh.rustup.rs -o "$script" ||
        fail 'could not fetch the rustup installer; see https://rustup.rs for other ways'
    sh "$script" -y --no-modify-path --profile minimal --default-toolchain "$toolchain" \
        --component rustfmt --component clippy || fail "could not install Rust $toolchain"
}

case "${1:-}" in
    '') check= ;;
    --check) check=yes ;;
    *)
        say "usage: $0 [--check]"
        exit 2
        ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1; then
    say "not a Debian system: provide what these Debian 12 packages hold, DPDK 22.11 above all: $packages"
    missing=
    [ -n "$check" ] && exit 3
else
    missing=$(missing_packages)
fi

if [ -n "$check" ]; then
    status=0
    [ -z "$missing" ] || { say "missing packages:$missing"; status=3; }
    toolchain_present || { say "missing Rust toolchain $toolchain"; status=3; }
    exit "$status"
fi

[ -z "$missing" ] || install_packages "$missing"
toolchain_present || install_toolchain
