// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

/** Built-in modules and addons that a process has loaded once it has imported what ships. */
function loadedBy(entry: string): string[] {
  const url = new URL(`../../dist/${entry}`, import.meta.url).href
  const program = `
    const before = new Set(process.moduleLoadList)
    await import(${JSON.stringify(url)})
    const addon = process.report.getReport().sharedObjects.filter((path) => path.includes('vfio_migration'))
    console.log(JSON.stringify([...process.moduleLoadList.filter((name) => !before.has(name)), ...addon]))`
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' }),
  )
}

describe('importing the library', () => {
  it('loads no TLS, no cryptography and no child processes, which only an engine needs', () => {
    const loaded = loadedBy('index.js')
    expect(
      loaded.filter((name) => /NativeModule (tls|_tls_wrap|crypto|child_process|zlib)$/.test(name)),
    ).toEqual([])
  })

  it('does not load the addon before it is used', () => {
    expect(loadedBy('index.js').filter((name) => name.includes('vfio_migration'))).toEqual([])
  })

  it('still loads TLS with the transport', () => {
    expect(loadedBy('transport/index.js').some((name) => /NativeModule (tls|_tls_wrap)$/.test(name))).toBe(
      true,
    )
  })
})
