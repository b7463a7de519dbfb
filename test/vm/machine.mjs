// SPDX-License-Identifier: MIT
// The virtual machine: QEMU's command line, with the devices that tests use.

/**
 * The arguments of qemu-system-x86_64.
 *
 * A q35 with a virtual IOMMU in front of everything that is not virtio. Behind a root port each (so that they have a bus reset and an
 * IOMMU group of their own): two "edu" devices (1234:11e8: DMA and MSI on command, 28-bit DMA addresses) and an NVMe controller with two
 * virtual functions to enable. On the root bus, 00:1f.2 is the board's AHCI controller, in one group with 00:1f.0 and .3.
 *
 * `sockets` maps the names of the ports (stdout, stderr, control, dmesg) to UNIX sockets to connect to, `writable` is a list of
 * directories, whose mount tags are writable0, writable1, ...
 */
export function qemuArguments({
  image,
  initramfs,
  append,
  memory,
  processors,
  accelerator,
  sockets,
  writable,
  shell,
  debug,
}) {
  const device = (text) => ['-device', text]
  const share = (id, path, more) => {
    const where = `path=${path.replaceAll(',', ',,')},security_model=none,multidevs=remap${more}`
    return ['-fsdev', `local,id=${id},${where}`, ...device(`virtio-9p-pci,fsdev=${id},mount_tag=${id}`)]
  }
  const port = ([name, path]) => [
    ...['-chardev', `socket,id=${name},path=${path.replaceAll(',', ',,')}`],
    ...device(`virtserialport,chardev=${name},name=${name}`),
  ]
  const rootPort = (n) => device(`pcie-root-port,id=rp${n},chassis=${n},slot=${n}`)
  const nvmeFunctions = 'sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=2,max_ioqpairs=6,msix_qsize=7'
  // Emulated, `rep movsb` moves a byte at a time: without these two the kernel copies three to four times faster.
  const processor = accelerator === 'tcg' ? 'max,-erms,-fsrm' : 'max'
  return [
    ...['-accel', accelerator, '-cpu', processor, '-smp', `${processors}`, '-m', memory],
    ...['-machine', 'q35,kernel-irqchip=split', ...device('intel-iommu,intremap=on,caching-mode=on')],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-serial', shell ? 'mon:stdio' : 'stdio'],
    ...['-kernel', image, '-initrd', initramfs, '-append', append],
    ...share('root', '/', ',readonly=on'),
    ...writable.flatMap((directory, n) => share(`writable${n}`, directory, '')),
    ...[...device('virtio-serial-pci'), ...Object.entries(sockets).flatMap(port)],
    ...[...rootPort(1), ...device('edu,bus=rp1')],
    ...[...rootPort(2), ...device('edu,bus=rp2')],
    ...[...rootPort(3), ...device('nvme-subsys,id=ss0')],
    ...device(`nvme,id=nv0,serial=vfio-vm,subsys=ss0,bus=rp3,${nvmeFunctions}`),
    ...(debug ? ['-s'] : []),
  ]
}
