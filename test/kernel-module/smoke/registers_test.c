// SPDX-License-Identifier: GPL-2.0-only
/* The regions of docs/test-device.md: widths, access rights, generator, workload steps, reset. */
#include <unistd.h>

#include "smoke.h"

static void test_widths(const struct device *device)
{
	static const struct {
		uint64_t offset;
		int width;
		bool readable, writable;
	} registers[] = {
		{ 0x00, 4, 1, 0 },	 { 0x04, 4, 1, 0 },	  { 0x08, 8, 1, 0 },
		{ SCRATCH, 4, 1, 1 },	 { CONTROL, 4, 1, 1 },	  { SEED, 4, 1, 1 },
		{ COMMAND, 4, 0, 1 },	 { DIRTY_RATE, 8, 1, 1 }, { STEPS, 8, 1, 0 },
		{ RUN_COUNT, 4, 1, 0 },	 { DMA_STATUS, 4, 1, 0 }, { DMA_IOVA, 8, 1, 1 },
		{ DMA_LENGTH, 8, 1, 1 }, { IRQ_RAISE, 4, 0, 1 },  { IRQ_STATUS, 4, 1, 0 },
		{ IRQ_ACKNOWLEDGE, 4, 0, 1 },
	};
	uint8_t bytes[16];

	for (uint64_t offset = 0; offset < 0x60; offset++) {
		for (int width = 1; width <= 16; width++) {
			bool readable = false, writable = false;

			for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
				if (registers[i].offset != offset || registers[i].width != width)
					continue;
				readable = registers[i].readable;
				writable = registers[i].writable;
			}
			memset(bytes, 0, sizeof(bytes));
			if (readable)
				CHECK(pread(device->fd, bytes, width, at(BAR0, offset)) == width);
			else
				FAILS(pread(device->fd, bytes, width, at(BAR0, offset)), EINVAL);
			memset(bytes, 0, sizeof(bytes));
			/* A command that is harmless, an interrupt that exists. */
			bytes[0] = offset == IRQ_RAISE ? 0 : STEP;
			if (writable)
				CHECK(pwrite(device->fd, bytes, width, at(BAR0, offset)) == width);
			else
				FAILS(pwrite(device->fd, bytes, width, at(BAR0, offset)), EINVAL);
		}
	}
	FAILS(put32(device, BAR0, COMMAND, 99), EINVAL);
	CHECK(get32(device, BAR0, 0) == 0x316d6676 && get32(device, BAR0, 4) == 1);
	CHECK(get32(device, CONFIG, 0) == 0x76661b36);
	FAILS(pread(device->fd, bytes, 1, at(BAR0, 4096)), EINVAL);
	FAILS(pread(device->fd, bytes, 1, at(1, 0)), EINVAL);
	FAILS(pread(device->fd, bytes, 1, at(MIGRATION, 0)), EINVAL);
	/* A BAR tells its size to who writes ones. */
	CHECK(!put32(device, CONFIG, 0x10, 0xffffffff) && get32(device, CONFIG, 0x10) == 0xfffff000);
}

void test_registers(void)
{
	struct device device;
	uint8_t *expected, *part = malloc(8192);

	set_parameter("state_bytes", "65536");
	set_parameter("seed", "11");
	device = make_device("v2", false);
	set_parameter("seed", "0");
	expected = malloc(device.state_size);
	generate(11, expected, device.state_size);
	CHECK(pread(device.fd, part, 8191, at(BAR2, 4097)) == 8191 && !memcmp(part, expected + 4097, 8191));
	/* Cut off at the end, refused beyond it. */
	CHECK(pread(device.fd, part, 8192, at(BAR2, 65536 - 5)) == 5 && !memcmp(part, expected + 65531, 5));
	FAILS(pread(device.fd, part, 1, at(BAR2, 65536)), EINVAL);
	CHECK(pwrite(device.fd, "abc", 3, at(BAR2, 4095)) == 3);
	CHECK(pread(device.fd, part, 5, at(BAR2, 4094)) == 5 && part[0] == expected[4094]);
	CHECK(!memcmp(part + 1, "abc", 3) && part[4] == expected[4098]);

	/* 16 pages: after 20 steps the first four have been written twice. */
	put32(&device, BAR0, SEED, 12);
	put32(&device, BAR0, COMMAND, FILL);
	for (int i = 0; i < 20; i++)
		put32(&device, BAR0, COMMAND, STEP);
	CHECK(get64(&device, BAR0, STEPS) == 20);
	for (uint64_t page = 0; page < 16; page++)
		CHECK(get64(&device, BAR2, page * 4096) == (page < 4 ? page + 17 : page + 1));
	generate(12, expected, device.state_size);
	CHECK(pread(device.fd, part, 4088, at(BAR2, 8)) == 4088 && !memcmp(part, expected + 8, 4088));

	put32(&device, BAR0, SCRATCH, 1);
	put32(&device, BAR0, CONTROL, 1);
	CHECK(!reset(&device) && !get64(&device, BAR0, STEPS) && !get32(&device, BAR0, SCRATCH));
	CHECK(!get32(&device, BAR0, CONTROL) && !get32(&device, BAR0, RUN_COUNT) && !get64(&device, BAR2, 0));
	CHECK(get32(&device, BAR0, SEED) == 12);
	test_widths(&device);
	remove_device(&device);
	free(expected);
	free(part);
	printf("registers: done\n");
}
