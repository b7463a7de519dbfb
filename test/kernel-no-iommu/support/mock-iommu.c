// SPDX-License-Identifier: MIT
/*
 * Drives the kernel's own mock IOMMU (CONFIG_IOMMUFD_TEST) through an iommufd
 * that it inherits, so that tests of the package need no ioctl of their own.
 *
 *   mock-iommu FD device IOAS FLAGS        prints: STDEV HWPT DEVICE
 *   mock-iommu FD dirty HWPT IOVA LENGTH PAGE BIT...   prints: PAGES
 *   mock-iommu FD destroy ID
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum { OP_MOCK_DOMAIN_FLAGS = 12, OP_DIRTY = 13 };
#define MOST_PAGES 4096

/* What the kernel calls struct iommu_test_cmd, as far as it is used here. */
struct command {
	uint32_t size;
	uint32_t op;
	uint32_t id;
	uint32_t reserved;
	union {
		struct {
			uint32_t out_stdev;
			uint32_t out_hwpt;
			uint32_t out_device;
			uint32_t flags;
		} device;
		struct {
			uint32_t flags;
			uint32_t pad;
			uint64_t iova;
			uint64_t length;
			uint64_t page_size;
			uint64_t bitmap;
			uint64_t out_dirty;
		} dirty;
	};
	uint32_t last;
};

struct destroy {
	uint32_t size;
	uint32_t id;
};

static int done(int result)
{
	if (result == 0)
		return 0;
	fprintf(stderr, "%s\n", strerror(errno));
	return 1;
}

static uint64_t number(const char *text)
{
	return strtoull(text, NULL, 0);
}

static int dirty(int fd, int count, char **arguments)
{
	static uint64_t bitmap[MOST_PAGES / 64];
	struct command command = { .size = sizeof(command), .op = OP_DIRTY };
	int i, result;

	command.id = number(arguments[0]);
	command.dirty.iova = number(arguments[1]);
	command.dirty.length = number(arguments[2]);
	command.dirty.page_size = number(arguments[3]);
	command.dirty.bitmap = (uintptr_t)bitmap;
	for (i = 4; i < count; i++) {
		uint64_t bit = number(arguments[i]);

		if (bit >= MOST_PAGES)
			return 2;
		bitmap[bit / 64] |= UINT64_C(1) << (bit % 64);
	}
	result = ioctl(fd, _IO(';', 0x80 + 32), &command);
	if (result == 0)
		printf("%llu\n", (unsigned long long)command.dirty.out_dirty);
	return done(result);
}

int main(int count, char **arguments)
{
	struct command command = { .size = sizeof(command), .op = OP_MOCK_DOMAIN_FLAGS };
	int fd, result;

	if (count < 4)
		return 2;
	fd = number(arguments[1]);
	if (strcmp(arguments[2], "dirty") == 0 && count >= 7)
		return dirty(fd, count - 3, arguments + 3);
	if (strcmp(arguments[2], "destroy") == 0) {
		struct destroy destroy = { sizeof(destroy), number(arguments[3]) };

		return done(ioctl(fd, _IO(';', 0x80), &destroy));
	}
	if (strcmp(arguments[2], "device") != 0 || count < 5)
		return 2;
	command.id = number(arguments[3]);
	command.device.flags = number(arguments[4]);
	result = ioctl(fd, _IO(';', 0x80 + 32), &command);
	if (result == 0)
		printf("%u %u %u\n", command.device.out_stdev, command.device.out_hwpt, command.device.out_device);
	return done(result);
}
