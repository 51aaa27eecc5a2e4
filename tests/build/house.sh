#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# house.sh [KERNEL]: the rules that kmod/README.md states and that the compiler does not see, and that the build
# refuses what the kernel could not run. KTAP. Runs on this machine; builds in the kernel's chroot.
set -uo pipefail
# shellcheck source=tools/vm/lib.sh
. "$(dirname "$0")/../../tools/vm/lib.sh"
cd "$vna_root" || exit 1
kernel_ready "${1:-6.1}"
copy=$kdir/refused
log=$vna_log/refused-$kernel.log
number=0 failures=0

report() { # STATUS TEXT
	number=$((number + 1))
	if (($1 == 0)); then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failures=$((failures + 1))
	fi
}

none() { # TEXT FOUND: passes when nothing was found
	[[ -z $2 ]]
	report $? "$1"
	[[ -z $2 ]] || printf '# %s\n' "${2//$'\n'/$'\n# '}"
}

# Whether the build with a planted source fails, and for the reason given.
refuses() { # REASON SOURCE
	rm -rf "$copy" && mkdir -p "$copy" && cp -r Kbuild kmod include "$copy" || return 1
	printf '%s\n' "$2" >"$copy/kmod/core/planted.cc"
	sed -i 's,kmod/core/runtime.o,kmod/core/runtime.o kmod/core/planted.o,' "$copy/Kbuild"
	! "$vm_dir/enter" -b "$copy:/mnt/module" "$kernel" make -C "/lib/modules/$uname_r/build" \
		M=/mnt/module -j"$(nproc)" modules >"$log" 2>&1 && grep -q "$1" "$log"
}

# What the headers of the chroots and our own say that vhost-net could be asked.
ioctls() {
	cat "$vna_build"/chroot/*/usr/src/linux-headers-*-common/include/uapi/linux/vhost.h |
		sed -nE 's/^#define (VHOST_[A-Z_]+)[[:space:]]+_IO[RW]*\(.*/\1/p' |
		grep -vE '^VHOST_(SCSI|VSOCK|VDPA)_'
	sed -nE 's/^#define VNA_(VHOST_[A-Z_]+) VNA_IO[RW]*\(.*/\1/p' kmod/core/control/vhost_abi.h
	sed -nE 's/^#define (VHOST_[A-Z_]+)[[:space:]]+_IO[RW]*\(.*/\1/p' include/uapi/linux/vhost_net_alt.h
}

undocumented() {
	local name
	for name in $(ioctls | sort -u); do
		grep -qE "^\| $name \|" docs/abi.md || echo "$name has no row"
	done
}

# A test is written as `file` "name, or a part of it"; a name may be cut into several lines in the source.
untested() {
	local file name
	while IFS=$'\t' read -r file name; do
		tr -s '\n\t ' ' ' <"tests/$file" 2>/dev/null | sed 's/" "//g' | grep -qF -e "$name" ||
			echo "tests/$file has no \"$name\""
	done < <(grep -oE '`[a-z0-9_/.-]+` "[^"]+"' docs/abi.md | sed -E 's/`([^`]+)` "(.*)"/\1\t\2/')
	grep -E '^\| (VHOST|[0-9]+ )' docs/abi.md | grep -vE '`[a-z0-9_/.-]+` "' | sed 's/$/ names no test/'
}

echo "KTAP version 1"
echo "1..8"

none "the core includes headers of its own and of C++ only" \
	"$(grep -rnE '^#include' kmod/core --include='*.cc' --include='*.hh' --include='vhost_abi.h' |
		grep -vE '#include ("core/|"glue/abi.h"|<[a-z_]+>)')"
none "kernel versions are named in kmod/compat only" \
	"$(grep -rnE 'LINUX_VERSION_CODE|KERNEL_VERSION|linux/version.h' kmod | grep -v '^kmod/compat/')"
none "every source says its licence" \
	"$(git ls-files kmod include daemon tools tests '*.txt' Kbuild 2>/dev/null | grep -vE '\.(md|json|gitignore)$|/corpus/|/golden/|/figures$' |
		xargs -r grep -L 'SPDX-License-Identifier: GPL-2.0-only')"
none "docs/abi.md has a row for each ioctl" "$(undocumented)"
none "docs/abi.md names tests that exist" "$(untested)"
refuses "static constructors" 'int f(); int planted = f(); int f() { return *(volatile int *)&planted; }'
report $? "a static constructor fails the build"
refuses "calls abort" '[[gnu::used]] static void planted() { __builtin_abort(); }'
report $? "a call of abort() fails the build"
refuses "Error" '[[gnu::used]] static double planted(double a) { return a * 2; }'
report $? "floating point fails the build"
rm -rf "$copy"
((failures == 0))
