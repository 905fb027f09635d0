#!/bin/sh
# Cuts the complete captures of a directory to what is kept here. Usage: cut.sh ORIGINALS
set -eu
originals=${1:?usage: cut.sh ORIGINALS}
here=$(dirname "$0")
for copy in "$here"/*.pcap; do
    case $copy in
    *_headers.pcap) cp "$originals/$(basename "$copy")" "$copy" ;;
    *) cargo run --quiet -- inspect "$originals/$(basename "$copy")" --cut 80 "$copy" ;;
    esac
done
