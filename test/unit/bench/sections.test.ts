// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { withSection } from '../../../bench/support/sections.mjs'

const page = 'before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n'

describe('a section of a page', () => {
  it('is replaced, and what is around it stays', () => {
    expect(withSection(page, 'figures', 'new')).toBe(
      'before\n<!-- figures -->\nnew\n<!-- /figures -->\nafter\n',
    )
  })

  it('can be replaced again', () => {
    expect(withSection(withSection(page, 'figures', 'new'), 'figures', 'old')).toBe(page)
  })

  it.each([
    ['no marker', 'nothing here'],
    ['no end', 'a <!-- figures --> b'],
    ['the end first', '<!-- /figures --> a <!-- figures -->'],
    ['a marker twice', `${page}${page}`],
  ])('is refused where there is %s', (_, text) => {
    expect(() => withSection(text, 'figures', 'new')).toThrow('markers')
  })
})
