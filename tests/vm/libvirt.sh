#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# libvirt.sh [-v]: a guest whose NICs libvirt puts on /dev/vhost-net-alt, as the README says: one on a tap that libvirt
# makes, one on that of a port of vhostd's. Runs inside the test VM. Output is KTAP; -v shows the guest's reports and
# console, and libvirt's log.
#
#      10.77.0.1, 10.77.1.1
#             vnbr0
#            /     \
#        vnet0     web1
#           \       /
#             guest

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/vm/guest/host.sh
. "$(dirname "$0")/guest/host.sh"
# shellcheck source=tests/vm/guest/ports.sh
. "$(dirname "$0")/guest/ports.sh"

verbose=no
[ "${1:-}" != -v ] || verbose=yes
megabytes=4
libvirtd_pid=

end_all() {
	[ -z "$libvirtd_pid" ] || kill "$libvirtd_pid" 2> /dev/null
	qemu_0=$qemu_pid
	reader_0=$reader_pid
	end_guests_and_vhostd
}

show_all() {
	for file in "$base"/vhostd "$base"/libvirtd "$base"/virsh /var/log/libvirt/qemu/guest.log "$base"/console "$results"; do
		[ ! -f "$file" ] || tail -n 60 "$file" | sed "s,^,# ${file##*/}: ,"
	done
}

give_up() {
	show_all
	bail_out "$1"
}

# Everything is root's here, and of this machine.
start_libvirtd() {
	grep -q '^libvirt-qemu:' /etc/passwd || # whom it looks up, whoever is to run QEMU
		echo 'libvirt-qemu:x:64055:64055::/:/bin/false' >> /etc/passwd
	grep -q '^libvirt-qemu:' /etc/group || echo 'libvirt-qemu:x:64055:' >> /etc/group
	[ -e /var/run ] || { mkdir -p /var && ln -s /run /var/run; }
	mkdir -p /etc/libvirt /var/lib/libvirt /var/log/libvirt/qemu /var/cache/libvirt
	cat > /etc/libvirt/qemu.conf <<- END
	user = "root"
	group = "root"
	dynamic_ownership = 0
	remember_owner = 0
	security_driver = "none"
	namespaces = []
	cgroup_controllers = []
	stdio_handler = "file"
	END
	cat > /etc/libvirt/libvirtd.conf <<- END
	unix_sock_group = "root"
	auth_unix_rw = "none"
	auth_unix_ro = "none"
	log_outputs = "2:stderr"
	END
	libvirtd > "$base/libvirtd" 2>&1 &
	libvirtd_pid=$!
	local deadline=$(($(date +%s) + 120))
	while [ "$(date +%s)" -lt $deadline ]; do
		! virsh -q uri > "$base/virsh" 2>&1 || return 0
		kill -0 $libvirtd_pid || return
		sleep 0.2
	done
	return 1
}

# As in the README.
of_bridge="
	<interface type='bridge'>
	  <source bridge='vnbr0'/>
	  <mac address='52:54:00:76:6e:00'/>
	  <model type='virtio'/>
	  <backend tap='/dev/net/tun' vhost='/dev/vhost-net-alt'/>
	  <rom enabled='no'/>
	</interface>"
of_port="
	<interface type='ethernet'>
	  <target dev='web1' managed='no'/>
	  <mac address='52:54:00:76:6e:01'/>
	  <model type='virtio'/>
	  <backend tap='/dev/net/tun' vhost='/dev/vhost-net-alt'/>
	  <rom enabled='no'/>
	</interface>"

