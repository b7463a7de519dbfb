// SPDX-License-Identifier: GPL-2.0-only
/* DMA by the device, and its log of what it wrote. */
#include <linux/pci_regs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "smoke.h"

#define IOVA 0x10000000ull
#define LENGTH (4ull << 20)

static int log_start(const struct device *device, uint64_t page_size, uint64_t iova, uint64_t length)
{
	struct vfio_device_feature_dma_logging_range range = { iova, length };
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_logging_control control;
	} ask = {
		.feature = { sizeof(ask), VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_START },
		.control = { .page_size = page_size, .num_ranges = 1, .ranges = (uintptr_t)&range },
	};

	return ioctl(device->fd, VFIO_DEVICE_FEATURE, &ask);
}

static int log_stop(const struct device *device)
{
	struct vfio_device_feature ask = { sizeof(ask),
					   VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP };

	return ioctl(device->fd, VFIO_DEVICE_FEATURE, &ask);
}

static int log_report(const struct device *device, uint64_t page_size, uint64_t iova, uint64_t length,
		      uint64_t *bits)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_logging_report report;
	} ask = {
		.feature = { sizeof(ask), VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT },
		.report = { iova, length, page_size, (uintptr_t)bits },
	};

	return ioctl(device->fd, VFIO_DEVICE_FEATURE, &ask);
}

static uint32_t dma(const struct device *device, uint32_t command, uint64_t iova, uint64_t length)
{
	CHECK(!put64(device, BAR0, DMA_IOVA, iova) && !put64(device, BAR0, DMA_LENGTH, length));
	CHECK(!put32(device, BAR0, COMMAND, command));
	return get32(device, BAR0, DMA_STATUS);
}

static unsigned int count(const uint64_t *bits, size_t words)
{
	unsigned int total = 0;

	for (size_t i = 0; i < words; i++)
		total += __builtin_popcountll(bits[i]);
	return total;
}

void test_dma(bool cdev)
{
	struct device device;
	uint64_t bits[16] = {};
	uint8_t *memory, *expected = malloc(LENGTH), *back;

	set_parameter("state_bytes", "8388608");
	device = make_device("v2", cdev);
	memory = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	map_dma(&device, IOVA, memory, LENGTH);

	put32(&device, BAR0, SEED, 3);
	CHECK(dma(&device, DMA_WRITE, IOVA, LENGTH) == EIO);
	CHECK(!put32(&device, CONFIG, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
	generate(3, expected, LENGTH);
	CHECK(dma(&device, DMA_WRITE, IOVA, LENGTH) == 0);
	CHECK(!memcmp(memory, expected, LENGTH));
	CHECK(dma(&device, DMA_READ, IOVA, LENGTH) == 0);
	back = read_memory(&device);
	CHECK(!memcmp(back, expected, LENGTH));
	CHECK(dma(&device, DMA_WRITE, IOVA + LENGTH - 4096, 8192) == EFAULT);
	CHECK(dma(&device, DMA_READ, IOVA, LENGTH * 4) == E2BIG);

	if (log_report(&device, 4096, IOVA, LENGTH, bits) < 0 && errno == EOPNOTSUPP) {
		/* The core's bitmap comes with CONFIG_IOMMUFD_DRIVER, its START does not. */
		printf("dma (group): done; this kernel cannot report a DMA log\n");
		goto out;
	}
	FAILS(log_report(&device, 4096, IOVA, LENGTH, bits), EINVAL);
	FAILS(log_stop(&device), EINVAL);
	FAILS(log_start(&device, 2048, IOVA, LENGTH), EINVAL);
	FAILS(log_start(&device, 12288, IOVA, LENGTH / 12288 * 12288), EINVAL);
	FAILS(log_start(&device, 4096, IOVA, 0), EINVAL);
	CHECK(!log_start(&device, 4096, IOVA, LENGTH));
	FAILS(log_start(&device, 4096, IOVA, LENGTH), EINVAL);
	CHECK(!log_report(&device, 4096, IOVA, LENGTH, bits) && count(bits, 16) == 0);
	/* Pages 5 to 7, and 64: a write of unaligned ends counts whole pages. */
	CHECK(dma(&device, DMA_WRITE, IOVA + 5 * 4096 + 100, 2 * 4096) == 0);
	CHECK(dma(&device, DMA_WRITE, IOVA + 64 * 4096, 1) == 0);
	CHECK(dma(&device, DMA_READ, IOVA + 100 * 4096, 4096) == 0);
	FAILS(log_report(&device, 4096, IOVA + LENGTH, LENGTH, bits), EINVAL);
	CHECK(!log_report(&device, 4096, IOVA, LENGTH, bits));
	CHECK(bits[0] == 7ull << 5 && bits[1] == 1 && count(bits, 16) == 4);
	memset(bits, 0, sizeof(bits));
	CHECK(!log_report(&device, 4096, IOVA, LENGTH, bits) && count(bits, 16) == 0);
	/* A report in coarser pages than the log's. */
	CHECK(dma(&device, DMA_WRITE, IOVA + 70 * 4096, 4096) == 0);
	CHECK(!log_report(&device, 65536, IOVA, LENGTH, bits) && bits[0] == 1ull << 4);
	CHECK(!log_stop(&device));
	CHECK(!log_start(&device, 65536, IOVA, LENGTH / 2));
	CHECK(dma(&device, DMA_WRITE, IOVA, LENGTH) == 0);
	memset(bits, 0, sizeof(bits));
	CHECK(!log_report(&device, 65536, IOVA, LENGTH / 2, bits) && bits[0] == 0xffffffffull);
	printf("dma (%s): done\n", cdev ? "cdev" : "group");
out:
	/* Closing stops the log. */
	remove_device(&device);
	munmap(memory, LENGTH);
	free(expected);
	free(back);
}
