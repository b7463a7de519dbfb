// SPDX-License-Identifier: MIT
// What an open device says, as tables.
import { formatBytes } from '../quantity.js'
import { columns } from './table.js'

export interface ProbedRegion {
  readonly index: number
  readonly name: string
  /** In bytes. */
  readonly size: bigint
  readonly flags: readonly string[]
  /** What its capability chain holds. */
  readonly capabilities: readonly string[]
  readonly mappable: readonly { readonly offset: bigint; readonly size: bigint }[]
}

export interface ProbedIrq {
  readonly index: number
  readonly name: string
  readonly count: number
  readonly flags: number
}

export interface ProbedFeature {
  readonly id: number
  readonly name: string
  readonly get: boolean
  readonly set: boolean
}

export interface ProbedCapability {
  readonly id: number
  readonly name: string
  /** In bytes from the start of configuration space. */
  readonly offset: number
  readonly extended: boolean
}

// VFIO_IRQ_INFO_* in <linux/vfio.h>.
const irqFlags = ['eventfd', 'maskable', 'automasked', 'no-resize'] as const

export function regionTable(regions: readonly ProbedRegion[]): string {
  return columns(
    ['REGION', 'NAME', 'SIZE', 'ACCESS', 'CAPABILITIES', 'MAPPABLE'],
    regions.map((region) => [
      `${region.index}`,
      region.name,
      formatBytes(Number(region.size)),
      region.flags.filter((flag) => flag !== 'capabilities').join(','),
      region.capabilities.join(',') || '-',
      region.mappable
        .map(({ offset, size }) => `${formatBytes(Number(size))} at 0x${offset.toString(16)}`)
        .join(', ') || '-',
    ]),
  )
}

export function irqTable(irqs: readonly ProbedIrq[]): string {
  return columns(
    ['IRQ', 'NAME', 'COUNT', 'FLAGS'],
    irqs.map(({ index, name, count, flags }) => [
      `${index}`,
      name,
      `${count}`,
      irqFlags.filter((_, bit) => (flags >> bit) & 1).join(',') || '-',
    ]),
  )
}

export function featureTable(features: readonly ProbedFeature[]): string {
  return columns(
    ['FEATURE', 'NAME', 'GET', 'SET'],
    features.map(({ id, name, get, set }) => [`${id}`, name, get ? 'yes' : '-', set ? 'yes' : '-']),
  )
}

export function capabilityTable(capabilities: readonly ProbedCapability[]): string {
  return columns(
    ['CAPABILITY', 'NAME', 'AT'],
    capabilities.map(({ id, name, offset, extended }) => [
      `${extended ? 'extended ' : ''}0x${id.toString(16)}`,
      name,
      `0x${offset.toString(16)}`,
    ]),
  )
}
