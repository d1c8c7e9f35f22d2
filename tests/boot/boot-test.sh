#!/bin/sh
# boot: a real systemd is booted with multichat installed as a package would install it, and
# tests/boot/inside.sh is run in it. Prints TAP.
#
# The booted system is an overlay over this one, with a tmpfs above: nothing it writes reaches the
# disk. All mounts are made in a mount namespace of our own, so they go when we go, however that
# happens. The network inside is a loopback of its own.
#
# MULTICHAT_PACKAGE_BUILD names a build folder configured with --prefix=/usr --sysconfdir=/etc
# --localstatedir=/var, to be installed; without it one is made.
#
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu

srcdir=${MULTICHAT_SRCDIR:-$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)}
builddir=${MULTICHAT_BUILDDIR:-$PWD}
limit=300 # seconds until the booted system is given up

skip() {
    echo "The boot test was SKIPPED: $*" >&2
    echo "1..0 # SKIP $*"
    exit 0
}

bail() {
    echo "Bail out! $*"
    exit 1
}

[ "$(id -u)" -eq 0 ] || skip "only root can boot a system"
for program in systemd-nspawn unshare setsid; do
    command -v "$program" >/dev/null 2>&1 || skip "$program is missing (Debian: systemd-container)"
done
[ -x /usr/sbin/mariadbd ] || skip "mariadb-server is missing"
if [ -z "${MULTICHAT_BOOT_NAMESPACE:-}" ]; then
    MULTICHAT_BOOT_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/multichat-boot.XXXXXX")
nspawn_pid=
clean_up() {
    trap '' INT TERM HUP
    if [ -n "$nspawn_pid" ] && kill -KILL -- "-$nspawn_pid" 2>/dev/null; then
        wait "$nspawn_pid" 2>/dev/null || :
    fi
    cd /
    umount -l "$work/root" 2>/dev/null || :
    umount -l "$work" 2>/dev/null || :
    rmdir "$work" 2>/dev/null || :
}
trap clean_up EXIT
trap 'exit 143' INT TERM HUP

# -- the package ------------------------------------------------------------------------------

package=${MULTICHAT_PACKAGE_BUILD:-}
if [ -z "$package" ]; then
    package=$builddir/tests/boot/package
    mkdir -p "$package"
    if ! (cd "$package" && { [ -f config.status ] ||
        "$srcdir/configure" --prefix=/usr --sysconfdir=/etc --localstatedir=/var CFLAGS=-O1; } &&
        make -s all) >"$package/build.log" 2>&1; then
        sed 's/^/# /' "$package/build.log" | tail -n 40
        bail "building the package failed"
    fi
fi
grep -qs '#define HAVE_SYSTEMD 1' "$package/config.h" || skip "it was built without systemd"

# -- the system -------------------------------------------------------------------------------

mount -t tmpfs -o size=2g,mode=755 multichat-boot "$work" || bail "cannot mount a tmpfs"
mkdir "$work/upper" "$work/work" "$work/root" "$work/results"
mount -t overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" overlay "$work/root" ||
    bail "cannot mount an overlay over /"
root=$work/root

# A machine of its own, that never booted: no data of the host's services, a journal of its own.
tr -d - </proc/sys/kernel/random/uuid >"$work/machine-id"
mv "$work/machine-id" "$root/etc/machine-id"
rm -rf "$root/var/lib/mysql" "$root/var/log/journal" "$root/var/lib/multichat" "$root/etc/multichat"
mkdir "$root/var/log/journal"
install -d -o mysql -g mysql -m 0750 "$root/var/lib/mysql"

if ! make -s -C "$package" install DESTDIR="$root" >"$work/install.log" 2>&1; then
    sed 's/^/# /' "$work/install.log" | tail -n 40
    bail "make install failed"
fi
install -m 0755 "$srcdir/tests/boot/inside.sh" "$root/usr/libexec/multichat-boot-test"

cat >"$root/etc/systemd/system/multichat-boot.target" <<UNIT
[Unit]
Description=The system that the boot test needs
Requires=basic.target multichat-boot.service
AllowIsolate=yes
UNIT
# When it is done, however that went, the system goes down, and with it systemd-nspawn.
cat >"$root/etc/systemd/system/multichat-boot.service" <<UNIT
[Unit]
Description=The boot test
After=basic.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
TimeoutStartSec=$((limit - 30))
ExecStart=/usr/libexec/multichat-boot-test
ExecStopPost=-/bin/sh -c 'journalctl --no-pager -o short-monotonic >/results/journal'
StandardOutput=file:/results/tap
StandardError=file:/results/errors
UNIT

# -- the boot ---------------------------------------------------------------------------------

# Where the host runs systemd, nspawn asks it for a scope; elsewhere it stays where it is.
keep_unit=--keep-unit
[ ! -d /run/systemd/system ] || keep_unit=
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
# shellcheck disable=SC2086 # an option, or none
setsid timeout --foreground -k 20 "$limit" systemd-nspawn --quiet -D "$root" \
    --machine="multichat-boot-$$" --register=no $keep_unit --private-network --link-journal=no \
    --bind="$work/results:/results" --console=pipe \
    --boot systemd.unit=multichat-boot.target >"$work/console" 2>&1 </dev/null &
nspawn_pid=$!
status=0
wait "$nspawn_pid" || status=$?
nspawn_pid=

# -- what it said -----------------------------------------------------------------------------

tap=$work/results/tap
[ -f "$tap" ] || : >"$tap"
cat "$tap"
# The script inside ends with its plan; without it it has not come to its end.
if ! grep -q '^1\.\.' "$tap"; then
    done_cases=$(grep -cE '^(not )?ok ' "$tap" || :)
    echo "not ok $((done_cases + 1)) - the script inside came to its end (systemd-nspawn: $status)"
    echo "1..$((done_cases + 1))"
fi
if grep -q '^not ok' "$tap" || ! grep -q '^1\.\.' "$tap"; then
    for file in "$work/results/errors" "$work/console" "$work/results/journal"; do
        [ -s "$file" ] || continue
        echo "# ---- ${file##*/}:"
        tail -n 150 "$file" | tr -d '\r' | sed 's/^/# /'
    done
fi
