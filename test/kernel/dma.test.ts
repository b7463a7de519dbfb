// SPDX-License-Identifier: MIT
// Address spaces of the kernel: a type1 container with an IOMMU behind it (edu, QEMU's teaching device), and with emulated devices alone.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { Container } from '../../lib/device/kernel/container.js'
import { KernelGroup } from '../../lib/device/kernel/group.js'
import { locateDevice } from '../../lib/device/kernel/locate.js'
import { DirtyBitmap, DmaBuffer, type MigratableDevice, openDevice } from '../../lib/index.js'
import { expectedMemory } from '../support/generator.js'
import { requires } from '../support/requirement.js'
import { Edu, LAST_REACHABLE, OWN_BYTES } from './support/edu.js'
import { createTestDevice, hasTestModule, removeDevice } from './support/mdev.js'
import { bindToVfio, functionsLike } from './support/pci-function.js'

const PAGE = 4096
const IOVA = 0x10_0000n
const run = promisify(execFile)

function program(name: string): string {
  return fileURLToPath(new URL(`programs/${name}`, import.meta.url))
}

const edus = functionsLike('0x1234', '0x11e8')
requires(
  'two edu functions behind an IOMMU',
  edus.length >= 2,
  'there are fewer; npm run test:kernel has a machine with them',
).describe('a container with an IOMMU behind it', () => {
  const [first = '', second = ''] = edus
  const restore: (() => void)[] = []
  const open: AsyncDisposable[] = []
  beforeAll(() => {
    for (const address of [first, second]) restore.push(bindToVfio(address))
  })
  afterAll(() => {
    for (const give of restore) give()
  })
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
  })
  const opened = async (
    address: string,
    options: Parameters<typeof openDevice>[1] = {},
  ): Promise<MigratableDevice> => {
    const device = await openDevice(address, options)
    open.push(device)
    return device
  }
  const allocated = async (size: number): Promise<DmaBuffer> => {
    const buffer = await DmaBuffer.allocate(size)
    open.push(buffer)
    return buffer
  }

  it('carries DMA out of a buffer and into it', async () => {
    const device = await opened(first)
    const edu = await Edu.of(device)
    const buffer = await allocated(2 * PAGE)
    const bytes = new Uint8Array(buffer.buffer)
    const mapping = await (await device.addressSpace()).map(buffer, { highest: LAST_REACHABLE })
    expect(mapping.iova + mapping.size - 1n).toBeLessThanOrEqual(LAST_REACHABLE)
    bytes.set(expectedMemory(21, PAGE))
    await edu.fetch(mapping.iova, OWN_BYTES)
    await edu.store(mapping.iova + BigInt(PAGE) + 256n, 1024)
    const expected = new Uint8Array(2 * PAGE)
    expected.set(expectedMemory(21, PAGE))
    expected.set(expectedMemory(21, PAGE).subarray(0, 1024), PAGE + 256)
    expect(Buffer.compare(bytes, expected)).toBe(0)
  })

  it('stops DMA at what is not mapped, not writable, or no more mapped', async () => {
    const device = await opened(first)
    const edu = await Edu.of(device)
    const space = await device.addressSpace()
    const buffer = await allocated(PAGE)
    const bytes = new Uint8Array(buffer.buffer)
    const mapping = await space.map(buffer, { iova: IOVA })
    bytes.fill(0x11)
    await edu.fetch(IOVA, OWN_BYTES)
    await mapping.unmap()
    bytes.fill(0x22)
    await edu.store(IOVA, OWN_BYTES)
    expect(bytes.every((byte) => byte === 0x22)).toBe(true)
    await space.map(buffer, { iova: IOVA, access: 'read' })
    await edu.store(IOVA, OWN_BYTES)
    expect(bytes.every((byte) => byte === 0x22)).toBe(true)
    await edu.fetch(IOVA, OWN_BYTES)
    await space.unmapAll()
    await space.map(buffer, { iova: IOVA })
    bytes.fill(0)
    await edu.store(IOVA, OWN_BYTES)
    expect(bytes.every((byte, at) => byte === (at < OWN_BYTES ? 0x22 : 0))).toBe(true)
  })

  it('is shared by two devices, which see the same memory at the same address', async () => {
    const one = await opened(first)
    const space = await one.addressSpace()
    const other = await opened(second, { addressSpace: space })
    expect(await other.addressSpace()).toBe(space)
    const buffer = await allocated(2 * PAGE)
    await space.map(buffer, { iova: IOVA })
    const bytes = new Uint8Array(buffer.buffer)
    bytes.set(expectedMemory(4, PAGE))
    for (const device of [one, other]) {
      const edu = await Edu.of(device)
      bytes.fill(0, PAGE)
      await edu.fetch(IOVA, OWN_BYTES)
      await edu.store(IOVA + BigInt(PAGE), OWN_BYTES)
      expect(Buffer.compare(bytes.subarray(PAGE, PAGE + OWN_BYTES), bytes.subarray(0, OWN_BYTES))).toBe(0)
    }
    await expect(space.close()).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
    await space.close({ devices: 'close' })
    expect([one.closed, other.closed]).toEqual([true, true])
  })

  it('says what may be mapped, and refuses the rest with the limit in the message', async () => {
    const device = await opened(first)
    const space = await device.addressSpace()
    const info = await space.info()
    expect(info.pageSizes[0]).toBe(4096n)
    expect(info.dirtyPageSizes).toEqual([4096n])
    expect(info.largestDirtyBitmap).toBe(1n << 28n)
    expect(info.mappingsLeft).toBeGreaterThan(0n)
    // Addresses that the machine takes for interrupts are no memory.
    expect(info.ranges[0]).toEqual({ first: 0n, last: 0xfedf_ffffn })
    const buffer = await allocated(PAGE)
    await expect(space.map(buffer, { iova: 0xfee0_0000n })).rejects.toMatchObject({
      code: 'EINVAL',
      message: expect.stringContaining('0x0-0xfedfffff'),
    })
    await expect(space.map(buffer, { iova: 0x800n })).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(space.read(IOVA, 1)).rejects.toMatchObject({ code: 'ERR_VFIO_UNSUPPORTED' })
    await space.map(buffer, { iova: IOVA })
    expect((await space.info()).mappingsLeft).toBe((info.mappingsLeft ?? 0n) - 1n)
  })

  it('takes everything for dirty that is mapped, since its hardware cannot tell', async () => {
    const space = await (await opened(first)).addressSpace()
    await space.map(await allocated(3 * PAGE), { iova: IOVA })
    await space.startDirtyTracking()
    for (let round = 0; round < 2; round++) {
      const bitmap = await space.reportDirty(DirtyBitmap.create(IOVA, 8 * PAGE))
      expect([...bitmap.runs()]).toEqual([{ iova: IOVA, length: 3n * 4096n }])
    }
    const last = DirtyBitmap.create(IOVA, 3 * PAGE)
    expect(await space.unmap(IOVA, 3 * PAGE, { dirty: last })).toBe(3n * 4096n)
    expect(last.dirtyPages).toBe(3)
    await space.stopDirtyTracking()
  })

  it('pins no more than the process may lock, and says what that is', async () => {
    const limit = 1 << 20
    const child = [
      'prlimit',
      `--memlock=${limit}:${limit}`,
      process.execPath,
      program('memlock.mjs'),
      first,
      `${4 * limit}`,
    ]
    const { stdout } = await run('setpriv', [
      '--bounding-set=-ipc_lock',
      '--inh-caps=-ipc_lock',
      '--',
      ...child,
    ])
    expect(JSON.parse(stdout)).toEqual([
      'mapped 262144',
      { code: 'ENOMEM', message: expect.stringMatching(/RLIMIT_MEMLOCK is 1048576 bytes.*CAP_IPC_LOCK/) },
    ])
  })

  it('is there as the kernel’s own noun too', async () => {
    const located = await locateDevice(first, { spec: first, allowNoIommu: false })
    await using container = await Container.open()
    await expect(container.iommuInfo()).rejects.toMatchObject({ code: 'EINVAL' })
    await using group = await KernelGroup.open(located.group.id)
    await group.prepare({ container })
    expect((await container.iommuInfo()).ranges.length).toBeGreaterThan(1)
    await using space = container.addressSpace()
    await using buffer = await DmaBuffer.allocate(PAGE)
    await space.map(buffer, { iova: IOVA })
    await using again = container.addressSpace()
    expect(await again.mapped()).toEqual([{ first: IOVA, last: IOVA + 0xfffn }])
    await group.unsetContainer() // the last group takes the mappings with it
    expect(await again.mapped()).toEqual([])
  })
})

