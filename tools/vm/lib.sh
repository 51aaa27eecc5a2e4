# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # what is set here is used by those who source it
# Shared by the scripts of this folder: the kernels, and where their things are.

# shellcheck source=tools/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
vm_dir=$vna_root/tools/vm
vm_kernels=(6.1 6.12 7.2)

# The release whose QEMU boots the VMs, on every host. With several CPUs QEMU's TCG may keep a
# translation of what another CPU was writing (stale_int3/): bookworm's often enough that
# kernels die of it while they boot.
qemu_release=trixie

# kernel_use KERNEL: sets kernel, release, suites, chroot, kdir.
kernel_use() {
	kernel=$1
	case $kernel in
	6.1) release=bookworm ;;
	6.12 | 7.2) release=trixie ;;
	*) die "no kernel '$kernel': one of ${vm_kernels[*]}" ;;
	esac
	chroot=$vna_build/chroot/$release
	kdir=$vna_build/$kernel
}

# What says that a kernel or chroot is ready is named .o: "make M=… clean" removes
# every .o and .ko below the module's folder, so also those in the chroots. With
# them go these, and what was damaged is made anew.

# Whether the base of the initramfs is of these sources.
base_current() {
	local f
	for f in "$vm_dir"/{init,prepare,stale_int3/*}; do
		[[ ! $f -nt $kdir/base.cpio ]] || return
	done
}

# kernel_ready KERNEL: the same, prepared where it is not yet.
kernel_ready() {
	kernel_use "$1"
	[[ -e $kdir/prepared.o && -e $vna_build/chroot/$qemu_release.done.o ]] && base_current ||
		"$vm_dir/prepare" "$kernel"
	uname_r=$(<"$kdir/prepared.o")
}

# What boots a VM: QEMU of that release's chroot, run as it lies there.
qemu_command() { # sets: qemu_program
	local root=$vna_build/chroot/$qemu_release lib=usr/lib/x86_64-linux-gnu
	qemu_program=(env "QEMU_MODULE_DIR=$root/$lib/qemu"
		"$root/lib64/ld-linux-x86-64.so.2" --library-path "$root/$lib" --argv0 qemu-system-x86_64
		"$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios")
}
