// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { binding } from '../../lib/binding.js'
import * as constants from '../../lib/constants.js'

it('the public constants are those of native/uapi, all of them and no others', () => {
  expect({ ...constants }).toEqual({ ...binding().constants })
})

it('a caller cannot change the constants for everybody else', () => {
  expect(Object.isFrozen(binding().constants)).toBe(true)
})
