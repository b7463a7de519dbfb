// SPDX-License-Identifier: MIT
// Random walks: whatever is asked for in whatever order, a device is where it was asked to be or where it was, and never in error.
import * as fc from 'fast-check'
import { it } from 'vitest'
import { type Migration, openDevice, type TargetState, VfioError } from '../../lib/index.js'
import { personalities, personalityNames } from '../../lib/simulated/index.js'

type Step = TargetState | 'save' | 'broken save' | 'broken load' | 'reset'

const steps: readonly Step[] = [
  'running',
  'stop',
  'stop-copy',
  'pre-copy',
  'running-p2p',
  'pre-copy-p2p',
  'resuming',
  'save',
  'broken save',
  'broken load',
  'reset',
]

const kinds = [
  'sim:v1,state=64KiB,chunk=16KiB,arcs=full',
  'sim:v1,state=64KiB,chunk=16KiB,arcs=i915',
  'sim:v1,state=64KiB,chunk=16KiB,arcs=lvu,data=trapped',
  'sim:v2,state=64KiB',
  'sim:v2,state=64KiB,p2p=off,drained=zero',
  'sim:v2,state=64KiB,precopy=off',
  ...personalityNames.map((name) => {
    const { protocol } = personalities[name]
    return `sim:${protocol},as=${name},state=64KiB${protocol === 'v1' ? ',chunk=16KiB' : ',save-time=1ms'}`
  }),
]

async function take(migration: Migration, step: Exclude<Step, 'reset'>): Promise<string> {
  switch (step) {
    case 'save': {
      const saving = await migration.save({ preCopy: true })
      for await (const _ of saving) {
        // To the end.
      }
      await saving.complete()
      return 'stop'
    }
    case 'broken save': {
      const saving = await migration.save({ preCopy: true })
      await saving.close()
      return saving.recovery?.state ?? 'no recovery'
    }
    case 'broken load': {
      const loading = await migration.load()
      await loading.close()
      return 'running'
    }
    default:
      return migration.transition(step)
  }
}

it.each(kinds)('%s', async (spec) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...steps), { minLength: 1, maxLength: 12 }), async (walk) => {
      await using device = await openDevice(spec)
      const migration = await device.migration()
      for (const step of walk) {
        const before = await migration.state()
        let expected: string
        if (step === 'reset') {
          await device.reset()
          expected = 'running'
        } else {
          try {
            expected = await take(migration, step)
          } catch (error) {
            // The one refusal that is no surprise: nothing was tried. Leaving a load without data is the other, and it keeps v2 in resuming.
            const code = error instanceof VfioError ? error.code : String(error)
            if (before === 'resuming' && code === 'ERR_VFIO_TRANSITION') {
              await device.reset()
              continue
            }
            if (code !== 'ERR_VFIO_NO_ROUTE') throw error
            expected = before
          }
        }
        const state = await migration.state()
        if (state !== expected) throw new Error(`${before}, ${step}: ${state} instead of ${expected}`)
        if (state === 'error') throw new Error(`${before}, ${step}: led into error`)
      }
    }),
    { numRuns: 60 },
  )
})
