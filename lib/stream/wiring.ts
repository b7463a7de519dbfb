// SPDX-License-Identifier: MIT
import * as v from 'valibot'

/** The most MSI-X vectors a function can have. */
const MOST_VECTORS = 2048

/** The payload of a `wiring` section: what of a PCI device its driver's stream leaves out, and its owner may set. */
export const wiringSchema = v.object({
  /** The PCI command register, bit by bit. */
  command: v.object({
    io: v.boolean(),
    memory: v.boolean(),
    busMaster: v.boolean(),
    parityErrorResponse: v.boolean(),
    systemErrors: v.boolean(),
    intxDisable: v.boolean(),
  }),
  /** Which interrupts were delivered: of INTx, MSI and MSI-X one at most, and of it which vectors. */
  interrupts: v.optional(
    v.object({
      kind: v.picklist(['intx', 'msi', 'msi-x']),
      vectors: v.pipe(
        v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MOST_VECTORS - 1))),
        v.minLength(1),
        v.maxLength(MOST_VECTORS),
      ),
    }),
  ),
})

/** What a `wiring` section carries. */
export type Wiring = v.InferOutput<typeof wiringSchema>
