// SPDX-License-Identifier: MIT
// Whole saves, loads, rollbacks and migrations of devices that behave like the drivers' own, and every habit of theirs as a user meets it.
import { describe, expect, it } from 'vitest'
import { errnoNumber } from '../../../lib/errors/index.js'
import {
  DirtyBitmap,
  type LoadSession,
  type MigratableDevice,
  migrate,
  openDevice,
  type SaveSession,
} from '../../../lib/index.js'
import {
  errnosOf,
  personalities,
  personalityNames,
  type SimulatedOperation,
  simulatedOperations,
  simulationOf,
} from '../../../lib/simulated/index.js'

function specOf(name: string, more = ''): string {
  const { protocol } = personalities[name as keyof typeof personalities]
  return `sim:${protocol},as=${name},state=256KiB,seed=7${protocol === 'v1' ? ',chunk=64KiB' : ''}${more}`
}

async function bytesOf(saving: SaveSession): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const { data } of saving) chunks.push(Buffer.from(data))
  return Buffer.concat(chunks)
}

async function memoryOf(device: MigratableDevice): Promise<Buffer> {
  return Buffer.from(await (await device.region(2)).read(0, 256 << 10))
}

async function savedBy(name: string, more = ''): Promise<Buffer> {
  await using device = await openDevice(specOf(name, more))
  const saving = await (await device.migration()).save()
  const bytes = await bytesOf(saving)
  await saving.complete()
  return bytes
}

async function loadInto(device: MigratableDevice): Promise<LoadSession> {
  return (await device.migration()).load()
}

describe.each(personalityNames)('a device like %s', (name) => {
  it.each([false, true])('migrates (pre-copy: %s)', async (preCopy) => {
    await using source = await openDevice(specOf(name))
    await using destination = await openDevice(specOf(name).replace('seed=7', 'seed=8'))
    const expected = await memoryOf(source)
    expect(await migrate(source, destination, { preCopy })).toMatchObject({
      ok: true,
      source: { state: 'stop' },
      destination: { state: 'running' },
    })
    expect((await memoryOf(destination)).equals(expected)).toBe(true)
  })

  it('migrates while it works', async () => {
    await using source = await openDevice(specOf(name, ',dirty-rate=4MiB'))
    await using destination = await openDevice(specOf(name).replace('seed=7', 'seed=8'))
    expect(await migrate(source, destination, { preCopy: true, preCopyTimeout: 100 })).toMatchObject({
      ok: true,
    })
  })

  it('goes back to running when its save is given up', async () => {
    await using device = await openDevice(specOf(name))
    const migration = await device.migration()
    const before = await memoryOf(device)
    for (const preCopy of [false, true]) {
      const saving = await migration.save({ preCopy })
      await saving.close()
      expect(saving.recovery).toMatchObject({ ok: true, state: 'running' })
    }
    expect((await memoryOf(device)).equals(before)).toBe(true)
    expect(await migration.transition('stop')).toBe('stop')
  })

  it('is running again after a migration that its destination failed', async () => {
    const operation = personalities[name].protocol === 'v1' ? 'register-write:data-size' : 'write'
    await using source = await openDevice(specOf(name))
    await using destination = await openDevice(specOf(name, `,fail=${operation}:EIO`))
    await expect(migrate(source, destination, { preCopy: true })).rejects.toMatchObject({
      source: { state: 'running' },
      destination: { state: 'running' },
    })
    expect(await migrate(source, destination)).toMatchObject({ ok: true })
  })

  it('takes no stream of another', async () => {
    const other = personalities[name].protocol === 'v1' ? undefined : name === 'pds' ? 'qat' : 'pds'
    if (other === undefined) return
    const stream = await savedBy(other)
    await using device = await openDevice(specOf(name))
    const loading = await loadInto(device)
    const loaded = (async () => {
      await loading.write(stream)
      await loading.complete()
    })()
    await expect(loaded).rejects.toMatchObject({ recovery: { steps: ['reset'], ok: true } })
  })

  it('has errnos, by their names, for whatever can be asked of it', () => {
    const { errnos, driver, source } = personalities[name]
    expect(personalities[name].name).toBe(name)
    expect(driver === undefined || driver.endsWith('_vfio_pci')).toBe(true)
    expect(source.length).toBeGreaterThan(0)
    for (const row of errnos) {
      expect(row.errnos.length).toBeGreaterThan(0)
      expect(new Set(row.errnos).size).toBe(row.errnos.length)
      for (const errno of row.errnos) expect(errnoNumber(errno)).toBeGreaterThan(0)
    }
    const v2Only = ['read', 'write', 'precopy-info']
    for (const operation of simulatedOperations) {
      const known = errnosOf(name, operation).length > 0
      const anyArgument = errnos.some((row) => row.operation === operation)
      const lacking =
        v2Only.includes(operation) &&
        (personalities[name].protocol === 'v1' || (operation === 'precopy-info' && !anyArgument))
      expect({ operation, known: known || anyArgument }).toEqual({ operation, known: !lacking })
    }
  })
})

