// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's own reads and writes of the user's memory, through whatever
 * address space it is attached to (type1 container or IOAS).
 */
#include <linux/overflow.h>
#include <linux/pci_regs.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "device.h"
#include "generator.h"

#define BOUNCE_BYTES 65536u
#define MAX_DMA_BYTES (1ull << 30)

static int check(const struct vfm_registers *registers, u64 most)
{
	u64 end;

	if (registers->dma_length > most)
		return -E2BIG;
	if (check_add_overflow(registers->dma_iova, registers->dma_length, &end))
		return -EOVERFLOW;
	return 0;
}

/* Why it failed is the address space's business; the device sees an aborted access. */
static int access_memory(struct vfm_device *device, u64 iova, void *data, size_t length, bool write)
{
	return vfio_dma_rw(&device->vdev, iova, data, length, write) ? -EFAULT : 0;
}

static int transfer(struct vfm_device *device, bool write)
{
	const struct vfm_registers *registers = &device->registers;
	u64 length = registers->dma_length;
	u64 done = 0;
	void *bounce;
	int ret;

	if (!(device->config[PCI_COMMAND] & PCI_COMMAND_MASTER))
		return -EIO;
	ret = check(registers, write ? MAX_DMA_BYTES : device->memory.size);
	if (ret || !length)
		return ret;
	bounce = kmalloc(BOUNCE_BYTES, GFP_KERNEL);
	if (!bounce)
		return -ENOMEM;
	while (done < length && !ret) {
		size_t part = min_t(u64, BOUNCE_BYTES, length - done);
		u64 iova = registers->dma_iova + done;

		if (write) {
			vfm_generate(registers->seed, done, bounce, part);
			/* Noted first, and even if it fails: part of it may have been written. */
			vfm_dma_log_note(device, iova, part);
		}
		ret = access_memory(device, iova, bounce, part, write);
		if (!ret && !write)
			ret = vfm_memory_write(&device->memory, done, bounce, part);
		done += part;
		cond_resched();
	}
	kfree(bounce);
	return ret;
}

u32 vfm_dma_write(struct vfm_device *device)
{
	return -transfer(device, true);
}

u32 vfm_dma_read(struct vfm_device *device)
{
	return -transfer(device, false);
}
