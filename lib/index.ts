// SPDX-License-Identifier: MIT
export { type AddonAttempt, AddonNotFoundError, UnsupportedPlatformError, VfioError } from './errors.js'
