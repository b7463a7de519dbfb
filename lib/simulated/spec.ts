// SPDX-License-Identifier: MIT
import { errnoNumber, VfioError } from '../errors/index.js'
import { parseDuration, parseSize } from '../quantity.js'
import {
  type PersonalityName,
  personalityNames,
  type SimulatedDelay,
  type SimulatedEvent,
  type SimulatedFault,
  type SimulatedLie,
  type SimulatedOperation,
  type SimulatedOptions,
  simulatedEvents,
  simulatedLies,
  simulatedOperations,
} from './options.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Draft = Mutable<SimulatedOptions> & {
  events: SimulatedEvent[]
  faults: SimulatedFault[]
  delays: SimulatedDelay[]
  lies: SimulatedLie[]
}

class SpecError extends VfioError {
  constructor(spec: string, problem: string) {
    super(
      'ERR_VFIO_DEVICE_SPEC',
      `"${spec}": ${problem}. See docs/simulated-devices.md for what can be said`,
      { device: spec },
    )
  }
}

/** Throws with what was wrong; the caller knows which device. */
type Complain = (problem: string) => never

const v1Personalities: ReadonlySet<string> = new Set<PersonalityName>(['i915', 'libvfio-user'])

const setters: Readonly<Record<string, (draft: Draft, value: string, complain: Complain) => void>> = {
  as: (draft, value, complain) => {
    draft.personality = personality(value, complain)
    if (draft.protocol !== (v1Personalities.has(draft.personality) ? 'v1' : 'v2'))
      complain(`it does not speak ${draft.protocol}`)
  },
  state: (draft, value, complain) => {
    draft.state = size(value, complain)
  },
  seed: (draft, value, complain) => {
    draft.seed = integer(value, 0xffff_ffff, complain)
  },
  'dirty-rate': (draft, value, complain) => {
    draft.dirtyRate = size(value, complain)
  },
  chunk: (draft, value, complain) => {
    draft.chunk = size(value, complain)
  },
  data: (draft, value, complain) => {
    draft.data = choice(value, ['trapped', 'mapped', 'sparse', 'straddling'], complain)
  },
  arcs: (draft, value, complain) => {
    draft.arcs = choice(value, ['full', 'i915', 'lvu'], complain)
  },
  'reserved-bits': (draft, value, complain) => {
    draft.reservedBits = integer(value, 0xffff_ffff, complain)
    if ((draft.reservedBits & 7) !== 0)
      complain('reserved-bits are bits 3 to 31, the low three are the state')
  },
  precopy: (draft, value, complain) => {
    draft.preCopy = choice(value, ['on', 'off'], complain) === 'on'
  },
  p2p: (draft, value, complain) => {
    draft.p2p = choice(value, ['on', 'off'], complain) === 'on'
  },
  drained: (draft, value, complain) => {
    draft.drained = choice(value, ['enomsg', 'zero'], complain)
  },
  rounds: (draft, value, complain) => {
    draft.roundsByInfo = choice(value, ['by-info', 'by-dirt'], complain) === 'by-info'
  },
  'save-time': (draft, value, complain) => {
    draft.saveTime = parseDuration(value) ?? complain('a time looks like 50ms or 2s')
  },
  ...Object.fromEntries(
    simulatedEvents.map((kind) => [
      kind,
      (draft: Draft, value: string, complain: Complain) => {
        draft.events.push({ kind, at: moment(value, complain) })
      },
    ]),
  ),
  'short-read': (draft, value, complain) => {
    draft.shortRead = size(value, complain)
  },
  'short-write': (draft, value, complain) => {
    draft.shortWrite = size(value, complain)
  },
  fail: (draft, value, complain) => {
    draft.faults.push(fault(value, complain))
  },
  delay: (draft, value, complain) => {
    draft.delays.push(delay(value, complain))
  },
  lie: (draft, value, complain) => {
    draft.lies.push(lie(value, complain))
  },
}

const onlyV1 = new Set(['chunk', 'data', 'arcs', 'reserved-bits'])
const onlyV2 = new Set<string>([
  'precopy',
  'p2p',
  'drained',
  'rounds',
  'save-time',
  'short-read',
  'short-write',
  ...simulatedEvents,
])
const repeatable = new Set<string>(['fail', 'delay', 'lie', ...simulatedEvents])

/**
 * Reads the specification of a simulated device: `sim:v1`, `sim:v2` or `sim:none`, then options as in
 * `sim:v1,state=64MiB,chunk=1MiB,seed=7` (commas, as in QEMU's options: nothing to quote in a shell).
 * @throws {VfioError} `ERR_VFIO_DEVICE_SPEC`, saying which part is wrong and what it could be
 */
export function parseSimulatedSpec(spec: string): SimulatedOptions {
  const complain: Complain = (problem) => {
    throw new SpecError(spec, problem)
  }
  const [protocol, ...settings] = spec.replace(/^sim:/, '').split(',')
  const draft: Draft = {
    protocol: choice(protocol ?? '', ['v1', 'v2', 'none'], complain),
    events: [],
    faults: [],
    delays: [],
    lies: [],
  }
  const seen = new Set<string>()
  for (const setting of settings) {
    const equals = setting.indexOf('=')
    const name = equals < 0 ? setting : setting.slice(0, equals)
    const set = Object.hasOwn(setters, name) ? setters[name] : undefined
    if (set === undefined) complain(`there is no option "${name}", only ${Object.keys(setters).join(', ')}`)
    if (equals < 0) complain(`option "${name}" needs a value, as in ${name}=...`)
    if (seen.has(name) && !repeatable.has(name)) complain(`option "${name}" is there twice`)
    if (draft.protocol !== 'v1' && onlyV1.has(name)) complain(`option "${name}" belongs to sim:v1`)
    if (draft.protocol !== 'v2' && onlyV2.has(name)) complain(`option "${name}" belongs to sim:v2`)
    seen.add(name)
    set?.(draft, setting.slice(equals + 1), (problem) =>
      complain(`${name}=${setting.slice(equals + 1)}: ${problem}`),
    )
  }
  return draft
}

