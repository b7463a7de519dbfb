// SPDX-License-Identifier: MIT
// The examples in docs/stream-format.md, read by a reader made from that document alone.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { crc32, readStream } from '../../support/minimal-stream-reader.js'

function example(name: string): Buffer {
  const document = readFileSync(new URL('../../../docs/stream-format.md', import.meta.url), 'utf8')
  const block = new RegExp(`^\`\`\`hex ${name}\n([^\`]*)^\`\`\`$`, 'm').exec(document)?.[1]
  if (block === undefined) throw new Error(`the document has no example ${name}`)
  return Buffer.from(block.replace(/#.*$/gm, '').replace(/\s+/g, ''), 'hex')
}

const key = Buffer.from('a secret key')

describe('the stream format as documented', () => {
  it('uses the CRC-32 whose check value it states', () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926)
  })

  for (const [name, options, size] of [
    ['plain', {}, 312],
    ['keyed', { key }, 504],
  ] as const) {
    it(`has a ${name} example that is a whole stream`, () => {
      const bytes = example(name)
      expect(bytes.length).toBe(size)
      expect(readStream(bytes, options)).toEqual({
        manifest: { devices: [{ index: 0, protocol: 'v2' }] },
        sections: [{ number: 1, about: { kind: 'device-state', device: 0 }, chunks: [Buffer.from('state')] }],
      })
    })

    it(`refuses the ${name} example with any bit changed, cut or followed by anything`, () => {
      const bytes = example(name)
      const accepted = (changed: Buffer): boolean => {
        try {
          readStream(changed, options)
          return true
        } catch {
          return false
        }
      }
      expect(accepted(bytes)).toBe(true)
      for (let at = 0; at < bytes.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          const changed = Buffer.from(bytes)
          changed[at] = bytes.readUInt8(at) ^ (1 << bit)
          if (accepted(changed)) expect.fail(`bit ${bit} of byte ${at} was changed`)
        }
        if (accepted(bytes.subarray(0, at))) expect.fail(`cut at ${at}`)
      }
      expect(() => readStream(Buffer.concat([bytes, Buffer.alloc(1)]), options)).toThrow()
    })
  }

  it('refuses a stream under another key, or without one where a key is asked for', () => {
    expect(() => readStream(example('keyed'), { key: Buffer.from('another key') })).toThrow('MAC')
    expect(() => readStream(example('plain'), { key })).toThrow('not keyed')
    expect(readStream(example('keyed')).sections).toHaveLength(1)
  })
})
