// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { jsonOf, run } from '../support/command.js'

const folder = mkdtempSync(join(tmpdir(), 'vfio-rehearse-'))
afterAll(() => rmSync(folder, { recursive: true }))
const device = 'sim:v2,state=8MiB,dirty-rate=4MiB'

it('predicts, keeps the prediction, and a migration is held against it', async () => {
  const path = join(folder, 'prediction.json')
  const rehearsed = await run(['rehearse', device, '--stop', '--quiesce', '--out', path, '--json'])
  expect(rehearsed.code, rehearsed.stderr).toBe(0)
  expect(rehearsed.stderr).toMatch(/warning: the device is stopped/)
  expect(jsonOf(rehearsed)).toMatchObject({
    ok: true,
    prediction: { device, steps: ['pre-copy', 'quiesce', 'stop'], downtime: { ms: expect.any(Number) } },
  })
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const migrated = await run(['migrate', device, 'sim:v2,state=8MiB', '--prediction', path, '--json'])
  expect(migrated.code, migrated.stderr).toBe(0)
  expect(jsonOf(migrated)).toMatchObject({
    ok: true,
    prediction: { downtimeMs: { predicted: expect.any(Number), actual: expect.any(Number) } },
  })
})

it('says for people where each number comes from', async () => {
  const { out, code } = await run(['rehearse', device, '--bandwidth', '1GiB/s', '--policy', 'qemu'])
  expect(code).toBe(0)
  expect(out).toMatch(/bandwidth +1 GiB\/s +given/)
  expect(out).toMatch(/downtime: stop .* assumed/)
})

it('refuses a prediction that is none before a device is touched', async () => {
  const migrated = await run(['migrate', device, 'sim:v2,state=8MiB', '--prediction', '/dev/null', '--json'])
  expect(migrated.code).toBe(1)
  expect(jsonOf(migrated)).toMatchObject({ ok: false, error: { code: 'ERR_VFIO_MALFORMED' } })
})
