// SPDX-License-Identifier: MIT
// Compares native/uapi with a kernel's <linux/vfio.h> and <linux/iommufd.h>:
//   node test/native/uapi/compare.mjs DIR [OUT.cc]     DIR is a kernel's include/uapi or its exported headers
// Every macro, enumerator and struct of the kernel must be declared by us or listed in left-out.txt; everything of ours must
// be in the kernel or listed in newer.txt; and numbers.h must list every number. Values and layouts are compared by the compiler:
// OUT.cc is a program of static_asserts.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const uapi = resolve(here, '../../../native/uapi')
const kernelHeaders = ['vfio.h', 'iommufd.h']

const capitalised = (token, rest) => token.slice(0, 1).toUpperCase() + rest(token.slice(1))
const ourNumber = (name) =>
  `k${name
    .split('_')
    .map((token) => capitalised(token, (rest) => rest.toLowerCase()))
    .join('')}`
const ourStruct = (name) =>
  name
    .split('_')
    .map((token) => capitalised(token, (rest) => rest))
    .join('')

function readKernel(directory) {
  const numbers = new Set()
  const structs = new Set()
  for (const header of kernelHeaders) {
    const text = readFileSync(join(directory, 'linux', header), 'utf8').replace(/\/\*[\s\S]*?\*\//g, ' ')
    for (const [, name] of text.matchAll(/^[ \t]*#[ \t]*define[ \t]+((?:VFIO|IOMMU(?:FD)?)_\w+)/gm))
      numbers.add(name)
    for (const [, body] of text.matchAll(/\benum\b[^{;]*\{([^}]*)\}/g))
      for (const [, name] of body.matchAll(/(?:^|,)\s*((?:VFIO|IOMMU(?:FD)?)_\w+)/g)) numbers.add(name)
    for (const [, name] of text.matchAll(/\bstruct\s+(\w+)\s*\{/g)) structs.add(name)
  }
  return { numbers, structs }
}

function readOurs() {
  const numbers = new Set()
  const structs = new Map()
  for (const file of readdirSync(uapi).filter((name) => name.endsWith('.h') && name !== 'numbers.h')) {
    const text = readFileSync(join(uapi, file), 'utf8').replace(/\/\/.*/g, '')
    for (const [, name] of text.matchAll(/inline constexpr \w+ (k\w+) =/g)) numbers.add(name)
    for (const [, name, body] of text.matchAll(/^struct (\w+) \{([\s\S]*?)^\};/gm))
      structs.set(
        name,
        [...body.matchAll(/^\s+\w+\*? (\w+)(?:\[\d+\])?;/gm)].map(([, field]) => field),
      )
  }
  const table = new Map(
    [...readFileSync(join(uapi, 'numbers.h'), 'utf8').matchAll(/\{"(\w+)",\s*(k\w+)\}/g)].map(
      ([, name, ours]) => [name, ours],
    ),
  )
  return { numbers, structs, table }
}

function readList(file) {
  return readFileSync(join(here, file), 'utf8')
    .split('\n')
    .map((line) => /^(?:struct )?\w+\*?/.exec(line)?.[0])
    .filter((name) => name !== undefined)
}

const covers = (pattern, name) =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name

const [directory, output] = process.argv.slice(2)
if (!directory || !kernelHeaders.every((header) => existsSync(join(directory, 'linux', header)))) {
  console.error(
    `usage: compare.mjs DIR [OUT.cc]; ${directory ?? 'DIR'} must contain linux/vfio.h and linux/iommufd.h`,
  )
  process.exit(2)
}

const kernel = readKernel(directory)
const ours = readOurs()
const leftOut = readList('left-out.txt')
const newer = readList('newer.txt')
const problems = []
const usedLeftOut = new Set()
const isLeftOut = (name) => {
  const pattern = leftOut.find((candidate) => covers(candidate, name))
  if (pattern !== undefined) usedLeftOut.add(pattern)
  return pattern !== undefined
}

// The kernel's names: ours, or left out for a reason.
const compared = []
for (const name of kernel.numbers) {
  const known = ours.table.get(name)
  if (known !== undefined) {
    compared.push(name)
    if (known !== ourNumber(name))
      problems.push(`numbers.h: ${name} is ${known}, by the rule it should be ${ourNumber(name)}`)
  } else if (!isLeftOut(name)) {
    problems.push(`${name}: in the kernel's header, neither in native/uapi nor in left-out.txt`)
  }
}
const structs = []
for (const name of kernel.structs) {
  if (ours.structs.has(ourStruct(name))) structs.push(name)
  else if (!isLeftOut(`struct ${name}`))
    problems.push(`struct ${name}: in the kernel's header, neither in native/uapi nor in left-out.txt`)
}
for (const pattern of leftOut)
  if (!usedLeftOut.has(pattern))
    problems.push(`left-out.txt: ${pattern} matches nothing in this kernel's headers`)

// Our names: in the table, and the kernel's, or newer than it.
const listed = new Set(ours.table.values())
for (const name of ours.numbers) if (!listed.has(name)) problems.push(`${name}: not in numbers.h`)
for (const name of ours.table.keys())
  if (!kernel.numbers.has(name) && !newer.includes(name))
    problems.push(`${name}: ours, but not in the kernel's header nor in newer.txt`)
const kernelStructs = new Set([...kernel.structs].map(ourStruct))
const newerStructs = newer
  .filter((name) => name.startsWith('struct '))
  .map((name) => ourStruct(name.slice(7)))
for (const name of ours.structs.keys())
  if (!kernelStructs.has(name) && !newerStructs.includes(name))
    problems.push(`${name}: ours, but not in the kernel's header nor in newer.txt`)

if (output) {
  const lines = [
    '// Made by test/native/uapi/compare.mjs.',
    '#include <sys/types.h>',
    '#include <cstddef>',
    '#define __user',
    ...kernelHeaders.map((header) => `#include "${resolve(directory, 'linux', header)}"`),
    '#include "uapi/numbers.h"',
    ...readdirSync(uapi)
      .filter((name) => name.endsWith('.h'))
      .map((name) => `#include "uapi/${name}"`),
    ...compared.map(
      (name) =>
        `static_assert(static_cast<unsigned>(${name}) == static_cast<unsigned>(vfm::uapi::${ourNumber(name)}), "${name}");`,
    ),
  ]
  for (const name of structs) {
    const our = ourStruct(name)
    lines.push(`static_assert(sizeof(struct ${name}) == sizeof(vfm::uapi::${our}), "size of ${name}");`)
    for (const field of ours.structs.get(our)) {
      lines.push(
        `static_assert(offsetof(struct ${name}, ${field}) == offsetof(vfm::uapi::${our}, ${field}), "${name}.${field}");`,
        `static_assert(sizeof(${name}::${field}) == sizeof(vfm::uapi::${our}::${field}), "width of ${name}.${field}");`,
      )
    }
  }
  lines.push('int main() { return 0; }', '')
  writeFileSync(output, lines.join('\n'))
}

for (const problem of problems) console.error(problem)
const absent = newer.filter(
  (name) => !kernel.numbers.has(name) && !kernel.structs.has(name.replace('struct ', '')),
)
console.log(
  `${directory}: ${compared.length} numbers and ${structs.length} structs compared, ${problems.length} problems`,
)
console.log(
  `left out with a reason: ${[...kernel.numbers].filter((name) => !ours.table.has(name)).length} numbers, ${kernel.structs.size - structs.length} structs`,
)
console.log(`not in this kernel: ${absent.join(', ') || 'nothing'}`)
process.exit(problems.length === 0 ? 0 : 1)
