// SPDX-License-Identifier: MIT
// Notes which calls of the addon the tests make, by backend: what docs/coverage.md is generated from. Active where VFIO_COVERAGE_DIR names
// a directory; a vitest set-up file, so that it is there before any test.
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { binding } from '../../lib/binding.js'

/** The backend that what a factory makes lives in; every other one is the kernel's. */
const backendOfFactory: Readonly<Record<string, string>> = {
  openSimulated: 'simulated',
  openVfioUser: 'vfio-user',
}

const FEATURE_OPERATIONS = [
  [16, 'get'],
  [17, 'set'],
  [18, 'probe'],
] as const

type Callable = (...parameters: readonly unknown[]) => unknown

const directory = process.env.VFIO_COVERAGE_DIR
if (directory !== undefined && directory !== '' && process.platform === 'linux') record(directory)

function record(into: string): void {
  const seen = new Set<string>()
  const note = (backend: string, call: string): void => {
    const line = `${backend}\t${call}\n`
    if (seen.has(line)) return
    seen.add(line)
    // At once: many a test program ends without being asked.
    mkdirSync(into, { recursive: true })
    appendFileSync(join(into, `${process.pid}.calls`), line)
  }
  const known = new WeakSet<object>()
  // A method of the addon's classes can be neither replaced nor deleted, but hidden by a property of the object itself.
  const watch = (handle: object, backend: string): void => {
    const prototype = Object.getPrototypeOf(handle)
    if (prototype === Object.prototype) {
      // A device with what comes with it.
      const { device } = handle as { readonly device?: unknown }
      if (typeof device === 'object' && device !== null) watch(device, backend)
      return
    }
    if (known.has(handle) || prototype === null) return
    known.add(handle)
    // One class for three kinds of address space.
    const { kind } = handle as { readonly kind?: unknown }
    const type = typeof kind === 'string' ? `${handle.constructor.name} ${kind}` : handle.constructor.name
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (typeof value !== 'function' || name === 'constructor') continue
      Object.defineProperty(handle, name, { value: watched(value as Callable, type, name, () => backend) })
    }
  }
  const watched = (method: Callable, type: string, name: string, backendOf: () => string): Callable =>
    function (this: unknown, ...parameters) {
      const backend = backendOf()
      const answer = Reflect.apply(method, this, parameters)
      const found = (value: unknown): void => {
        const object = typeof value === 'object' && value !== null ? value : undefined
        // Only what succeeded counts: a call that every device refuses proves little.
        if (object !== undefined && 'failed' in object) return
        note(backend, `${type}.${name}`)
        if (name === 'feature') for (const call of featureCalls(parameters[0])) note(backend, call)
        if (object !== undefined) watch(object, backend)
      }
      if (answer instanceof Promise) answer.then(found, () => {})
      else found(answer)
      return answer
    }
  const native = binding() as unknown as Record<string, unknown>
  for (const [name, value] of Object.entries(native)) {
    if (typeof value !== 'function') continue
    const backend = backendOfFactory[name] ?? 'kernel'
    native[name] = watched(value as Callable, 'addon', name, () => backend)
  }
}

function featureCalls(flags: unknown): string[] {
  if (typeof flags !== 'number') return []
  return FEATURE_OPERATIONS.filter(([bit]) => (flags >> bit) & 1).map(
    ([, operation]) => `feature ${flags & 0xffff} ${operation}`,
  )
}
