// SPDX-License-Identifier: MIT
// struct vfio_device_migration_info (linux/vfio.h): what the registers at the start of a v1 migration region are called.

const registers: Readonly<Record<number, { readonly name: string; readonly width: number }>> = {
  0: { name: 'device_state', width: 4 },
  8: { name: 'pending_bytes', width: 8 },
  16: { name: 'data_offset', width: 8 },
  24: { name: 'data_size', width: 8 },
}

/** The register that an access of that width at that offset reaches; `undefined` for anything else. */
export function migrationRegister(offset: bigint, width: number): string | undefined {
  const register = offset > 24n ? undefined : registers[Number(offset)]
  return register?.width === width ? register.name : undefined
}
