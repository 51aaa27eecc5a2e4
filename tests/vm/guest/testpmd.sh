# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# DPDK's testpmd with its virtio-user driver on $device and $tap, for scripts that run in the VM and have host.sh. It
# sends back what it receives, with the addresses swapped.
#
# A PORT is written as packed_vq, in_order and mrg_rxbuf in three digits, then :SIZE for a queue size other than 256.

tap=vnad0
pmd_pid=

# --- a port's parameters --------------------------------------------------------------------------------------

digit() { # SPEC POSITION
	echo "$1" | cut -c"$2"
}

queue_size() { # SPEC
	case $1 in
	*:*) echo "${1##*:}" ;;
	*) echo 256 ;;
	esac
}

describe_port() { # SPEC
	echo "packed_vq=$(digit "$1" 1) in_order=$(digit "$1" 2) mrg_rxbuf=$(digit "$1" 3) queue_size=$(queue_size "$1")"
}

# Where frames may have several buffers each, the buffers are small, and large frames need more descriptors than DPDK
# puts into an indirect table (8), so that there are chains in the ring too. But not where the ring is packed and not
# in order: DPDK gives its indirect descriptors no id there, and takes the one that was in that slot before, which is
# right only as long as each buffer takes one slot.
buffers() { # SPEC
	case $1 in
	??0*) ;;
	101*) echo --mbuf-size=2176 --max-pkt-len=9018 --enable-scatter ;;
	*) echo --mbuf-size=1152 --max-pkt-len=9018 --enable-scatter ;;
	esac
}

largest() { # SPEC
	if [ "$(digit "$1" 3)" = 0 ]; then echo 1514; else echo 9014; fi
}

# --- testpmd --------------------------------------------------------------------------------------------------

# DPDK wants a place for its sockets, and that no other user could have written to the drivers' folder.
prepare_machine() {
	chmod go-w / && mkdir -p /var && { [ -e /var/run ] || ln -s /run /var/run; }
}

# Its files, the folder $work's, are made anew.
start_testpmd() { # PORT
	local vdev
	vdev=net_virtio_user0,path=$device,iface=$tap,queues=1,queue_size=$(queue_size "$1")
	vdev=$vdev,packed_vq=$(digit "$1" 1),in_order=$(digit "$1" 2),mrg_rxbuf=$(digit "$1" 3)
	rm -f "$work"/*
	mkfifo "$work/commands" || return
	: > "$work/testpmd"
	prompts=1
	# Received frames are not thrown away at the start, and what the ring has no room for is tried again.
	# shellcheck disable=SC2046 # words
	dpdk-testpmd -l 0,1 --no-pci --no-huge -m 128 --no-shconf --no-telemetry \
		--log-level=pmd.net.virtio.*:debug --vdev "$vdev" \
		-- -i --no-mlockall --total-num-mbufs=4096 $(buffers "$1") --no-flush-rx --port-topology=loop \
		< "$work/commands" > "$work/testpmd" 2>&1 &
	pmd_pid=$!
	exec 4> "$work/commands"
	wait_prompt && tell "set fwd macswap retry" && tell "set burst tx delay 10 retry 1000000" && tell start
}

# The prompt is there when a command is done; what the command prints comes when testpmd ends.
wait_prompt() {
	local deadline=$(($(date +%s) + 60))
	until [ "$(grep -o 'testpmd> ' "$work/testpmd" | wc -l)" -ge $prompts ]; do
		kill -0 "$pmd_pid" 2> /dev/null || return
		[ "$(date +%s)" -lt $deadline ] || return
		sleep 0.05
	done
}

tell() { # COMMAND
	echo "$1" >&4
	prompts=$((prompts + 1))
	wait_prompt
}

quit_testpmd() {
	local status
	echo quit >&4
	wait "$pmd_pid"
	status=$?
	pmd_pid=
	exec 4>&-
	return $status
}
