// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  personalityNames,
  simulatedEvents,
  simulatedLies,
  simulatedOperations,
} from '../../../lib/simulated/options.js'
import { parseSimulatedSpec } from '../../../lib/simulated/spec.js'

const document = readFileSync(new URL('../../../docs/simulated-devices.md', import.meta.url), 'utf8')

describe('the specification of a simulated device', () => {
  it('is read with every option in it', () => {
    const options = parseSimulatedSpec(
      'sim:v1,state=64MiB,chunk=1MiB,seed=7,data=sparse,arcs=lvu,reserved-bits=0xfff8,lie=data-offset:0xffffffffffffffff:nth=2:count=1',
    )
    expect(options).toMatchObject({
      protocol: 'v1',
      state: 64 << 20,
      chunk: 1 << 20,
      seed: 7,
      data: 'sparse',
      arcs: 'lvu',
      reservedBits: 0xfff8,
      lies: [{ name: 'data-offset', value: 0xffff_ffff_ffff_ffffn, nth: 2, count: 1 }],
    })
    expect(
      parseSimulatedSpec(
        'sim:v2,precopy=off,p2p=on,dirty-rate=100MiB,drained=zero,rounds=by-info,short-read=4KiB,short-write=1KiB,' +
          'fail=set-state:stop-copy:EIO:nth=2:error,fail=read:EBUSY:count=3,delay=set-state:50ms,delay=set-state:stop:2s',
      ),
    ).toMatchObject({
      preCopy: false,
      p2p: true,
      dirtyRate: 100 << 20,
      drained: 'zero',
      roundsByInfo: true,
      shortRead: 4096,
      shortWrite: 1024,
      faults: [
        { operation: 'set-state', argument: 'stop-copy', errno: 'EIO', nth: 2, outcome: 'error' },
        { operation: 'read', errno: 'EBUSY', count: 3 },
      ],
      delays: [
        { operation: 'set-state', milliseconds: 50 },
        { operation: 'set-state', argument: 'stop', milliseconds: 2000 },
      ],
    })
  })

  it('says what a fault does', () => {
    const { faults } = parseSimulatedSpec(
      'sim:v2,fail=read:stop-copy:short,fail=write:short=4KiB:nth=2,fail=set-state:running:hang:count=3,fail=reset:hang',
    )
    expect(faults).toEqual([
      { operation: 'read', argument: 'stop-copy', kind: 'short' },
      { operation: 'write', kind: 'short', bytes: 4096, nth: 2 },
      { operation: 'set-state', argument: 'running', kind: 'hang', count: 3 },
      { operation: 'reset', kind: 'hang' },
    ])
  })

  it('says what happens by itself, and when', () => {
    const { events, saveTime } = parseSimulatedSpec(
      'sim:v2,as=mlx5,save-time=5ms,async-error=50ms,pf-gone=read:nth=3,pf-gone=reset,abort-fails=set-state:stop-copy:nth=2',
    )
    expect(saveTime).toBe(5)
    expect(events).toEqual([
      { kind: 'async-error', at: { after: 50 } },
      { kind: 'pf-gone', at: { operation: 'read', nth: 3 } },
      { kind: 'pf-gone', at: { operation: 'reset' } },
      { kind: 'abort-fails', at: { operation: 'set-state', argument: 'stop-copy', nth: 2 } },
    ])
  })

  it.each([
    ['sim:v2,as=mlx5', 'mlx5'],
    ['sim:v2,as=mlx5_vfio_pci', 'mlx5'],
    ['sim:v2,as=mlx5-vfio-pci', 'mlx5'],
    ['sim:v2,as=hisi-acc-vfio-pci', 'hisi_acc'],
    ['sim:v2,as=hisi_acc', 'hisi_acc'],
    ['sim:v1,as=lvu', 'libvfio-user'],
    ['sim:v1,as=libvfio-user', 'libvfio-user'],
    ['sim:v1,as=i915', 'i915'],
  ] as const)('%s is like %s', (spec, personality) => {
    expect(parseSimulatedSpec(spec)).toMatchObject({ personality })
  })

  it.each([
    ['sim:v1,as=mlx5', 'does not speak v1'],
    ['sim:v2,as=i915', 'does not speak v2'],
    ['sim:none,as=pds', 'does not speak none'],
    ['sim:v2,as=nvme', 'none of mlx5'],
    ['sim:v1,async-error=5ms', 'belongs to sim:v2'],
    ['sim:v2,save-time=x', 'a time looks like'],
    ['sim:v2,pf-gone=weather', 'none of info'],
    ['sim:v2,pf-gone=read:count=3', 'it looks like'],
    ['sim:v2,fail=set-state:short', 'nothing can be short in set-state'],
    ['sim:v2,fail=read:short=x', 'a size looks like'],
    ['sim:v2,fail=read:hang:EIO', 'neither'],
    ['sim:', 'none of v1, v2, none'],
    ['sim:v3', 'none of v1, v2, none'],
    ['sim:v2,', 'no option ""'],
    ['sim:v2,toString=1', 'no option "toString"'],
    ['sim:v2,state', 'needs a value'],
    ['sim:v2,state=64XiB', 'a size looks like'],
    ['sim:v2,state=1MiB,state=2MiB', 'twice'],
    ['sim:v2,chunk=1MiB', 'belongs to sim:v1'],
    ['sim:none,drained=zero', 'belongs to sim:v2'],
    ['sim:v1,seed=4294967296', 'a number from 0 to'],
    ['sim:v1,reserved-bits=9', 'bits 3 to 31'],
    ['sim:v2,fail=set-state:stop-copy', 'an errno by its name is missing'],
    ['sim:v2,fail=nonsense:EIO', 'none of info'],
    ['sim:v2,fail=read:EIO:nth=0', 'counts from 1'],
    ['sim:v2,fail=read:EIO:sometimes', 'neither'],
    ['sim:v2,delay=set-state', 'a time is missing'],
    ['sim:v2,lie=data-offset', 'a value is missing'],
    ['sim:v2,lie=weather:1', 'none of device-state'],
  ])('%s is refused, and the message says why', (spec, problem) => {
    expect(() => parseSimulatedSpec(spec)).toThrowError(
      expect.objectContaining({ code: 'ERR_VFIO_DEVICE_SPEC', message: expect.stringContaining(problem) }),
    )
  })

  it('is described whole in docs/simulated-devices.md', () => {
    for (const name of [...simulatedOperations, ...simulatedLies, ...simulatedEvents, ...personalityNames])
      expect(document).toContain(`\`${name}\``)
    const options =
      /there is no option "x", only ([^.]*)\./.exec(messageOf('sim:v2,x=1'))?.[1]?.split(', ') ?? []
    expect(options.length).toBeGreaterThan(10)
    for (const option of options) expect(document).toContain(`\`${option}=`)
  })
})

function messageOf(spec: string): string {
  try {
    parseSimulatedSpec(spec)
  } catch (error) {
    return String(error)
  }
  return ''
}
