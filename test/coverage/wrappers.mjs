// SPDX-License-Identifier: MIT
// Who wraps what: each request and each feature that native/uapi declares, the public way to it, and the calls of the addon that make it
// (as test/coverage/recorder.ts notes them: class and method; for an address space, its kind too). `why` stands where nothing does.

/** @type {Record<string, { api?: string, calls?: string[], why?: string }>} */
export const wrappers = {
  VFIO_GET_API_VERSION: { api: '`Container.apiVersion()`', calls: ['Container.apiVersion'] },
  VFIO_CHECK_EXTENSION: { api: '`Container.supports()`', calls: ['Container.checkExtension'] },
  VFIO_SET_IOMMU: {
    api: '`openDevice()`, `Container.setIommu()`',
    calls: ['Container.setIommu', 'Group.prepare'],
  },
  VFIO_GROUP_GET_STATUS: { api: '`Group.status()`', calls: ['Group.status'] },
  VFIO_GROUP_SET_CONTAINER: {
    api: '`openDevice()`, `Group.setContainer()`',
    calls: ['Group.setContainer', 'Group.prepare'],
  },
  VFIO_GROUP_UNSET_CONTAINER: { api: '`Group.unsetContainer()`', calls: ['Group.unsetContainer'] },
  VFIO_GROUP_GET_DEVICE_FD: { api: '`openDevice()`', calls: ['Group.device'] },
  VFIO_DEVICE_GET_INFO: { api: '`Device.info()`', calls: ['Device.info'] },
  VFIO_DEVICE_GET_REGION_INFO: { api: '`Device.regionInfo()`', calls: ['Device.regionInfo'] },
  VFIO_DEVICE_GET_IRQ_INFO: { api: '`Device.irqInfo()`', calls: ['Device.irqInfo'] },
  VFIO_DEVICE_SET_IRQS: { api: '`Device.interrupts()`, `Device.notices`', calls: ['Device.setIrqs'] },
  VFIO_DEVICE_RESET: { api: '`Device.reset()`', calls: ['Device.reset'] },
  VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: { api: '`Device.hotResetInfo()`', calls: ['Device.hotResetInfo'] },
  VFIO_DEVICE_PCI_HOT_RESET: { api: '`Device.hotReset()`', calls: ['Device.hotReset'] },
  VFIO_DEVICE_IOEVENTFD: { api: '`Region.ioeventfd()`', calls: ['Device.setIoeventfd'] },
  VFIO_DEVICE_FEATURE: {
    api: '`Device.feature()`, `Device.features()`',
    calls: ['Device.feature', 'Device.migrationFlags', 'Device.migrationState'],
  },
  VFIO_DEVICE_BIND_IOMMUFD: {
    api: "`openDevice(…, { path: 'cdev' })`",
    calls: ['addon.openDeviceNode', 'Iommufd.device'],
  },
  VFIO_DEVICE_ATTACH_IOMMUFD_PT: {
    api: "`openDevice(…, { path: 'cdev', addressSpace })`",
    calls: ['addon.openDeviceNode', 'Device.attach'],
  },
  VFIO_DEVICE_DETACH_IOMMUFD_PT: {
    api: '`Device.close()`',
    calls: ['Device.detach'],
    why: 'closing the device detaches it; the request itself is tested by injection (`test/native/kernel/cdev_test.cc`)',
  },
  VFIO_MIG_GET_PRECOPY_INFO: {
    api: '`DeviceSession.precopyInfo()`, switchover policies',
    calls: ['Session.precopyInfo'],
  },
  VFIO_IOMMU_GET_INFO: {
    api: '`AddressSpace.info()`',
    calls: ['AddressSpace type1.info', 'AddressSpace type1.map'],
  },
  VFIO_IOMMU_MAP_DMA: { api: '`AddressSpace.map()`', calls: ['AddressSpace type1.map'] },
  VFIO_IOMMU_UNMAP_DMA: {
    api: '`AddressSpace.unmap()`, `unmapAll()`, `DmaMapping.unmap()`',
    calls: ['AddressSpace type1.unmap', 'AddressSpace type1.unmapAll'],
  },
  VFIO_IOMMU_DIRTY_PAGES: {
    api: '`dirtyTrackingOf()`, `AddressSpace.startDirtyTracking()` and its fellows',
    calls: ['AddressSpace type1.startDirtyTracking', 'AddressSpace type1.reportDirty'],
  },
  IOMMU_DESTROY: {
    api: '`Ioas.close()`, `Hwpt.close()`, `Iommufd.destroy()`',
    calls: ['Ioas.close', 'Hwpt.close'],
  },
  IOMMU_OPTION: {
    api: '`Iommufd.memoryCharge()`, `Ioas.hugePages()`',
    calls: ['Iommufd.memoryCharge', 'Iommufd.setMemoryCharge', 'Ioas.hugePages', 'Ioas.setHugePages'],
  },
  IOMMU_VFIO_IOAS: {
    api: '`Iommufd.compatIoas()` and its fellows, `Iommufd.container()`',
    calls: ['Iommufd.compatIoas', 'Iommufd.setCompatIoas', 'Iommufd.clearCompatIoas'],
  },
  IOMMU_IOAS_ALLOC: { api: '`Iommufd.ioas()`, `openDevice()`', calls: ['Iommufd.ioas'] },
  IOMMU_IOAS_IOVA_RANGES: {
    api: '`AddressSpace.info()`',
    calls: ['AddressSpace ioas.info', 'AddressSpace ioas.map'],
  },
  IOMMU_IOAS_ALLOW_IOVAS: { api: '`Ioas.allowIovas()`', calls: ['Ioas.allowIovas'] },
  IOMMU_IOAS_MAP: { api: '`AddressSpace.map()`', calls: ['AddressSpace ioas.map'] },
  IOMMU_IOAS_COPY: { api: '`Ioas.copy()`', calls: ['Ioas.copy'] },
  IOMMU_IOAS_UNMAP: {
    api: '`AddressSpace.unmap()`, `unmapAll()`',
    calls: ['AddressSpace ioas.unmap', 'AddressSpace ioas.unmapAll'],
  },
  IOMMU_HWPT_ALLOC: { api: '`Ioas.hwpt()`, dirty tracking', calls: ['Ioas.hwpt'] },
  IOMMU_HWPT_SET_DIRTY_TRACKING: {
    api: '`dirtyTrackingOf()`, `Hwpt.setDirtyTracking()`',
    calls: ['Hwpt.setDirtyTracking', 'AddressSpace ioas.startDirtyTracking'],
  },
  IOMMU_HWPT_GET_DIRTY_BITMAP: {
    api: '`dirtyTrackingOf()`, `Hwpt.reportDirty()`',
    calls: ['Hwpt.reportDirty', 'AddressSpace ioas.reportDirty'],
  },
  IOMMU_GET_HW_INFO: { api: '`Iommufd.hwInfo()`', calls: ['Iommufd.hwInfo'] },

  VFIO_DEVICE_FEATURE_PCI_VF_TOKEN: {
    api: '`Device.setVfToken()`, `openDevice(…, { vfToken })`',
    calls: ['feature 0 set'],
  },
  VFIO_DEVICE_FEATURE_MIGRATION: { api: '`Device.migrationFlags()`', calls: ['Device.migrationFlags'] },
  VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE: {
    api: '`Device.migrationState()`, `setMigrationState()`',
    calls: ['Device.migrationState', 'Device.setMigrationState'],
  },
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY: {
    api: '`Device.lowPowerEntry()`',
    calls: ['feature 3 set'],
  },
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP: {
    api: '`Device.lowPowerEntry({ wakeup })`',
    calls: ['feature 4 set'],
  },
  VFIO_DEVICE_FEATURE_LOW_POWER_EXIT: { api: '`Device.lowPowerExit()`', calls: ['feature 5 set'] },
  VFIO_DEVICE_FEATURE_DMA_LOGGING_START: { api: '`Device.dmaLog.start()`', calls: ['Device.startDmaLog'] },
  VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP: { api: '`Device.dmaLog.stop()`', calls: ['Device.stopDmaLog'] },
  VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT: { api: '`Device.dmaLog.report()`', calls: ['Device.reportDmaLog'] },
  VFIO_DEVICE_FEATURE_MIG_DATA_SIZE: {
    api: '`Migration.stopCopySize()`',
    calls: ['Device.migrationDataSize'],
  },
  VFIO_DEVICE_FEATURE_BUS_MASTER: {
    api: '`Device.setBusMaster()`',
    calls: ['feature 10 set'],
    why: 'only vfio-cdx has it; tested by injection. For PCI: `PciConfig.setCommand()`',
  },
  VFIO_DEVICE_FEATURE_DMA_BUF: { api: '`Device.feature()`', why: 'newer than the kernel tested (6.19)' },
  VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2: {
    api: '`Device.feature()`',
    why: 'newer than the kernel tested (2026)',
  },
  VFIO_DEVICE_FEATURE_ZPCI_ERROR: {
    api: '`Device.feature()`',
    why: 's390, newer than the kernel tested (2026)',
  },
}
