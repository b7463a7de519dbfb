// SPDX-License-Identifier: MIT
// struct vfio_device_migration_info. Each register is one access of its own width: drivers answer EINVAL to anything else, and
// reading more than was asked for has side effects (data_offset stages data), so nothing here ever reads two registers at once.
import type { AccessGate } from '../../device/access-gate.js'
import type { Region } from '../../device/region.js'
import { stateOf } from './state.js'

const DEVICE_STATE = 0
const PENDING_BYTES = 8

/** Size of the register block at the start of the migration region. */
export const REGISTERS_SIZE = 32n

/** The registers of a v1 migration region that decisions need. Those of the data rounds belong to the native pump. */
export class V1Registers {
  readonly #region: Region
  readonly #gate: AccessGate

  /** @param gate of the device: it follows what is read and written here */
  constructor(region: Region, gate: AccessGate) {
    this.#region = region
    this.#gate = gate
  }

  /** `device_state`, all 32 bits. */
  async readState(): Promise<number> {
    const { epoch } = this.#gate
    const raw = await this.#region.readRegister(DEVICE_STATE, 4)
    this.#gate.note(stateOf(raw), epoch)
    return raw
  }

  /** Whether the device took it only {@link readState} tells. */
  writeState(raw: number): Promise<void> {
    this.#gate.approach(stateOf(raw))
    return this.#region.writeRegister(DEVICE_STATE, 4, raw)
  }

  /** `pending_bytes`. After a round this read is the acknowledgement: the device may reuse the buffer. */
  readPendingBytes(): Promise<bigint> {
    return this.#region.readRegister(PENDING_BYTES, 8)
  }
}
