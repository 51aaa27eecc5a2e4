#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# completion.sh: what bash completes after these words, with a vhostctl that has two devices and two ports.
set -euo pipefail
# shellcheck source=tools/vhostctl/completion/vhostctl
. "$(dirname "$0")/../../tools/vhostctl/completion/vhostctl"

vhostctl() {
	case "$*" in
	"dev show") printf '%s\n' '1: state running owner qemu' '    features none' '7: state opened' ;;
	"queue show") printf '%s\n' '1/0: type rx' '    backend tap ifindex 5 ifname tap0' '1/1: ifindex 5 ifname tap0' ;;
	"dev help") printf '%s\n' 'Usage: vhostctl dev' '       NAME := { rx_batch | tx_batch }' ;;
	"port show") printf '%s\n' 'web1: state ready' '    config owner vm1' 'web2: state ready' ;;
	esac
}

status=0
completes() { # WORDS EXPECTED: the last of WORDS is being written
	read -r -a COMP_WORDS <<<"vhostctl $1"
	[[ $1 != *' ' ]] || COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_vhostctl
	[[ ${COMPREPLY[*]} == "$2" ]] || { echo "\"$1\" is completed to \"${COMPREPLY[*]}\""; status=1; }
}

completes 'd' 'dev doctor'
completes 'dev s' 'show set'
completes '-j dev show ' '1 7 tap0'
completes 'queue show t' 'tap0'
completes 'dev set 1 ' 'rx_batch tx_batch'
completes 'dev set 1 rx_batch ' ''
completes 'dev set 1 rx_batch 3 t' 'tx_batch'
completes 'port bind ' 'web1 web2'
completes 'port bind web1 ' 'dev'
completes 'port bind web1 dev ' '1 7 tap0'
completes 'port del web1 ' 'force'
completes 'port add web3 zerocopy ' 'on off auto'
completes 'run --port w' 'web1 web2'
completes 'run --port web1 -- qemu ' ''
completes 'top -' '-j --json -p --pretty -s --statistics -V --Version --socket -n -d'
exit $status
