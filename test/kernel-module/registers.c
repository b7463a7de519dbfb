// SPDX-License-Identifier: GPL-2.0-only
/*
 * BAR0: docs/test-device.md, "BAR0".
 */
#include <linux/unaligned.h>

#include "device.h"

#define VFM_MAGIC 0x316d6676u
#define VFM_VERSION 1u

enum {
	REG_MAGIC = 0x00,
	REG_VERSION = 0x04,
	REG_STATE_SIZE = 0x08,
	REG_SCRATCH = 0x10,
	REG_CONTROL = 0x14,
	REG_SEED = 0x18,
	REG_COMMAND = 0x1c,
	REG_DIRTY_RATE = 0x20,
	REG_STEPS = 0x28,
	REG_RUN_COUNT = 0x30,
	REG_DMA_STATUS = 0x34,
	REG_DMA_IOVA = 0x38,
	REG_DMA_LENGTH = 0x40,
	REG_IRQ_RAISE = 0x48,
	REG_IRQ_STATUS = 0x4c,
	REG_IRQ_ACKNOWLEDGE = 0x50,
};

enum {
	COMMAND_FILL = 1,
	COMMAND_STEP = 2,
	COMMAND_DMA_WRITE = 3,
	COMMAND_DMA_READ = 4,
};

static const struct {
	u16 offset;
	u8 width;
	bool readable;
	bool writable;
	const char *name;
} layout[] = {
	{ REG_MAGIC, 4, true, false, "magic" },		  { REG_VERSION, 4, true, false, "version" },
	{ REG_STATE_SIZE, 8, true, false, "state_size" }, { REG_SCRATCH, 4, true, true, "scratch" },
	{ REG_CONTROL, 4, true, true, "control" },	  { REG_SEED, 4, true, true, "seed" },
	{ REG_COMMAND, 4, false, true, "command" },	  { REG_DIRTY_RATE, 8, true, true, "dirty_rate" },
	{ REG_STEPS, 8, true, false, "steps" },		  { REG_RUN_COUNT, 4, true, false, "run_count" },
	{ REG_DMA_STATUS, 4, true, false, "dma_status" }, { REG_DMA_IOVA, 8, true, true, "dma_iova" },
	{ REG_DMA_LENGTH, 8, true, true, "dma_length" },  { REG_IRQ_RAISE, 4, false, true, "irq_raise" },
	{ REG_IRQ_STATUS, 4, true, false, "irq_status" }, { REG_IRQ_ACKNOWLEDGE, 4, false, true, "irq_acknowledge" },
};

void vfm_registers_to_image(const struct vfm_registers *registers, struct vfm_registers_image *image)
{
	image->scratch = cpu_to_le32(registers->scratch);
	image->control = cpu_to_le32(registers->control);
	image->seed = cpu_to_le32(registers->seed);
	image->reserved = 0;
	image->dirty_rate = cpu_to_le64(registers->dirty_rate);
	image->steps = cpu_to_le64(registers->steps);
}

void vfm_registers_from_image(struct vfm_registers *registers, const struct vfm_registers_image *image)
{
	registers->scratch = le32_to_cpu(image->scratch);
	registers->control = le32_to_cpu(image->control);
	registers->seed = le32_to_cpu(image->seed);
	registers->dirty_rate = le64_to_cpu(image->dirty_rate);
	registers->steps = le64_to_cpu(image->steps);
}

static int check_access(struct vfm_device *device, u64 offset, size_t length, bool write)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(layout); i++) {
		if (layout[i].offset != offset || layout[i].width != length)
			continue;
		if (write ? !layout[i].writable : !layout[i].readable)
			return -EINVAL;
		return vfm_faults_check(&device->faults, write ? VFM_OP_REGISTER_WRITE : VFM_OP_REGISTER_READ,
					layout[i].name, NULL);
	}
	return -EINVAL;
}

static u64 value_of(const struct vfm_device *device, u64 offset)
{
	const struct vfm_registers *registers = &device->registers;

	switch (offset) {
	case REG_MAGIC:
		return VFM_MAGIC;
	case REG_VERSION:
		return VFM_VERSION;
	case REG_STATE_SIZE:
		return device->memory.size;
	case REG_SCRATCH:
		return registers->scratch;
	case REG_CONTROL:
		return registers->control;
	case REG_SEED:
		return registers->seed;
	case REG_DIRTY_RATE:
		return registers->dirty_rate;
	case REG_STEPS:
		return registers->steps;
	case REG_RUN_COUNT:
		return registers->run_count;
	case REG_DMA_STATUS:
		return registers->dma_status;
	case REG_DMA_IOVA:
		return registers->dma_iova;
	case REG_DMA_LENGTH:
		return registers->dma_length;
	case REG_IRQ_STATUS:
		return vfm_irqs_line_up(&device->irqs);
	}
	return 0;
}

int vfm_registers_read(struct vfm_device *device, u64 offset, void *to, size_t length)
{
	int ret = check_access(device, offset, length, false);

	if (ret)
		return ret;
	if (length == 8)
		put_unaligned_le64(value_of(device, offset), to);
	else
		put_unaligned_le32(value_of(device, offset), to);
	return 0;
}

static int run_command(struct vfm_device *device, u32 command)
{
	switch (command) {
	case COMMAND_FILL:
		vfm_memory_fill(&device->memory, device->registers.seed);
		return 0;
	case COMMAND_STEP:
		vfm_workload_step(device);
		return 0;
	case COMMAND_DMA_WRITE:
		device->registers.dma_status = vfm_dma_write(device);
		return 0;
	case COMMAND_DMA_READ:
		device->registers.dma_status = vfm_dma_read(device);
		return 0;
	}
	return -EINVAL;
}

int vfm_registers_write(struct vfm_device *device, u64 offset, const void *from, size_t length)
{
	struct vfm_registers *registers = &device->registers;
	int ret = check_access(device, offset, length, true);
	u64 value;

	if (ret)
		return ret;
	value = length == 8 ? get_unaligned_le64(from) : get_unaligned_le32(from);
	switch (offset) {
	case REG_SCRATCH:
		registers->scratch = value;
		break;
	case REG_CONTROL:
		registers->control = value;
		vfm_workload_restart(device);
		break;
	case REG_SEED:
		registers->seed = value;
		break;
	case REG_COMMAND:
		return run_command(device, value);
	case REG_DIRTY_RATE:
		registers->dirty_rate = value;
		vfm_workload_restart(device);
		break;
	case REG_IRQ_RAISE:
		return vfm_irqs_raise(device, value >> 16, value & 0xffff);
	case REG_IRQ_ACKNOWLEDGE:
		if (value & 1)
			vfm_irqs_lower_line(&device->irqs);
		break;
	case REG_DMA_IOVA:
		registers->dma_iova = value;
		break;
	case REG_DMA_LENGTH:
		registers->dma_length = value;
		break;
	}
	return 0;
}
