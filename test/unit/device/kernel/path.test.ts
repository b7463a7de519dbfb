// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { choosePath, type PathFacts } from '../../../../lib/device/kernel/path.js'

const both: PathFacts = {
  cdev: '/dev/vfio/devices/vfio0',
  group: { node: '/dev/vfio/3', noiommu: false },
}
const noNode: PathFacts = { ...both, cdev: undefined }
const noGroup: PathFacts = { ...both, group: { node: undefined, noiommu: false } }

describe('which path a device is opened by', () => {
  it('is the group where nothing is asked', () => {
    expect(choosePath({}, both, 'd')).toBe('group')
    expect(choosePath({ path: 'auto', needs: [] }, noNode, 'd')).toBe('group')
  })

  it('is the node where the kernel makes no groups, or the device is named by it', () => {
    expect(choosePath({}, noGroup, 'd')).toBe('cdev')
    expect(choosePath({ byNode: true }, both, 'd')).toBe('cdev')
  })

  it('is what was asked for, above how the device was named', () => {
    expect(choosePath({ path: 'cdev' }, both, 'd')).toBe('cdev')
    expect(choosePath({ path: 'group', byNode: true }, both, 'd')).toBe('group')
  })

  it.each([
    ['type1-dirty-tracking', 'group'],
    ['peer-to-peer', 'group'],
    ['hwpt-dirty-tracking', 'cdev'],
  ] as const)('%s is had by the %s', (need, path) => {
    expect(choosePath({ needs: [need], byNode: path === 'group' }, both, 'd')).toBe(path)
  })

  it('follows the address space', () => {
    expect(choosePath({ addressSpace: 'ioas' }, both, 'd')).toBe('cdev')
    expect(choosePath({ addressSpace: 'container', byNode: true }, both, 'd')).toBe('group')
  })

  it.each([
    { needs: ['hwpt-dirty-tracking', 'type1-dirty-tracking'] },
    { path: 'group', needs: ['hwpt-dirty-tracking'] },
    { path: 'cdev', addressSpace: 'container' },
    { addressSpace: 'ioas', needs: ['peer-to-peer'] },
  ] as const)('refuses what no path can do: %j', (request) => {
    expect(() => choosePath(request, both, 'd')).toThrow(
      expect.objectContaining({
        code: 'ERR_VFIO_UNSUPPORTED',
        message: expect.stringContaining('leave one of them out'),
      }),
    )
  })

  it('never takes the node of a device without an IOMMU', () => {
    const facts: PathFacts = { ...both, group: { node: '/dev/vfio/noiommu-0', noiommu: true } }
    expect(choosePath({ byNode: true }, facts, 'd')).toBe('group')
    expect(() => choosePath({ path: 'cdev' }, facts, 'd')).toThrow('a group without an IOMMU')
  })

  it('shows a VF token through the group', () => {
    expect(choosePath({ vfToken: true, byNode: true }, both, 'd')).toBe('group')
  })

  it('says what the kernel lacks', () => {
    expect(() => choosePath({ needs: ['hwpt-dirty-tracking'] }, noNode, 'd')).toThrow(
      'CONFIG_VFIO_DEVICE_CDEV',
    )
    expect(() => choosePath({ path: 'group' }, noGroup, 'd')).toThrow('CONFIG_VFIO_GROUP')
  })
})
