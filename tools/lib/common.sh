# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Shared by the scripts under tools/: source it, do not run it.
# Progress and errors go to stderr: a script's stdout belongs to its result.

vna_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
vna_build=${VNA_BUILD:-$vna_root/build}
if ! mkdir -p "$vna_build/log" 2>/dev/null || [[ ! -w $vna_build || ! -w $vna_build/log ]]; then
	echo "${0##*/}: cannot write to $vna_build: set VNA_BUILD to a folder that can be written" >&2
	exit 1
fi
vna_build=$(cd "$vna_build" && pwd -P)
vna_log=$vna_build/log

# The status of a script that fails by itself (run has a command's to pass on).
vna_die_status=1

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit "$vna_die_status"
}

note() {
	printf '%s\n' "$*" >&2
}

# Milliseconds since the epoch.
now_ms() {
	local t=${EPOCHREALTIME//[!0-9]/}
	echo "${t%???}"
}

# step LOG TEXT HINT COMMAND...: one progress line; the output is appended to the
# log file. If the command fails, the log's end is shown and the script ends with
# the hint. Never call this in a condition: bash would drop set -e inside.
step() {
	local log=$1 text=$2 hint=$3 start status=0 took
	shift 3
	start=$(now_ms)
	printf '%-58s ' "  $text" >&2
	printf '\n== %(%F %T)T %s: %s\n' -1 "$text" "$*" >>"$log"
	# In the background: a subshell's failure is then ours to report.
	("$@") >>"$log" 2>&1 </dev/null &
	wait $! || status=$?
	took=$(($(now_ms) - start))
	printf '%4d.%d s%s\n' $((took / 1000)) $((took % 1000 / 100)) \
		"$( ((status)) && echo '  FAILED')" >&2
	((status == 0)) && return
	printf -- '---- the last lines of %s\n' "$log" >&2
	tail -n 20 "$log" >&2
	die "$text failed: $hint"
}

# as_root COMMAND...: by sudo where we are not root.
as_root() {
	if ((EUID == 0)); then
		"$@"
	else
		sudo -- "$@"
	fi
}

# need_root WHY: asks for the password now, before output goes to a log.
need_root() {
	((EUID == 0)) && return
	command -v sudo >/dev/null ||
		die "needs root to $1: run as root, or install sudo"
	sudo -n true 2>/dev/null && return
	note "Needs root to $1: asking sudo."
	sudo -v || die "needs root to $1: run as root, or allow sudo"
}

# need_packages PACKAGE...: installs what is missing on this Debian machine.
need_packages() {
	local missing=() p
	for p; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) == installed ]] ||
			missing+=("$p")
	done
	((${#missing[@]})) || return 0
	command -v apt-get >/dev/null ||
		die "needs ${missing[*]}, and this is no Debian system: install them by hand"
	need_root "install ${missing[*]}"
	local log=$vna_log/packages.log
	step "$log" "install ${missing[*]}" "check the network and the archives in /etc/apt" \
		apt_install "${missing[@]}"
}

# What it takes to build all that runs on this machine, and vhostd and vhostctl.
# shellcheck disable=SC2034 # used by those who source this
host_packages=(g++ cmake make pkg-config libgtest-dev python3-yaml libnl-3-dev libnl-genl-3-dev
	libnl-route-3-dev libcli11-dev nlohmann-json3-dev libspdlog-dev libsystemd-dev libtomlplusplus-dev)

# To boot systemd in the VM: tools/vm/systemd.
# shellcheck disable=SC2034
systemd_packages=(systemd udev kmod)

apt_install() {
	local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends
		-o DPkg::Lock::Timeout=300)
	# The lists of a fresh machine may be absent or stale.
	as_root "${apt[@]}" install "$@" || {
		as_root "${apt[@]}" update
		as_root "${apt[@]}" install "$@"
	}
}

# need_disk MEGABYTES: free space in the build folder.
need_disk() {
	local free
	free=$(df --output=avail -m "$vna_build" | tail -n 1)
	((free >= $1)) ||
		die "needs $1 MB in $vna_build, has ${free// /}: free some, or set VNA_BUILD elsewhere"
}

# lock NAME: held until the script ends. Waits for another that holds it.
lock() {
	local fd
	exec {fd}>"$vna_build/.lock-$1"
	flock -n "$fd" && return
	note "  waiting for another run that holds $1"
	flock "$fd"
}
