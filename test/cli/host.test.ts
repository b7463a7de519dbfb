// SPDX-License-Identifier: MIT
// The commands about the host, as far as they go without one: the doctor over a copied sysfs, refusals, wrong usage.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonOf, run } from '../support/command.js'
import { SysfsTree } from '../unit/host/sysfs-tree.js'

let tree: SysfsTree
let sysfs: string
beforeAll(() => {
  tree = new SysfsTree()
  sysfs = tree.roots.sysfs
  tree.driver('vfio-pci')
  tree.file('sys/class/vfio/.keep')
  tree.file('sys/module/vfio_iommu_type1/refcnt', '0\n')
  tree.pci('0000:00:1f.2', { driver: 'ahci', group: 7 })
  tree.pci('0000:00:1f.3', { driver: 'vfio-pci', group: 7 })
  tree.pci('0000:17:00.2', { driver: 'vfio-pci', group: 41, totalvfs: 4 })
})
afterAll(() => tree.remove())

describe('vfio-migrate doctor', () => {
  it('prints each problem with the command that mends it, and exits with 1', async () => {
    const { code, out } = await run(['doctor', '00:1f.3', '--sysfs', sysfs])
    expect(code).toBe(1)
    expect(out).toMatch(
      /^problem {2}IOMMU group 7 of 0000:00:1f\.3 cannot be opened while ahci has 0000:00:1f\.2$/m,
    )
    expect(out).toMatch(/^ {9}\$ .*echo 0000:00:1f\.2 > \/sys\/bus\/pci\/drivers\/ahci\/unbind'?$/m)
    expect(out).toMatch(/^1 problem$/m)
    expect(out).not.toContain('\u001b')
  })

  it('exits with 0 where there is none', async () => {
    const finished = await run(['doctor', '17:00.2', '--json', '--sysfs', sysfs])
    expect(finished.code).toBe(0)
    expect(jsonOf(finished)).toMatchObject({
      ok: true,
      findings: expect.arrayContaining([expect.objectContaining({ id: 'iommu', severity: 'ok' })]),
    })
  })

  it('of a device that is not there fails', async () => {
    const finished = await run(['doctor', '99:00.0', '--json', '--sysfs', sysfs])
    expect(finished.code).toBe(1)
    expect(jsonOf(finished)).toMatchObject({ ok: false, error: { code: 'ERR_VFIO_NO_SUCH_DEVICE' } })
  })

  it('opens nothing of a host that was copied, and nothing in general', async () => {
    for (const words of [
      ['doctor', '--probe'],
      ['doctor', '17:00.2', '--probe', '--sysfs', sysfs],
    ]) {
      expect((await run(words)).code).toBe(2)
    }
  })
})

describe('vfio-migrate inspect', () => {
  it('shows what a device is reserved for, what would fit it, and its virtual functions', async () => {
    const { out } = await run(['inspect', '00:1f.2', '--sysfs', sysfs])
    expect(out).toMatch(/fitting driver +vfio-pci: vfio-migrate bind/)
    expect((await run(['inspect', '17:00.2', '--sysfs', sysfs])).out).toMatch(
      /SR-IOV +0 of 4 virtual functions/,
    )
  })
})

describe('the commands that change the host', () => {
  it.each([
    ['a count that is none', ['vfs', '17:00.0', 'many']],
    ['no count', ['vfs', '17:00.0']],
    ['an mdev command that is none', ['mdev', 'frobnicate']],
    ['an mdev without a type', ['mdev', 'create', 'mtty']],
    ['an option of another command', ['unbind', '17:00.0', '--driver', 'x']],
  ])('exit with 2 on %s', async (_, words) => {
    const { code, out, stderr } = await run(words)
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(stderr).not.toContain('    at ')
  })

  it('say so in JSON, subcommands included', async () => {
    expect(jsonOf(await run(['mdev', 'create', '--json']))).toMatchObject({
      ok: false,
      error: { code: 'ERR_USAGE' },
    })
  })

  it.each([
    [['bind', 'ffff:ff:1f.7', '--dry-run'], 'ERR_VFIO_NO_SUCH_DEVICE'],
    [['unbind', 'ffff:ff:1f.7'], 'ERR_VFIO_NO_SUCH_DEVICE'],
    [['vfs', 'ffff:ff:1f.7', '1'], 'ERR_VFIO_NO_SUCH_DEVICE'],
    [['mdev', 'create', '../..', 'x'], 'ERR_VFIO_NO_SUCH_DEVICE'],
    [['mdev', 'remove', '00000000-0000-0000-0000-000000000000'], 'ERR_VFIO_NO_SUCH_DEVICE'],
  ])('%j fails with %s', async (words, code) => {
    const finished = await run([...words, '--json'])
    expect(finished.code).toBe(1)
    expect(jsonOf(finished)).toMatchObject({ ok: false, error: { code } })
  })

  it.each(['mdev list', 'mdev create', 'mdev remove'])(
    '%s --help has examples and the exit codes',
    async (command) => {
      const { code, out } = await run([...command.split(' '), '--help'])
      expect(code).toBe(0)
      expect(out).toContain(`$ vfio-migrate ${command}`)
      expect(out).toContain('Exit codes:')
    },
  )
})