it('a device without a personality can fail with what any driver fails with', () => {
  expect(errnosOf(undefined, 'write')).toEqual(expect.arrayContaining(['EFAULT', 'EOPNOTSUPP', 'EOVERFLOW']))
  expect(errnosOf('pds', 'set-state', 'stop-copy')).toContain('ENOENT')
  expect(errnosOf('pds', 'set-state', 'running')).not.toContain('ENOENT')
  expect(errnosOf('hisi_acc', 'set-state', 'running')).toEqual(['EINVAL'])
  expect(errnosOf('mlx5', 'reset')).toEqual(errnosOf('qat', 'reset'))
})

describe('mlx5', () => {
  it('wakes a read that waits for the firmware when the save is given up', async () => {
    await using device = await openDevice(specOf('mlx5', ',save-time=60s'))
    const migration = await device.migration()
    const saving = await migration.save()
    const reading = bytesOf(saving)
    const refused = expect(reading).rejects.toThrow()
    await new Promise((resolve) => setTimeout(resolve, 30))
    await saving.close()
    await refused
    expect(saving.recovery).toMatchObject({ ok: true, state: 'running' })
  })

  it('wakes a read with ENODEV when somebody resets the device', async () => {
    await using device = await openDevice(specOf('mlx5', ',save-time=60s'))
    const saving = await (await device.migration()).save()
    const refused = expect(bytesOf(saving)).rejects.toMatchObject({ code: 'ENODEV' })
    await new Promise((resolve) => setTimeout(resolve, 30))
    await device.reset()
    await refused
    await saving.close()
  })

  it('cannot be led back when its physical function has gone, except by a reset', async () => {
    for (const recovery of ['previous', 'reset'] as const) {
      await using source = await openDevice(specOf('mlx5', ',pf-gone=set-state:pre-copy-p2p'))
      const migration = await source.migration()
      const saving = await migration.save({ preCopy: true, recovery })
      await expect(bytesOf(saving)).rejects.toMatchObject({
        code: 'ERR_VFIO_TRANSITION',
        errnoName: 'ENOTCONN',
        meaning: expect.stringContaining('physical function'),
        recovery: recovery === 'reset' ? { ok: true, state: 'running' } : { ok: false, state: 'pre-copy' },
      })
      expect(simulationOf(source).firedEvents()).toMatchObject([{ rule: { kind: 'pf-gone' }, times: 1 }])
    }
  })

  it('fails an abort of pre-copy, and needs a reset then', async () => {
    await using device = await openDevice(specOf('mlx5', ',abort-fails=set-state:pre-copy'))
    const migration = await device.migration()
    const saving = await migration.save({ preCopy: true })
    await expect(saving.close()).rejects.toMatchObject({ recovery: { ok: false, state: 'pre-copy' } })
    await device.reset()
    expect(await migrate(device, await openDevice(specOf('mlx5')))).toMatchObject({ ok: true })
  })

  it('can be neither ended nor given up when a save failed behind the user’s back', async () => {
    await using device = await openDevice(specOf('mlx5', ',save-fails=read:nth=2'))
    const migration = await device.migration()
    const saving = await migration.save({ preCopy: true })
    await expect(bytesOf(saving)).rejects.toMatchObject({
      code: 'ENODEV',
      recovery: { ok: false, state: 'pre-copy' },
    })
    await device.reset()
    expect(await migration.state()).toBe('running')
  })

  it('commits a part of a state without a word', async () => {
    const stream = await savedBy('mlx5')
    await using device = await openDevice(specOf('mlx5'))
    const loading = await loadInto(device)
    await loading.write(stream.subarray(0, stream.length / 2))
    await loading.complete()
    expect(await (await device.migration()).state()).toBe('running')
  })
})

it('hisi_acc says EFAULT to another device’s data while the source still runs', async () => {
  await using source = await openDevice(specOf('hisi_acc'))
  await using destination = await openDevice(specOf('hisi_acc').replace('256KiB', '512KiB'))
  const saving = await (await source.migration()).save({ preCopy: true })
  const loading = await loadInto(destination)
  const chunks = saving[Symbol.asyncIterator]()
  const first = await chunks.next()
  expect(first.value?.data.length).toBe(32)
  await expect(loading.write(Buffer.from(first.value?.data ?? []))).rejects.toMatchObject({ code: 'EFAULT' })
  expect(await (await source.migration()).state()).toBe('pre-copy')
  await saving.close()
})

it('qat takes no more than its state', async () => {
  const stream = await savedBy('qat')
  await using device = await openDevice(specOf('qat'))
  const loading = await loadInto(device)
  await loading.write(stream.subarray(0, stream.length - 1))
  await expect(loading.write(stream.subarray(stream.length - 2))).rejects.toMatchObject({ code: 'ENOMEM' })
})

