// SPDX-License-Identifier: MIT
// Dirty bits in page tables, on the kernel's mock IOMMU (CONFIG_IOMMUFD_TEST). A machine of its own: Linux 6.12 gives the mock's devices to
// the first IOMMU that firmware did not name (drivers/iommu/iommu.c, iommu_ops_from_fwnode), so there may be no other.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { Iommufd } from '../../lib/device/kernel/index.js'
import { DirtyBitmap, DmaBuffer } from '../../lib/index.js'
import { requires } from '../support/requirement.js'

const PAGE = 4096n

const open: AsyncDisposable[] = []
const kept = <T extends AsyncDisposable>(one: T): T => {
  open.push(one)
  return one
}
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

const pages = (bitmap: DirtyBitmap): bigint[] =>
  [...bitmap.runs()].flatMap(({ iova, length }) =>
    Array.from(
      { length: Number(length / bitmap.pageSize) },
      (_, page) => iova + BigInt(page) * bitmap.pageSize,
    ),
  )

requires(
  'iommufd, no IOMMU but the mock, and a C compiler',
  existsSync('/dev/iommu') && !existsSync('/sys/class/iommu/dmar0') && existsSync('/usr/bin/cc'),
  'npm run test:kernel starts a machine with intel_iommu=off for it',
).describe('dirty bits of an IOMMU', () => {
  const program = join(mkdtempSync(join(tmpdir(), 'mock-iommu-')), 'mock-iommu')
  beforeAll(() => {
    const source = fileURLToPath(new URL('support/mock-iommu.c', import.meta.url))
    execFileSync('/usr/bin/cc', ['-o', program, source])
  })

  /** Runs the helper, which inherits the iommufd. Its numbers. */
  const mock = (iommufd: Iommufd, ...words: (string | number | bigint)[]): number[] => {
    const run = spawnSync(program, ['3', ...words.map(String)], {
      stdio: ['ignore', 'pipe', 'pipe', iommufd.descriptor],
      encoding: 'utf8',
    })
    if (run.status !== 0) throw new Error(`mock-iommu ${words.join(' ')}: ${run.stderr}`)
    return run.stdout.trim().split(' ').map(Number)
  }
  const START = 0x2000000n
  // The mock's pages are half of the machine's.
  const dirty = (iommufd: Iommufd, hwpt: number, iova: bigint, ...halves: number[]): void => {
    expect(mock(iommufd, 'dirty', hwpt, iova, 16n * PAGE, PAGE / 2n, ...halves)).toEqual([halves.length])
  }

  const tracked = async () => {
    const iommufd = kept(await Iommufd.open())
    const ioas = kept(await iommufd.ioas({ dirtyTracking: true }))
    const [stdev = 0, , device = 0] = mock(iommufd, 'device', ioas.id, 0)
    kept({
      async [Symbol.asyncDispose]() {
        mock(iommufd, 'destroy', stdev)
      },
    })
    const hwpt = kept(await ioas.hwpt(device, { dirtyTracking: true }))
    const space = kept(ioas.addressSpace())
    const memory = kept(await DmaBuffer.allocate(64 * 4096))
    await space.map(memory, { iova: START, length: 16 * 4096 })
    return { iommufd, ioas, hwpt, space, memory, device }
  }
  const bitmap = (length = 16n * PAGE): DirtyBitmap => DirtyBitmap.create(START, length)

  it('are reported exactly, once, through the address space', async () => {
    const { iommufd, hwpt, space } = await tracked()
    expect((await space.info()).dirtyPageSizes[0]).toBe(PAGE)
    await expect(space.reportDirty(bitmap())).rejects.toMatchObject({ code: 'EINVAL' })
    await space.startDirtyTracking()
    dirty(iommufd, hwpt.id, START, 6, 15, 31)
    expect(pages(await space.reportDirty(bitmap()))).toEqual([
      START + 3n * PAGE,
      START + 7n * PAGE,
      START + 15n * PAGE,
    ])
    expect((await space.reportDirty(bitmap())).dirtyPages).toBe(0)
    await space.stopDirtyTracking()
  })

  it('are reported behind a hole too, where the kernel alone would call it success', async () => {
    const { iommufd, hwpt, space, memory } = await tracked()
    const behind = START + 32n * PAGE
    await space.map(memory, { iova: behind, offset: 16 * 4096, length: 16 * 4096 })
    await space.startDirtyTracking()
    dirty(iommufd, hwpt.id, START, 0)
    dirty(iommufd, hwpt.id, behind, 4)
    expect(pages(await space.reportDirty(bitmap(64n * PAGE)))).toEqual([START, behind + 2n * PAGE])
  })

  it('stay until they are read for good, and come with the unmapping', async () => {
    const { iommufd, hwpt, space } = await tracked()
    await hwpt.setDirtyTracking(true)
    dirty(iommufd, hwpt.id, START, 2)
    expect(pages(await hwpt.reportDirty(bitmap(), { keep: true }))).toEqual([START + PAGE])
    expect(pages(await hwpt.reportDirty(bitmap()))).toEqual([START + PAGE])
    expect((await hwpt.reportDirty(bitmap())).dirtyPages).toBe(0)
    await hwpt.setDirtyTracking(false)
    await space.startDirtyTracking()
    dirty(iommufd, hwpt.id, START, 8)
    const last = bitmap()
    expect(await space.unmap(START, 16n * PAGE, { dirty: last })).toBe(16n * PAGE)
    expect(pages(last)).toEqual([START + 4n * PAGE])
  })

  it('are a capability of the IOMMU, which a device may lack', async () => {
    const { iommufd, ioas, device } = await tracked()
    expect(await iommufd.hwInfo(device)).toMatchObject({ type: 0xfeedbeef, dirtyTracking: true })
    const [stdev = 0, , without = 0] = mock(iommufd, 'device', ioas.id, 1)
    expect(await iommufd.hwInfo(without)).toMatchObject({ dirtyTracking: false })
    await expect(ioas.hwpt(without, { dirtyTracking: true })).rejects.toMatchObject({ code: 'EOPNOTSUPP' })
    mock(iommufd, 'destroy', stdev)
  })
})
