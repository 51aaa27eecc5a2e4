# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # what is set here is used by those who source it
# vhostd for a VM: that of this machine, with this machine's libraries, as the VM has no others for it.

# vhostd_ready PROGRAM...: sets host, the folder in which vhostd and the programs are built, work, a folder that goes
# when the script ends, and vhostd_files, arguments for run.
vhostd_ready() {
	local program
	host=${VNA_HOST_BUILD:-$vna_build/host}
	for program in daemon/vhostd "${@/#/tests/vm/}"; do
		[[ -x $host/$program ]] || die "there is no $host/$program: build target ${program##*/}"
	done
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	mkdir "$work/vhostd"
	strip -o "$work/vhostd/vhostd" "$host/daemon/vhostd"
	ldd "$host/daemon/vhostd" | sed -nE 's,^[^/]*(/[^ ]+) \(0x.*,\1,p' | xargs -I{} cp -L {} "$work/vhostd/"
	cat >"$work/start" <<-'END'
	#!/bin/sh
	exec /opt/vhostd/ld-linux-x86-64.so.2 --library-path /opt/vhostd /opt/vhostd/vhostd "$@"
	END
	chmod +x "$work/start"
	vhostd_files=(-d "$work/vhostd:/opt/vhostd" -f "$work/start:/bin/vhostd")
}
