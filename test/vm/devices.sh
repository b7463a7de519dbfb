# SPDX-License-Identifier: MIT
# Sourced by guest.sh: makes the devices that every run has (two mtty ports, made to migrate to each other), and says what there is.
mtty_type=/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2
mtty_source=83b8f4f2-509f-382f-3c1e-e6bfe0fa1001
mtty_target=83b8f4f2-509f-382f-3c1e-e6bfe0fa1002
if [ -d $mtty_type ]; then
  for uuid in $mtty_source $mtty_target; do echo $uuid >$mtty_type/create || say "no mtty device $uuid"; done
  echo "export VFIO_TEST_MTTY=$mtty_source,$mtty_target" >>$vm/environment
fi

# One line: mdev types with the number of devices that can still be made, and PCI functions that tests may take.
summary() {
  for type in /sys/class/mdev_bus/*/mdev_supported_types/*; do
    [ -d "$type" ] || continue
    parent=${type%/mdev_supported_types/*}
    $b printf '%s/%s (%s free) ' "${parent##*/}" "${type##*/}" "$($b cat "$type/available_instances")"
  done
  for function in /sys/bus/pci/devices/*; do
    case "$($b cat "$function/vendor"):$($b cat "$function/device")" in
      0x1234:0x11e8) $b printf 'edu %s ' "${function##*/}" ;;
      0x1b36:0x0010) $b printf 'nvme %s ' "${function##*/}" ;;
      0x8086:0x2922) $b printf 'ahci %s ' "${function##*/}" ;;
    esac
  done
  $b printf 'nodes: %s' "$(cd /dev/vfio && $b find . -type c | $b sed 's,^./,,' | $b sort | $b tr '\n' ' ')"
}
