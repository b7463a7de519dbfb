// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { openDevice } from '../../../lib/index.js'
import { errnoMeaning } from '../../../lib/migration/errno-meaning.js'
import { personalities, personalityNames, simulationOf } from '../../../lib/simulated/index.js'

describe('the meaning of an errno', () => {
  it('is the uAPI’s where the driver is unknown or means nothing of its own', () => {
    const busy = 'the device or its firmware is busy'
    expect(errnoMeaning('EBUSY', ['running', 'stop'], undefined)).toBe(busy)
    expect(errnoMeaning('EBUSY', ['running', 'stop'], 'nvgrace_gpu_vfio_pci')).toBe(busy)
    expect(errnoMeaning('EBUSY', ['running', 'stop'], 'pds_vfio_pci')).toBe(busy)
    expect(errnoMeaning('EWEATHER', ['running', 'stop'], 'pds_vfio_pci')).toBe(
      'the driver failed the request',
    )
  })

  it.each(['mlx5_vfio_pci', 'mlx5-vfio-pci', 'mlx5'])('knows %s', (driver) => {
    expect(errnoMeaning('ENOTCONN', ['running', 'running-p2p'], driver)).toContain('being recovered')
  })

  it('depends on the hop', () => {
    const abort = errnoMeaning('EIO', ['pre-copy', 'running'], 'mlx5_vfio_pci')
    expect(abort).toContain('no other state change')
    expect(errnoMeaning('EIO', ['pre-copy-p2p', 'running-p2p'], 'mlx5_vfio_pci')).toBe(abort)
    for (const hop of [
      ['pre-copy-p2p', 'stop-copy'],
      ['running', 'running-p2p'],
    ] as const)
      expect(errnoMeaning('EIO', hop, 'mlx5_vfio_pci')).toContain('kernel log')
    expect(errnoMeaning('EINVAL', ['resuming', 'stop'], 'hisi_acc_vfio_pci')).toContain('part of the state')
    expect(errnoMeaning('EINVAL', ['running', 'stop'], 'hisi_acc_vfio_pci')).toContain('set up')
  })

  it('depends on the call', () => {
    expect(errnoMeaning('EFAULT', 'write', 'hisi_acc_vfio_pci')).toContain('match data')
    expect(errnoMeaning('ENOMEM', 'write', 'qat_vfio_pci')).toContain('more data')
    expect(errnoMeaning('EOPNOTSUPP', 'write', 'virtio_vfio_pci')).toContain('newer driver')
    expect(errnoMeaning('ENODEV', 'read', undefined)).toContain('ended')
    expect(errnoMeaning('EFAULT', 'read', 'hisi_acc_vfio_pci')).not.toContain('match data')
  })

  it('is told for every errno of a state change that a driver is known for', () => {
    for (const name of personalityNames) {
      for (const { operation, errnos } of personalities[name].errnos) {
        if (operation !== 'set-state') continue
        for (const errno of errnos) {
          const meaning = errnoMeaning(errno, ['running', 'stop'], personalities[name].driver ?? name)
          expect(`${name} ${errno}: ${meaning}`).not.toContain('the driver failed the request')
        }
      }
    }
  })
})

it('a transition that a device of a driver fails says what that driver means', async () => {
  await using device = await openDevice('sim:v2,as=mlx5,state=64KiB')
  expect(device).toMatchObject({ driver: 'simulated', personality: 'mlx5' })
  const migration = await device.migration()
  await migration.transition('pre-copy')
  expect(simulationOf(device).happen('abort-fails')).toBe(true)
  await expect(migration.transition('running')).rejects.toMatchObject({
    code: 'ERR_VFIO_TRANSITION',
    errnoName: 'EIO',
    actual: 'pre-copy',
    meaning: expect.stringContaining('no other state change'),
  })
  await using other = await openDevice('sim:v2,state=64KiB,fail=set-state:running:EIO:nth=2')
  const plain = await other.migration()
  await plain.transition('pre-copy')
  await plain.transition('running')
  await plain.transition('pre-copy')
  await expect(plain.transition('running')).rejects.toMatchObject({
    meaning: expect.not.stringContaining('no other state change'),
  })
})

it('so does one of v1', async () => {
  await using device = await openDevice('sim:v1,as=i915,state=64KiB,chunk=16KiB')
  const migration = await device.migration()
  await migration.transition('pre-copy')
  await expect(migration.transition('running', { direct: true })).rejects.toMatchObject({
    actual: 'error',
    meaning: expect.stringContaining('every refusal'),
  })
})