start_libvirt_guest() {
	mkfifo "$work/control.in" "$work/control.out" || return
	: > "$results"
	cat < "$work/control.out" >> "$results" &
	reader_pid=$!
	choose_accel
	# Where there is no KVM libvirt leaves vhost out, whatever the XML says.
	[ $accel = kvm ] || return
	cat > "$base/guest.xml" <<- END
	<domain type='$accel'>
	  <name>guest</name>
	  <memory unit='MiB'>128</memory>
	  <vcpu>1</vcpu>
	  <os>
	    <type arch='x86_64' machine='pc'>hvm</type>
	    <loader type='rom'>/usr/share/qemu/qboot.rom</loader>
	    <kernel>/guest/vmlinux</kernel>
	    <initrd>/guest/initramfs</initrd>
	    <cmdline>console=ttyS0 loglevel=5 panic=-1 reboot=t tsc=reliable</cmdline>
	  </os>
	  <cpu mode='custom' match='exact' check='none'><model>qemu64</model></cpu>
	  <on_reboot>destroy</on_reboot>
	  <devices>
	    <emulator>/usr/bin/qemu-system-x86_64</emulator>
	    <controller type='usb' model='none'/>
	    <memballoon model='none'/>
	    <serial type='file'><source path='$work/console'/></serial>
	    <serial type='pipe'><source path='$work/control'/></serial>
	    $of_bridge
	    $of_port
	  </devices>
	</domain>
	END
	virsh -q create "$base/guest.xml" > "$base/virsh" 2>&1 || return
	qemu_pid=$(cat /run/libvirt/qemu/guest.pid)
}

# Which taps do devices of ours serve?
is_ours() {
	vhostctl -s queue show > "$base/queues" || return
	diagnose "$base/queues"
	grep -q 'ifname vnet0' "$base/queues" && grep -q 'ifname web1' "$base/queues"
}

outcome() { # STATUS TEXT
	report "$1" "$2"
	if [ "$1" -eq 0 ]; then echo "# $(speed)"; else diagnose "$work/client"; fi
}

# The pipe's other end is not this shell's child: libvirt's.
ends() {
	echo quit 1<> "$work/control.in"
	for _ in $(seq 300); do
		[ "$(virsh -q list --name 2> /dev/null)" ] || break
		sleep 0.2
	done
	[ -z "$(virsh -q list --name)" ] && grep -q '^bye' "$results" && ! grep -q '^error' "$results"
}

trap end_all EXIT
trap 'exit 1' INT TERM
modprobe bridge && load_module || bail_out "the module does not load"
ip link add vnbr0 type bridge mcast_snooping 0 && ip link set vnbr0 up && ip addr add 10.77.0.1/24 dev vnbr0 &&
	ip addr add 10.77.1.1/24 dev vnbr0 || bail_out "no bridge"
declare_port web1 'bridge = "vnbr0"'
start_vhostd || give_up "vhostd does not answer"
start_libvirtd || give_up "libvirtd does not answer"

plan 10
start_libvirt_guest || give_up "libvirt does not start the guest"
guest_is_up || give_up "the guest did not come up"
report 0 "libvirt $(libvirtd --version | sed 's/.* //') starts a guest"
for nic in 0 1; do
	transfer send $nic $((megabytes << 20)) $((nic * 2 + 1))
	outcome $? "nic $nic: TCP $megabytes MB to the guest, SHA-256 equal"
	transfer receive $nic $((megabytes << 20)) $((nic * 2 + 2))
	outcome $? "nic $nic: TCP $megabytes MB from the guest, SHA-256 equal"
done
is_ours
report $? "both NICs are served by /dev/vhost-net-alt"
kill -9 "$vhostd_pid"
kill "$libvirtd_pid" && wait "$libvirtd_pid"
ping_guest 1
report $? "without vhostd and libvirtd the guest goes on"
start_vhostd && start_libvirtd || give_up "vhostd or libvirtd does not answer again"
ends
report $? "the guest powers off, as libvirt knows"
[ $verbose = no ] || show_all
[ $failures -eq 0 ] || show_all
kill "$libvirtd_pid" && wait "$libvirtd_pid"
libvirtd_pid=
kill "$vhostd_pid" && wait "$vhostd_pid" && rmmod vhost_net_alt
report $? "nothing holds the module any more"
vhostd_pid=
kernel_log_clean
[ $failures -eq 0 ]
