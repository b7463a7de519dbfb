#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the test kernel into an empty directory: build-kernel.sh SOURCE_TARBALL CONFIG DIRECTORY JOBS
# Leaves there: bzImage, vmlinux (for a debugger), modules/ (the kernel's own), build/ (a tree to build modules against),
# uapi/ (its user-space headers), System.map, release (its version).
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
mv vmlinux System.map "$out/"
# Only what an out-of-tree module build reads is kept: headers, makefiles, and the programs of scripts/ and objtool.
mv tools/objtool/objtool "$out/objtool"
for entry in $(ls -A); do
  case $entry in
    .config | Makefile | Kbuild | Kconfig | Module.symvers | arch | include | scripts | localversion*) ;;
    *) rm -rf "$entry" ;;
  esac
done
mkdir -p tools/objtool
mv "$out/objtool" tools/objtool/objtool
for entry in $(ls -A arch); do [ "$entry" = x86 ] || rm -rf "arch/$entry"; done
find arch scripts -type f \( -name '*.o' -o -name '*.a' -o -name '.*.cmd' -o -name 'bzImage' -o -name 'vmlinux*' \) \
  -not -name '*.lds*' -delete
# Nothing of this is needed if a module cannot be built with it: say so now, not at the first module.
mkdir "$out/probe"
printf '#include <linux/module.h>\nMODULE_LICENSE("GPL");\n' >"$out/probe/probe.c"
echo 'obj-m := probe.o' >"$out/probe/Makefile"
make -s -C "$out/build" M="$out/probe" modules
rm -r "$out/probe"
