// SPDX-License-Identifier: MIT

// Drivers whose devices speak VFIO but that do not carry it in their name.
const known = new Set(['i915_vfio_pci', 'vfio_mdev', 'vfio-fsl-mc', 'vfio_ap_mdev', 'nvgrace-gpu-vfio-pci'])

/** Whether a driver of this name offers VFIO: `vfio-pci` and its variants (`mlx5_vfio_pci`, `hisi-acc-vfio-pci`), `vfio-platform`, … */
export function isVfioDriver(name: string): boolean {
  return known.has(name) || /(?:^|[-_])vfio(?:[-_]|$)/.test(name)
}

// Kernel drivers with `driver_managed_dma`: they leave DMA to whoever owns the group (drivers/pci/pcie/portdrv.c, pci-stub.c).
const harmless = new Set(['pcieport', 'pci-stub', 'shpchp'])

/** Whether a sibling bound to this driver leaves its IOMMU group usable for VFIO. */
export function leavesGroupViable(driver: string | undefined): boolean {
  return driver === undefined || isVfioDriver(driver) || harmless.has(driver)
}
