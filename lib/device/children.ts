// SPDX-License-Identifier: MIT

/** Something that was opened through a device and must be gone before it. */
export interface Child {
  close(): Promise<void>
}

/** What is open through one device: its sessions, data sources and sinks, and mappings. */
export class Children {
  readonly #open = new Set<Child>()

  add<T extends Child>(child: T): T {
    this.#open.add(child)
    return child
  }

  get all(): Iterable<Child> {
    return this.#open
  }

  delete(child: Child): void {
    this.#open.delete(child)
  }

  /** Closes all of them, the youngest first, since a source lives on its session. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].reverse().map((child) => child.close()))
  }
}
