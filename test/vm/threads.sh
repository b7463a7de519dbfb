#!/run/vfio-vm/busybox sh
# SPDX-License-Identifier: MIT
# Where every thread of every process stands in the kernel: what is looked at when a run is about to be killed for taking too long.
b=/run/vfio-vm/busybox
for process in /proc/[0-9]*; do
  command=$($b tr '\0' ' ' <"$process/cmdline" 2>/dev/null)
  [ -n "$command" ] || continue # a kernel thread
  echo "process ${process#/proc/}: $($b printf '%.200s' "$command")"
  for task in "$process"/task/*; do
    state=$($b sed -n 's/^State:[[:space:]]*//p' "$task/status" 2>/dev/null)
    stack=$($b sed -n 's/^\[<0>\] \([^+]*\).*/\1/p' "$task/stack" 2>/dev/null | $b head -n 12 | $b tr '\n' ' ')
    echo "  ${task##*/} $($b cat "$task/comm" 2>/dev/null), $state: $stack"
  done
done 2>/dev/null