requires(
  "the project's module",
  hasTestModule,
  'vfm_test is not loaded; npm run test:kernel loads it',
).describe('a container with an emulated device', () => {
  let uuid = ''
  beforeAll(() => {
    uuid = createTestDevice('v2', { state_bytes: 1 << 20 })
  })
  afterAll(() => removeDevice(uuid))

  async function resources(): Promise<Record<'descriptors' | 'memories' | 'threads', number>> {
    // The thread of a closed handle ends when the handle is collected.
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    for (let turn = 0; turn < 20; turn++) {
      collect()
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return {
      descriptors: readdirSync('/proc/self/fd').length,
      memories: readFileSync('/proc/self/maps', 'utf8').split('vfio-migration-dma').length - 1,
      threads: readdirSync('/proc/self/task').length,
    }
  }

  it('leaks no descriptor, no memory and no thread over 200 rounds', async () => {
    const round = async (): Promise<void> => {
      await using device = await openDevice(uuid)
      await using buffer = await DmaBuffer.allocate(64 * 1024)
      new Uint8Array(buffer.buffer).fill(1)
      const space = await device.addressSpace()
      await using mapping = await space.map(buffer)
      await space.map(buffer) // left to the close of the device
      expect(mapping.mapped).toBe(true)
    }
    for (let n = 0; n < 5; n++) await round()
    const before = await resources()
    for (let n = 0; n < 200; n++) await round()
    const after = await resources()
    expect(after.memories).toBe(0)
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors)
    expect(after.threads).toBeLessThanOrEqual(before.threads + 1)
  })

  it('maps huge pages where the machine has them', async () => {
    const pool = '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages'
    const before = readFileSync(pool, 'utf8').trim()
    writeFileSync(pool, '2')
    try {
      await using device = await openDevice(uuid)
      await using buffer = await DmaBuffer.allocate(1, { hugePages: '2MiB', lock: true })
      expect([buffer.size, buffer.pageSize]).toEqual([2n << 20n, 2 << 20])
      const mapping = await (await device.addressSpace()).map(buffer)
      expect(mapping.iova % (2n << 20n)).toBe(0n)
      await expect(DmaBuffer.allocate(64 << 20, { hugePages: '2MiB' })).rejects.toMatchObject({
        message: expect.stringContaining('nr_hugepages'),
      })
    } finally {
      writeFileSync(pool, before)
    }
  })
})
