// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI config space: an identity, a command register, and two BARs that can be sized.
 */
#include <linux/log2.h>
#include <linux/pci_regs.h>
#include <linux/unaligned.h>

#include "device.h"

void vfm_config_init(struct vfm_device *device)
{
	u8 *config = device->config;

	put_unaligned_le16(0x1b36, config + PCI_VENDOR_ID);
	put_unaligned_le16(0x7666, config + PCI_DEVICE_ID);
	config[PCI_REVISION_ID] = 1;
	config[PCI_CLASS_DEVICE + 1] = 0xff; /* a class of its own */
	put_unaligned_le16(0x1b36, config + PCI_SUBSYSTEM_VENDOR_ID);
	put_unaligned_le16(0x7666, config + PCI_SUBSYSTEM_ID);
	put_unaligned_le32(PCI_BASE_ADDRESS_MEM_TYPE_32, config + PCI_BASE_ADDRESS_0);
	put_unaligned_le32(PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
			   config + PCI_BASE_ADDRESS_2);
}

/* The bits of a byte that a write changes. */
static u8 writable_bits(const struct vfm_device *device, u64 offset)
{
	u64 mask;

	switch (offset) {
	case PCI_COMMAND:
		return PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	case PCI_COMMAND + 1:
		return PCI_COMMAND_INTX_DISABLE >> 8;
	case PCI_CACHE_LINE_SIZE:
	case PCI_LATENCY_TIMER:
	case PCI_INTERRUPT_LINE:
		return 0xff;
	case PCI_BASE_ADDRESS_0 ... PCI_BASE_ADDRESS_0 + 3:
		mask = ~(u64)(VFM_BAR0_SIZE - 1);
		return mask >> (8 * (offset - PCI_BASE_ADDRESS_0));
	case PCI_BASE_ADDRESS_2 ... PCI_BASE_ADDRESS_2 + 7:
		mask = ~(roundup_pow_of_two(device->memory.size) - 1);
		return mask >> (8 * (offset - PCI_BASE_ADDRESS_2));
	}
	return 0;
}

int vfm_config_write(struct vfm_device *device, u64 offset, const void *from, size_t length)
{
	const u8 *bytes = from;
	size_t i;

	for (i = 0; i < length; i++) {
		u8 bits = writable_bits(device, offset + i);
		u8 *byte = device->config + offset + i;

		*byte = (*byte & ~bits) | (bytes[i] & bits);
	}
	return 0;
}
