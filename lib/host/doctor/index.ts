// SPDX-License-Identifier: MIT
export { type DiagnoseOptions, type Diagnosis, diagnose } from './diagnose.js'
export type { Finding } from './finding.js'