describe('pds', () => {
  it('in its error state answers EIO, which the library does not ask for', async () => {
    await using device = await openDevice(specOf('pds', ',async-error=read:nth=2'))
    const migration = await device.migration()
    const saving = await migration.save({ bufferSize: 65_536 })
    await expect(bytesOf(saving)).rejects.toMatchObject({
      code: 'ENODEV',
      recovery: { ok: false, state: 'error' },
    })
    await expect(migration.transition('running')).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
    await expect(device.setMigrationState(2)).rejects.toMatchObject({ code: 'EIO' })
    await device.reset()
    expect(await migration.state()).toBe('running')
  })

  it('gives up in running only while it logs', async () => {
    await using device = await openDevice(specOf('pds'))
    const migration = await device.migration()
    expect(simulationOf(device).happen('async-error')).toBe(false)
    expect(await migration.state()).toBe('running')
    await device.dmaLog.start([{ iova: 0n, length: 65_536n }])
    expect(simulationOf(device).happen('async-error')).toBe(true)
    expect(await migration.state()).toBe('error')
  })

  it('has forgotten what it logged once it leaves stop-copy', async () => {
    await using device = await openDevice(specOf('pds'))
    await device.dmaLog.start([{ iova: 0n, length: 65_536n }])
    const migration = await device.migration()
    await migration.transition('stop-copy')
    await device.dmaLog.report(DirtyBitmap.create(0n, 65_536))
    await migration.transition('stop')
    await expect(device.dmaLog.report(DirtyBitmap.create(0n, 65_536))).rejects.toMatchObject({
      code: 'EINVAL',
    })
  })
})

describe('virtio', () => {
  it('never settles, so that a policy that waits for nothing to be dirty runs into the limit', async () => {
    await using source = await openDevice(specOf('virtio'))
    await using destination = await openDevice(specOf('virtio'))
    const seen: (bigint | undefined)[] = []
    await migrate(source, destination, {
      preCopy: true,
      preCopyTimeout: 1500,
      switchover: ({ dirtyBytes }) => {
        seen.push(dirtyBytes)
        return 'continue'
      },
    })
    expect(seen).toContain(256n << 10n)
  })

  it('takes its time to say the data size', async () => {
    await using device = await openDevice(specOf('virtio'))
    const began = performance.now()
    await device.migrationDataSize()
    expect(performance.now() - began).toBeGreaterThan(15)
    await using quick = await openDevice(specOf('virtio', ',delay=data-size:1ms'))
    const again = performance.now()
    await quick.migrationDataSize()
    expect(performance.now() - again).toBeLessThan(15)
  })
})

it('xe and qat stop altogether in the P2P states', async () => {
  for (const name of ['xe', 'qat', 'mlx5']) {
    await using device = await openDevice(specOf(name))
    const registers = await device.region(0)
    const migration = await device.migration()
    await migration.transition('running-p2p')
    await registers.writeRegister(0x1c, 4, 2)
    expect(await registers.readRegister(0x28, 8)).toBe(name === 'mlx5' ? 1n : 0n)
    await migration.transition('running')
    expect(await registers.readRegister(0x28, 8)).toBe(1n)
  }
})

it('an explicit option goes before what the personality brings', async () => {
  await using device = await openDevice(specOf('mlx5', ',precopy=off,p2p=off'))
  const { capabilities } = await device.migration()
  expect(capabilities).toMatchObject({ preCopy: false, p2p: false })
})

it.each([
  ['qat', 'pf-gone'],
  ['pds', 'save-fails'],
  ['virtio', 'abort-fails'],
] as const)('nothing of mlx5’s happens to %s (%s)', async (name, kind) => {
  await expect(openDevice(specOf(name, `,${kind}=1ms`))).rejects.toMatchObject({
    code: 'ERR_VFIO_DEVICE_SPEC',
    message: expect.stringContaining('mlx5 only'),
  })
})

it('what a simulated device answers by itself is in its table', async () => {
  const answered = async (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error: { code?: string; errnoName?: string }) => error.errnoName ?? error.code,
    )
  const stream = await savedBy('qat')
  const seen: [string, SimulatedOperation, string | undefined][] = []
  for (const name of ['mlx5', 'hisi_acc', 'pds', 'qat', 'virtio', 'xe'] as const) {
    await using device = await openDevice(specOf(name))
    const loading = await loadInto(device)
    seen.push([name, 'write', await answered(loading.write(Buffer.alloc(64, 0xa5)))])
    await loading.close()
    const over = await loadInto(device)
    seen.push([name, 'write', await answered(over.write(Buffer.alloc(2 * stream.length)))])
    await over.close()
  }
  for (const [name, operation, errno] of seen) {
    if (errno !== undefined) expect(errnosOf(name as 'qat', operation)).toContain(errno)
  }
  expect(seen.filter(([, , errno]) => errno !== undefined).length).toBeGreaterThan(6)
})
