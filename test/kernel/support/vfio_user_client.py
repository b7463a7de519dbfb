# SPDX-License-Identifier: MIT
# A vfio-user client that owes this project nothing: gives the edu device (QEMU, docs/specs/edu.rst) behind a server memory by
# descriptor, has it copy there and back, and takes an interrupt. Prints what it saw as JSON.
import json
import mmap
import os
import select
import socket
import struct
import sys

SERVER, ROUNDS = sys.argv[1], 2
IOVA = 0x100000
PAGE = 4096
DMA_SOURCE, DMA_DESTINATION, DMA_COUNT, DMA_COMMAND, RAISE, ACKNOWLEDGE = 0x80, 0x88, 0x90, 0x98, 0x60, 0x64
DEVICE_BUFFER = 0x40000
# The buffer has 4096 bytes, but a transfer that reaches its end ends QEMU 7.2, which takes it for one too long.
BYTES = 2048


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.id = 0
        self.ask(1, struct.pack("<HH", 0, 1) + b'{"capabilities":{"max_msg_fds":8}}\0')

    def take(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise EOFError("the server has closed")
            data += piece
        return data

    def ask(self, command, payload, descriptors=(), expected=0):
        self.id += 1
        message = struct.pack("<HHIII", self.id, command, 16 + len(payload), 0, 0) + payload
        socket.send_fds(self.socket, [message], descriptors)
        ident, answered, size, flags, error = struct.unpack("<HHIII", self.take(16))
        body = self.take(size - 16)
        assert (ident, answered) == (self.id, command), (ident, answered)
        assert (error if flags & 0x20 else 0) == expected, f"command {command}: errno {error}, expected {expected}"
        return body

    def read(self, region, offset, width):
        body = self.ask(9, struct.pack("<QII", offset, region, width))
        return int.from_bytes(body[16:], "little")

    def write(self, region, offset, width, value):
        self.ask(10, struct.pack("<QII", offset, region, width) + value.to_bytes(width, "little"))

    def map(self, iova, size, descriptor, flags=3, expected=0):
        descriptors = [] if descriptor is None else [descriptor]
        self.ask(2, struct.pack("<IIQQQ", 32, flags, 0, iova, size), descriptors, expected)

    def unmap(self, iova, size, expected=0):
        self.ask(3, struct.pack("<IIQQ", 24, 0, iova, size), (), expected)

    def copy(self, source, destination, count, to_memory):
        self.write(0, DMA_SOURCE, 8, source)
        self.write(0, DMA_DESTINATION, 8, destination)
        self.write(0, DMA_COUNT, 8, count)
        self.write(0, DMA_COMMAND, 8, 1 | (2 if to_memory else 0))
        while self.read(0, DMA_COMMAND, 8) & 1:
            pass


def session(number):
    """One client's life; the last mapping is left to the server to take away."""
    client = Client(SERVER)
    identity = client.read(7, 0, 4)
    client.write(7, 4, 2, client.read(7, 4, 2) | 6)
    memory = os.memfd_create("guest")
    os.ftruncate(memory, 4 * PAGE)
    view = mmap.mmap(memory, 4 * PAGE)
    text = f"round {number}: ".encode().ljust(PAGE, b".")
    view[0:PAGE] = text
    client.map(IOVA, 4 * PAGE, memory)
    client.map(0x800000, PAGE, None, expected=95)
    client.copy(IOVA, DEVICE_BUFFER, BYTES, False)
    client.copy(DEVICE_BUFFER, IOVA + 2 * PAGE, BYTES, True)
    arrived = view[2 * PAGE : 2 * PAGE + BYTES] == text[:BYTES]
    untouched = view[PAGE : 2 * PAGE] == bytes(PAGE) and not any(view[2 * PAGE + BYTES :])
    client.unmap(IOVA, PAGE, expected=2)
    client.unmap(IOVA, 4 * PAGE)
    client.map(IOVA, 4 * PAGE, memory)

    event = os.eventfd(0, os.EFD_NONBLOCK)
    client.ask(8, struct.pack("<IIIII", 20, 4 | 32, 1, 0, 1), [event])
    client.write(0, RAISE, 4, 1)
    ready = bool(select.select([event], [], [], 20)[0]) and os.eventfd_read(event)
    client.write(0, ACKNOWLEDGE, 4, 1)
    client.ask(8, struct.pack("<IIIII", 20, 4 | 32, 1, 0, 1), [memory], expected=22)
    return {"identity": identity, "arrived": arrived, "untouched": untouched, "interrupts": int(ready)}


print(json.dumps([session(number) for number in range(ROUNDS)]))
