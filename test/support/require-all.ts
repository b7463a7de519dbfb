// SPDX-License-Identifier: MIT

/** Whether a missing part fails the run: `VFIO_MIGRATION_REQUIRE_ALL=1`, or `CI=true` unless it is `0`. */
export function allRequired(environment: NodeJS.ProcessEnv = process.env): boolean {
  const asked = environment.VFIO_MIGRATION_REQUIRE_ALL
  return asked === undefined || asked === '' ? environment.CI === 'true' : asked !== '0'
}
