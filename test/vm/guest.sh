#!/run/vfio-vm/busybox sh
# SPDX-License-Identifier: MIT
# The guest's process 1 once it stands on the host's files: mounts, modules, devices; then the command; then its exit code and power off.
# Speaks to the runner over virtio-serial ports: control (one line each: "say TEXT", "exit CODE", and "alive -" all the time), and stdout, stderr and dmesg, which
# end with a token that only this run knows.
vm=/run/vfio-vm
b=$vm/busybox
exec </dev/null >/dev/console 2>&1
. $vm/settings

$b mkdir -p /dev/pts /dev/shm /dev/hugepages
$b mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
$b mount -t tmpfs -o mode=1777 tmpfs /dev/shm
$b mount -t hugetlbfs hugetlbfs /dev/hugepages 2>/dev/null
$b mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
$b mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null
$b ln -snf /proc/self/fd /dev/fd
for n in 0:stdin 1:stdout 2:stderr; do $b ln -snf "/proc/self/fd/${n%:*}" "/dev/${n#*:}"; done
$b ifconfig lo 127.0.0.1 up 2>/dev/null
$b hostname vfio-vm
ulimit -Hn 65536
ulimit -n 4096

port() { # the device node of a named virtio-serial port
  for try in 0 1 2 3 4 5 6 7 8 9; do
    for name in /sys/class/virtio-ports/*/name; do
      if [ "$($b cat "$name" 2>/dev/null)" = "$1" ]; then
        name=${name%/name}
        echo "/dev/${name##*/}"
        return
      fi
    done
    $b sleep 0.2
  done
}
say() { echo "say $*" >&9; }
finish() {
  { $b dmesg; $b printf '\0%s' "$token"; } >"$(port dmesg)"
  $b sync
  echo "exit $1" >&9
  echo o >/proc/sysrq-trigger
  while :; do $b sleep 60; done
}
exec 9>"$(port control)"
while $b sleep 5; do echo 'alive -' >&9; done &
say "kernel $($b uname -r), $($b nproc) processors, $(($($b awk '/MemTotal/ { print $2 }' /proc/meminfo) / 1024)) MiB"

for module in $modules; do
  $b insmod "$module" || { say "cannot load $module: see the kernel log"; finish 125; }
done
. $vm/devices.sh
say "devices: $(summary)"

if [ -n "$shell" ]; then
  say "a shell on the console; leave it to power off"
  $b setsid $b cttyhack $b sh -c "cd '$directory'; . $vm/environment; exec $b sh -i" </dev/ttyS0 >/dev/ttyS0 2>&1
  finish $?
fi

# The command writes to pipes, as it would under any other runner; a pump each carries them to the ports.
pump() {
  $b cat "$vm/$1" &
  echo $! >"$vm/$1.pump"
  wait $!
  $b printf '\0%s' "$token"
}
$b mkfifo $vm/stdout $vm/stderr
pump stdout >"$(port stdout)" &
out=$!
pump stderr >"$(port stderr)" &
err=$!
# Shortly before the runner kills the machine, which says nothing about who was waiting for what.
if [ "$look_after" -gt 0 ]; then
  (
    exec 9>&-
    up=$($b cut -d. -f1 /proc/uptime)
    $b sleep "$((look_after > up ? look_after - up : 1))"
    {
      echo "the time is nearly over; where all threads stand:"
      $b sh $vm/threads.sh
    } >$vm/stderr
  ) &
  look=$!
fi
(exec 9>&-; exec $b setsid $b sh $vm/command) >$vm/stdout 2>$vm/stderr
code=$?
[ -z "$look" ] || kill "$look"
# A process that the command left behind may hold the pipes open: that must not hold the run, so the pumps are ended then.
(
  $b sleep 3
  kill $($b cat $vm/stdout.pump $vm/stderr.pump)
) 2>/dev/null &
wait $out $err
finish $code
