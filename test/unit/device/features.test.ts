// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import * as constants from '../../../lib/constants.js'
import {
  checkVfToken,
  enterLowPower,
  exitLowPower,
  featureId,
  probeFeature,
  probeFeatures,
  setBusMaster,
  setVfToken,
} from '../../../lib/device/features.js'
import { VfioSystemError } from '../../../lib/index.js'

const {
  VFIO_DEVICE_FEATURE_GET: GET,
  VFIO_DEVICE_FEATURE_SET: SET,
  VFIO_DEVICE_FEATURE_PROBE: PROBE,
} = constants

interface Asked {
  readonly flags: number
  readonly payload: number[]
}

function driver(answer: (flags: number) => number): {
  asked: Asked[]
  call: (flags: number, payload?: Uint8Array) => Promise<Uint8Array>
} {
  const asked: Asked[] = []
  return {
    asked,
    call: async (flags, payload = new Uint8Array()) => {
      asked.push({ flags, payload: [...payload] })
      const errno = answer(flags)
      if (errno === 0) return payload
      throw new VfioSystemError({
        errno: -errno,
        syscall: 'ioctl',
        operation: 'VFIO_DEVICE_FEATURE',
        detail: '',
      })
    },
  }
}

const fine = () => driver(() => 0)

describe('features', () => {
  it('have the numbers of the header', () => {
    expect(featureId).toMatchObject({
      vfToken: constants.VFIO_DEVICE_FEATURE_PCI_VF_TOKEN,
      lowPowerEntry: constants.VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
      lowPowerEntryWithWakeup: constants.VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
      lowPowerExit: constants.VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
      migration: constants.VFIO_DEVICE_FEATURE_MIGRATION,
      migrationState: constants.VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
      dmaLoggingStart: constants.VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
      dmaLoggingStop: constants.VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP,
      dmaLoggingReport: constants.VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
      migrationDataSize: constants.VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
      busMaster: constants.VFIO_DEVICE_FEATURE_BUS_MASTER,
      dmaBuf: constants.VFIO_DEVICE_FEATURE_DMA_BUF,
      precopyInfo2: constants.VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2,
      zpciError: constants.VFIO_DEVICE_FEATURE_ZPCI_ERROR,
    })
  })

  it.each([
    ['ENOTTY', 25],
    ['EINVAL', 22],
    ['EOPNOTSUPP', 95],
  ])('are probed one way at a time; %s means no', async (_name, errno) => {
    const { call, asked } = driver((flags) => ((flags & SET) !== 0 ? errno : 0))
    expect(await probeFeature(call, 9)).toEqual({ get: true, set: false })
    expect(asked).toEqual([
      { flags: PROBE | GET | 9, payload: [] },
      { flags: PROBE | SET | 9, payload: [] },
    ])
  })

  it('are not said to be missing when the question failed', async () => {
    await expect(probeFeature(driver(() => 5).call, 1)).rejects.toMatchObject({ code: 'EIO' })
    await expect(probeFeature(fine().call, 0x10000)).rejects.toThrow(RangeError)
  })

  it('are listed by name, those that the device lacks as well', async () => {
    const list = await probeFeatures(driver((flags) => ((flags & 0xffff) === 2 ? 0 : 25)).call)
    expect(list).toHaveLength(14)
    expect(list.filter(({ get, set }) => get || set)).toEqual([
      { id: 2, name: 'migration-state', get: true, set: true },
    ])
  })

  it('low power is entered with and without a wakeup, and left', async () => {
    const { call, asked } = fine()
    await enterLowPower(call, undefined)
    await enterLowPower(call, 0x1234)
    await exitLowPower(call)
    expect(asked).toEqual([
      { flags: SET | 3, payload: [] },
      { flags: SET | 4, payload: [0x34, 0x12, 0, 0, 0, 0, 0, 0] },
      { flags: SET | 5, payload: [] },
    ])
  })

  it('bus mastering is an operation of its own', async () => {
    const { call, asked } = fine()
    await setBusMaster(call, true)
    await setBusMaster(call, false)
    expect(asked.map(({ payload }) => payload)).toEqual([
      [constants.VFIO_DEVICE_FEATURE_SET_MASTER, 0, 0, 0],
      [constants.VFIO_DEVICE_FEATURE_CLEAR_MASTER, 0, 0, 0],
    ])
  })
})

describe('a VF token', () => {
  const token = '00112233-4455-6677-8899-AABBCCDDEEFF'

  it('goes to the kernel in the order of its text', async () => {
    const { call, asked } = fine()
    await setVfToken(call, token, 'pf')
    expect(asked).toEqual([{ flags: SET, payload: Array.from({ length: 16 }, (_, at) => at * 0x11) }])
  })

  it.each(['', 'secret', token.replaceAll('-', ''), `${token}0`, `${token} x=1`, `\n${token}`])(
    'that is no UUID is refused without being repeated (%j)',
    (wrong) => {
      const refused = (() => {
        try {
          checkVfToken(wrong, 'pf')
        } catch (error) {
          return error
        }
        return undefined
      })()
      expect(refused).toMatchObject({ code: 'ERR_VFIO_VF_TOKEN', device: 'pf' })
      if (wrong !== '') expect(JSON.stringify(refused) + String(refused)).not.toContain(wrong)
    },
  )

  it('is wiped from the request once it was made, also when that failed', async () => {
    const seen: Uint8Array[] = []
    const call = async (_flags: number, payload: Uint8Array = new Uint8Array()): Promise<Uint8Array> => {
      seen.push(payload)
      throw new Error('refused')
    }
    await expect(setVfToken(call, token, 'pf')).rejects.toThrow('refused')
    expect(seen[0]?.every((byte) => byte === 0)).toBe(true)
  })
})