function size(value: string, complain: Complain): number {
  return parseSize(value) ?? complain('a size looks like 65536, 64KiB, 64MiB or 1GiB')
}

function integer(value: string, most: number, complain: Complain): number {
  const number = /^(?:0x[0-9a-f]{1,8}|[0-9]{1,10})$/i.test(value) ? Number(value) : Number.NaN
  return number <= most ? number : complain(`a number from 0 to ${most} is wanted`)
}

function choice<T extends string>(value: string, choices: readonly T[], complain: Complain): T {
  return (
    choices.find((candidate) => candidate === value) ??
    complain(`"${value}" is none of ${choices.join(', ')}`)
  )
}

/** By its short name, or as the kernel names the driver. */
function personality(value: string, complain: Complain): PersonalityName {
  const short = value
    .replace(/[-_]vfio[-_]pci$/, '')
    .replace(/^lvu$/, 'libvfio-user')
    .replace(/^hisi-acc$/, 'hisi_acc')
  return personalityNames.find((name) => name === short) ?? choice(value, personalityNames, complain)
}

function operation(name: string | undefined, complain: Complain): SimulatedOperation {
  return choice(name ?? '', simulatedOperations, complain)
}

/** `OPERATION[:ARGUMENT]:ERRNO|short[=N]|hang[:nth=N][:count=N][:error|:requested]` */
function fault(value: string, complain: Complain): SimulatedFault {
  const [name, ...rest] = value.split(':')
  const found: Mutable<SimulatedFault> = { operation: operation(name, complain) }
  let said = false
  for (const part of rest) {
    const counted = counter(part, complain)
    if (counted !== undefined) Object.assign(found, counted)
    else if (part === 'error' || part === 'requested') found.outcome = part
    else if (!said && Object.assign(found, effect(part, complain)).kind !== undefined) said = true
    else if (!said && found.argument === undefined) found.argument = part
    else complain(`"${part}" is neither an errno's name, short, hang, nth=N, count=N, error nor requested`)
  }
  if (!said) complain('an errno by its name is missing, as in set-state:stop-copy:EIO, or short, or hang')
  if (found.kind === 'short' && !transfers.has(found.operation))
    complain(`nothing can be short in ${found.operation}`)
  if (found.kind === 'errno') delete found.kind
  return found
}

const transfers: ReadonlySet<SimulatedOperation> = new Set([
  'read',
  'write',
  'register-read',
  'register-write',
])

function effect(part: string, complain: Complain): Pick<SimulatedFault, 'kind' | 'errno' | 'bytes'> {
  if (part === 'hang' || part === 'short') return { kind: part }
  if (part.startsWith('short=')) return { kind: 'short', bytes: size(part.slice('short='.length), complain) }
  return errnoNumber(part) === undefined ? {} : { kind: 'errno', errno: part }
}

/** `TIME`, or `OPERATION[:ARGUMENT][:nth=N]` */
function moment(value: string, complain: Complain): SimulatedEvent['at'] {
  const after = parseDuration(value)
  if (after !== undefined) return { after }
  const [name, ...rest] = value.split(':')
  const found: { operation: SimulatedOperation; argument?: string; nth?: number } = {
    operation: operation(name, complain),
  }
  for (const part of rest) {
    const counted = counter(part, complain)
    if (counted !== undefined && 'nth' in counted) found.nth = counted.nth
    else if (counted === undefined && found.argument === undefined) found.argument = part
    else complain('it looks like 50ms, read:nth=3 or set-state:stop-copy')
  }
  return found
}

/** `OPERATION[:ARGUMENT]:TIME` */
function delay(value: string, complain: Complain): SimulatedDelay {
  const parts = value.split(':')
  const milliseconds =
    parseDuration(parts.at(-1) ?? '') ?? complain('a time is missing, as in set-state:50ms')
  if (parts.length < 2 || parts.length > 3)
    complain('it looks like set-state:50ms or set-state:stop-copy:50ms')
  const argument = parts.length === 3 ? parts[1] : undefined
  return {
    operation: operation(parts[0], complain),
    milliseconds,
    ...(argument === undefined ? {} : { argument }),
  }
}

/** `NAME:VALUE[:nth=N][:count=N]` */
function lie(value: string, complain: Complain): SimulatedLie {
  const [name, number, ...rest] = value.split(':')
  if (!/^(?:0x[0-9a-f]{1,16}|[0-9]{1,19})$/i.test(number ?? ''))
    complain('a value is missing, as in data-offset:0xffff0000')
  const found: Mutable<SimulatedLie> = {
    name: choice(name ?? '', simulatedLies, complain),
    value: BigInt(number ?? 0),
  }
  for (const part of rest)
    Object.assign(found, counter(part, complain) ?? complain(`"${part}" is neither nth=N nor count=N`))
  return found
}

function counter(part: string, complain: Complain): { nth: number } | { count: number } | undefined {
  const match = /^(nth|count)=(.*)$/.exec(part)
  if (!match) return undefined
  const number = integer(match[2] ?? '', 0xffff_ffff, complain)
  if (number < 1) complain(`${match[1]} counts from 1`)
  return match[1] === 'nth' ? { nth: number } : { count: number }
}
