#!/bin/sh
# The P5 proxy over kernel SCTP, in a virtual machine: Debian's kernel under QEMU, without KVM and without a
# disk. The test program, the modules and what they need are all that is in it. Ends with 0 if the test passed
# over SCTP, 1 if it did not, 3 if something is missing here. VM_KERNEL names a folder with an unpacked kernel
# package, where none is installed.
set -eu

cd "$(dirname "$0")/.."
test=sctp_starts_two_pnfs_where_the_kernel_has_it_and_says_what_to_do_where_not
root=${VM_KERNEL:-}
out=${OUT:-out}/vm-sctp

missing() {
    echo "vm-sctp: $1" >&2
    echo "  apt-get install qemu-system-x86 linux-image-cloud-amd64 cpio kmod iproute2 binutils" >&2
    echo "  A kernel need not be installed: apt-get download linux-image-VERSION-cloud-amd64," >&2
    echo "  dpkg-deb -x linux-image-*.deb DIR, then VM_KERNEL=DIR make vm-sctp" >&2
    exit 3
}

for program in qemu-system-x86_64 cpio insmod ip strip ldd; do
    command -v "$program" >/dev/null 2>&1 || missing "$program is not here"
done
version=$(find "$root/lib/modules" -path '*/net/sctp/sctp.ko' 2>/dev/null | sed 's,.*/lib/modules/\([^/]*\)/.*,\1,' |
    sort -V | tail -1)
[ -n "$version" ] && [ -r "$root/boot/vmlinuz-$version" ] || missing "no kernel with an SCTP module is here"

built=$(cargo test --locked --no-run --test p5_proxy 2>&1 | tee /dev/stderr | sed -n 's/.*Executable.*(\(.*\))$/\1/p')
[ -n "$built" ] || exit 1

rm -rf "$out"
mkdir -p "$out/tree/modules" "$out/tree/proc" "$out/tree/sys" "$out/tree/dev" "$out/tree/tmp"
strip -o "$out/tree/p5_proxy" "$built"
for name in libcrc32c crc32c-intel crc32c_generic udp_tunnel ip6_udp_tunnel sctp; do
    find "$root/lib/modules/$version" -name "$name.ko" -exec cp {} "$out/tree/modules/" \;
done
# Programs and libraries lie where they lie here, and so do the fixtures.
for program in sh mount insmod ip cat; do
    found=$(readlink -f "$(command -v "$program")")
    cp -L --parents "$found" "$out/tree"
    mkdir -p "$out/tree/bin"
    [ -e "$out/tree/bin/$program" ] || ln -s "$found" "$out/tree/bin/$program"
    ldd "$found" | grep -o '/[^ ]*' | xargs -r -I{} cp -L --parents {} "$out/tree"
done
ldd "$built" | grep -o '/[^ ]*' | xargs -r -I{} cp -L --parents {} "$out/tree"
mkdir -p "$out/tree$PWD"
cp -r --parents pcap-fixtures/nfapi "$out/tree$PWD"
cat >"$out/tree/init" <<END
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
for turn in 1 2 3; do
    for module in /modules/*.ko; do insmod \$module 2>/dev/null; done
done
ip link set lo up
echo "vm-sctp: kernel \$(cat /proc/sys/kernel/osrelease)"
cd $PWD
/p5_proxy --test-threads=1 $test
echo "vm-sctp: ended with \$?"
cat /proc/net/sctp/snmp
echo o >/proc/sysrq-trigger
while :; do :; done
END
chmod +x "$out/tree/init"
(cd "$out/tree" && find . | cpio --quiet -o -H newc) | gzip -1 >"$out/initrd"

echo "vm-sctp: booting $version"
# Without KVM the guest's timer may be late while the kernel tries it.
timeout 600 qemu-system-x86_64 -accel tcg -cpu max -m 2048 -display none -serial stdio -no-reboot \
    -kernel "$root/boot/vmlinuz-$version" -initrd "$out/initrd" \
    -append "console=ttyS0 quiet no_timer_check panic=-1 rdinit=/init" </dev/null | tr -d '\r' | tee "$out/log"

# The test passes without SCTP too, by its error: associations are the proof.
grep -q '^vm-sctp: ended with 0$' "$out/log" || exit 1
grep -Eq '^SctpPassiveEstabs[[:space:]]+[1-9]' "$out/log" || {
    echo "vm-sctp: the kernel counted no association" >&2
    exit 1
}
echo "vm-sctp: passed over the SCTP of $version"
