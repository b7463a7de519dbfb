#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# First user space of the guest, in the initramfs: puts the host's root under an overlay (so that everything reads as on the host,
# and whatever is written goes to memory and is gone with the guest), and goes on there.
b=/bin/busybox
die() {
  echo "init: $*" >/dev/console
  $b sync
  echo o >/proc/sysrq-trigger
  $b sleep 60
}
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for module in $($b cat /vm/early-modules); do
  $b insmod "/vm/$module" || die "cannot load $module"
done
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576,cache=loose,ro root /host || die "no root over 9p"
$b mount -t tmpfs tmpfs /upper
$b mkdir /upper/files /upper/work
$b mount -t overlay -o lowerdir=/host,upperdir=/upper/files,workdir=/upper/work overlay /root || die "no overlay"

# Fresh /tmp and /run; what the run needs below them stays where it is on the host.
keep=0
while read -r path; do
  $b mkdir -p "/kept/$keep"
  $b mount --bind "/root$path" "/kept/$keep" || die "cannot keep $path"
  keep=$((keep + 1))
done </vm/keep
$b mount -t tmpfs -o mode=1777 tmpfs /root/tmp
$b mount -t tmpfs -o mode=755 tmpfs /root/run
keep=0
while read -r path; do
  $b mkdir -p "/root$path"
  $b mount --move "/kept/$keep" "/root$path" || die "cannot keep $path"
  keep=$((keep + 1))
done </vm/keep
while read -r tag path; do
  $b mkdir -p "/root$path"
  $b mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=none "$tag" "/root$path" || die "cannot mount $path"
done </vm/writable

$b mkdir /root/run/vfio-vm
$b cp -a /vm/. /bin/busybox /root/run/vfio-vm/
for mounted in proc sys dev; do $b mount --move /$mounted /root/$mounted; done
exec $b switch_root /root /run/vfio-vm/guest.sh
