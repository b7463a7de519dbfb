#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the test kernel into an empty directory: build-kernel.sh SOURCE_TARBALL CONFIG DIRECTORY JOBS
# Leaves there: bzImage, vmlinux (for a debugger), modules/ (the kernel's own), build/ (a tree to build modules against),
# uapi/ (its user-space headers), release (its version).
set -eu
tarball=$1 config=$2 out=$3 jobs=$4

# The build must not depend on who runs it, or when.
export KBUILD_BUILD_USER=vfio-migration KBUILD_BUILD_HOST=localhost KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' LC_ALL=C
unset MAKEFLAGS MAKELEVEL CFLAGS CXXFLAGS CPPFLAGS LDFLAGS ARCH CROSS_COMPILE || true

mkdir -p "$out/build" "$out/modules"
echo "unpacking $tarball"
tar -xJf "$tarball" -C "$out/build" --strip-components=1
cd "$out/build"
make -s tinyconfig
# merge_config.sh sets a warning aside for every option that did not stick; the check below makes that an error.
scripts/kconfig/merge_config.sh -m .config "$config" >/dev/null
make -s olddefconfig
grep -E '^CONFIG_[A-Z0-9_]+=' "$config" | while IFS= read -r line; do
  case $line in
    *=n) ! grep -q "^${line%=n}=" .config || echo "$line" ;;
    *) grep -qxF "$line" .config || echo "$line" ;;
  esac
done >"$out/config-missing"
if [ -s "$out/config-missing" ]; then
  echo "these options do not hold on this kernel source:" >&2
  cat "$out/config-missing" >&2
  exit 1
fi
rm "$out/config-missing"

nice -n 5 make -s -j"$jobs" bzImage modules
# Not headers_install: that wants rsync for what is a copy.
make -s headers
mkdir "$out/uapi"
(cd usr/include && find . -name '*.h' | tar -cf - -T -) | tar -xf - -C "$out/uapi"
cp arch/x86/boot/bzImage "$out/bzImage"
make -s kernelrelease >"$out/release"
find . -name '*.ko' -exec cp {} "$out/modules/" \;
# Only what an out-of-tree module build reads is kept: scripts and objtool are programs, every other object is weight.
cp vmlinux "$out/vmlinux"
find . \( -name '*.o' -o -name '*.a' -o -name '.*.cmd' -o -name '*.ko' \) -not -path './scripts/*' -not -path './tools/objtool/*' -delete
rm -f vmlinux arch/x86/boot/compressed/vmlinux arch/x86/boot/compressed/vmlinux.bin*
