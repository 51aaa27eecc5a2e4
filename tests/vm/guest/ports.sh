# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# vhostd, its ports, and nested guests on them by vhostctl run, for scripts that run in the VM and have host.sh. A guest
# has its files in a folder of its own; host.sh's functions are about the guest of the last of_guest.

base=$work
vhostd_pid=
qemu_0=
qemu_1=
reader_0=
reader_1=

declare_port() { # NAME [LINE]
	mkdir -p /etc/vhost-net-alt/ports.d
	printf 'owner = "root"\n%s\n' "${2-}" > "/etc/vhost-net-alt/ports.d/$1.toml"
}

start_vhostd() {
	mkdir -p /run/vhost-net-alt
	vhostd >> "$base/vhostd" 2>&1 &
	vhostd_pid=$!
	for _ in $(seq 100); do
		! vhostctl port show > /dev/null 2>&1 || return 0
		sleep 0.1
	done
	return 1
}

# What host.sh's functions are about from here on.
of_guest() { # NUMBER
	work=$base/$1
	results=$work/results
	eval "qemu_pid=\$qemu_$1"
}

start_port_guest() { # NUMBER [,PROPERTY=VALUE...]: on port webNUMBER
	mkdir "$base/$1" && of_guest "$1" || return
	mkfifo "$work/control.in" "$work/control.out" || return
	: > "$results"
	cat < "$work/control.out" >> "$results" &
	eval "reader_$1=\$!"
	vhostctl run --port "web$1" --device "virtio-net-pci,mac=52:54:00:76:6e:0$1,romfile=${2-}" -- \
		qemu-system-x86_64 -M pc,acpi=off -bios qboot.rom -accel tcg,tb-size=128 -cpu qemu64 -m 96M \
		-nodefaults -no-user-config -display none -vga none -no-reboot \
		-kernel /guest/vmlinux -initrd /guest/initramfs \
		-append "console=ttyS0 loglevel=5 panic=-1 reboot=t tsc=reliable" \
		-serial "file:$work/console" \
		-chardev "pipe,id=control,path=$work/control" -serial chardev:control \
		> "$work/qemu" 2>&1 < /dev/null &
	eval "qemu_$1=\$!"
}

end_guests_and_vhostd() {
	for pid in $qemu_0 $qemu_1 $vhostd_pid $reader_0 $reader_1; do
		kill -9 "$pid" 2> /dev/null
	done
	rm -rf "$base"
}
