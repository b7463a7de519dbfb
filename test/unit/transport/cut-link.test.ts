// SPDX-License-Identifier: MIT
// Two processes in network namespaces of their own, joined by a pair of veth interfaces that can be cut.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import { requires } from '../../support/requirement.js'

const LINK_TIMEOUT = 2000

const joined = requires(
  'network namespaces',
  process.geteuid?.() === 0 &&
    spawnSync('unshare', ['--net', 'ip', 'link', 'add', 'v', 'type', 'veth']).status === 0,
  'unshare --net and ip link add (Debian: iproute2) work for root with CAP_NET_ADMIN only',
)

/** Its standard output, line by line. */
class Side implements Disposable {
  readonly child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(program: string) {
    const transport = new URL('../../../dist/transport/index.js', import.meta.url).href
    const text = `
      import { connect, listen } from ${JSON.stringify(transport)}
      const options = { linkTimeout: ${LINK_TIMEOUT}, messageTimeout: 60_000, timeout: 5000 }
      const word = () => new Promise((resolve) => process.stdin.once('data', resolve))
      const outcome = async (work) => {
        const began = performance.now()
        const code = await work.then(() => 'resolved', (error) => error.code)
        console.log(JSON.stringify({ code, ms: performance.now() - began }))
      }
      ${program}`
    const parameters = ['--net', process.execPath, '--input-type=module', '--eval', text]
    this.child = spawn('unshare', parameters, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.child.stdout as NodeJS.ReadableStream })[
      Symbol.asyncIterator
    ]()
  }

  async line(): Promise<string> {
    return String((await this.#lines.next()).value)
  }

  say(): void {
    this.child.stdin?.write('\n')
  }

  ip(...parameters: string[]): void {
    execFileSync('nsenter', ['--net', '--target', String(this.child.pid), 'ip', ...parameters])
  }

  [Symbol.dispose](): void {
    this.child.kill('SIGKILL')
  }
}

const listening = `
  console.log('up')
  await word()
  const listener = await listen('tcp:10.77.0.1:7000', options)
  console.log(listener.address)
  const connection = await listener.accept()`
const connecting = `
  console.log('up')
  await word()
  const connection = await connect('tcp:10.77.0.1:7000', options)
  await connection.send(Buffer.from('hello'))
  console.log('connected')
  await word()`

/** Runs both, joined; cuts the link once they are connected. */
async function cut(server: string, client: string): Promise<{ code: string; ms: number }[]> {
  using first = new Side(`${listening}\n${server}`)
  using second = new Side(`${connecting}\n${client}`)
  for (const side of [first, second]) expect(await side.line()).toBe('up')
  const peer = ['peer', 'name', 'veth-b', 'netns', String(second.child.pid)]
  first.ip('link', 'add', 'veth-a', 'type', 'veth', ...peer)
  first.ip('address', 'add', '10.77.0.1/24', 'dev', 'veth-a')
  second.ip('address', 'add', '10.77.0.2/24', 'dev', 'veth-b')
  first.ip('link', 'set', 'veth-a', 'up')
  second.ip('link', 'set', 'veth-b', 'up')
  first.say()
  expect(await first.line()).toBe('tcp:10.77.0.1:7000')
  second.say()
  expect(await second.line()).toBe('connected')
  second.ip('link', 'set', 'veth-b', 'down')
  second.say()
  return [JSON.parse(await first.line()), JSON.parse(await second.line())]
}

joined.it(
  'a link that is cut is noticed in time, by who waits and by who sends',
  async () => {
    const ends = await cut(
      `await connection.receive()
       await outcome(connection.receive())`,
      `await outcome((async () => {
         for (;;) {
           await connection.send(Buffer.alloc(10_000))
           await new Promise((resolve) => setTimeout(resolve, 20))
         }
       })())`,
    )
    for (const { code, ms } of ends) {
      expect(code).toBe('ERR_VFIO_PEER_LOST')
      expect(ms).toBeLessThan(3 * LINK_TIMEOUT)
    }
  },
  30_000,
)

joined.it(
  'who waits for bulk data over a link that is cut hears of it',
  async () => {
    // Nothing is on its way: the probes find out.
    const [waiting] = await cut(
      `await connection.receive()
       const channel = await connection.bulk('in')
       await outcome(channel.finish({ timeout: 60_000 }))`,
      `const channel = await connection.bulk('out')
       await outcome(channel.finish({ timeout: 100 }))`,
    )
    expect(waiting?.code).toBe('ERR_VFIO_PEER_LOST')
    expect(waiting?.ms).toBeLessThan(4 * LINK_TIMEOUT)
  },
  30_000,
)
