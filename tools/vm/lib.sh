# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # what is set here is used by those who source it
# Shared by the scripts of this folder: the kernels, and where their things are.

# shellcheck source=tools/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
vm_dir=$vna_root/tools/vm
vm_kernels=(6.1 6.12 7.2)

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

# kernel_ready KERNEL: the same, prepared where it is not yet.
kernel_ready() {
	kernel_use "$1"
	[[ -e $kdir/prepared.o && ! $vm_dir/init -nt $kdir/base.cpio &&
		! $vm_dir/prepare -nt $kdir/base.cpio ]] ||
		"$vm_dir/prepare" "$kernel"
	uname_r=$(<"$kdir/prepared.o")
}
