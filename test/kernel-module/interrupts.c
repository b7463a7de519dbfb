// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: eventfds, and the rules of vfio-pci about what may be armed when.
 */
#include <linux/pci_regs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>

#include "device.h"

static u32 vectors_of(u32 index)
{
	switch (index) {
	case VFIO_PCI_MSI_IRQ_INDEX:
		return VFM_MSI_VECTORS;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return VFM_MSIX_VECTORS;
	}
	return index < VFIO_PCI_NUM_IRQS ? 1 : 0;
}

static bool is_exclusive(u32 index)
{
	return index <= VFIO_PCI_MSIX_IRQ_INDEX;
}

void vfm_irqs_init(struct vfm_irqs *irqs)
{
	mutex_init(&irqs->request);
	spin_lock_init(&irqs->lock);
}

int vfm_irqs_describe(struct vfio_irq_info *info)
{
	if (info->index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	info->count = vectors_of(info->index);
	info->flags = VFIO_IRQ_INFO_EVENTFD;
	if (info->index == VFIO_PCI_INTX_IRQ_INDEX)
		info->flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	else if (info->index != VFIO_PCI_MSIX_IRQ_INDEX)
		info->flags |= VFIO_IRQ_INFO_NORESIZE;
	return 0;
}

/* The lock is held. */
static void signal_vector(struct vfm_irqs *irqs, u32 index, u32 vector)
{
	if (irqs->vectors[index][vector])
		eventfd_signal(irqs->vectors[index][vector]);
}

static void deliver_line(struct vfm_irqs *irqs)
{
	if (!irqs->line_up || irqs->masked || irqs->disabled || !irqs->reserved[VFIO_PCI_INTX_IRQ_INDEX])
		return;
	irqs->masked = true;
	signal_vector(irqs, VFIO_PCI_INTX_IRQ_INDEX, 0);
}

static void mask_line(struct vfm_irqs *irqs, bool masked)
{
	unsigned long flags;

	spin_lock_irqsave(&irqs->lock, flags);
	irqs->masked = masked;
	deliver_line(irqs);
	spin_unlock_irqrestore(&irqs->lock, flags);
}

static void unmask_by_eventfd(void *opaque, void *data)
{
	mask_line(opaque, false);
}

static void replace_vector(struct vfm_irqs *irqs, u32 index, u32 vector, struct eventfd_ctx *fresh)
{
	struct eventfd_ctx *old;
	unsigned long flags;

	spin_lock_irqsave(&irqs->lock, flags);
	old = irqs->vectors[index][vector];
	irqs->vectors[index][vector] = fresh;
	spin_unlock_irqrestore(&irqs->lock, flags);
	if (old)
		eventfd_ctx_put(old);
}

static void disarm(struct vfm_irqs *irqs, u32 index)
{
	u32 vector;

	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		vfio_virqfd_disable(&irqs->unmask);
	for (vector = 0; vector < VFM_MSIX_VECTORS; vector++)
		replace_vector(irqs, index, vector, NULL);
	irqs->reserved[index] = 0;
	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		irqs->masked = false;
}

void vfm_irqs_release(struct vfm_irqs *irqs)
{
	u32 index;

	mutex_lock(&irqs->request);
	for (index = 0; index < VFIO_PCI_NUM_IRQS; index++)
		disarm(irqs, index);
	irqs->line_up = false;
	irqs->disabled = false;
	mutex_unlock(&irqs->request);
}

/* All of them or none. */
static int arm(struct vfm_irqs *irqs, const struct vfio_irq_set *set, const s32 *fds)
{
	struct eventfd_ctx *fresh[VFM_MSIX_VECTORS] = {};
	u32 i, end = set->start + set->count;

	if (!set->count)
		return -EINVAL;
	for (i = 0; is_exclusive(set->index) && i <= VFIO_PCI_MSIX_IRQ_INDEX; i++) {
		if (i != set->index && irqs->reserved[i])
			return -EINVAL;
	}
	if (irqs->reserved[set->index] && end > irqs->reserved[set->index] &&
	    set->index != VFIO_PCI_MSIX_IRQ_INDEX)
		return -EINVAL;
	for (i = 0; i < set->count; i++) {
		if (fds[i] == -1)
			continue;
		fresh[i] = eventfd_ctx_fdget(fds[i]);
		if (IS_ERR(fresh[i])) {
			int ret = PTR_ERR(fresh[i]);

			while (i--) {
				if (fresh[i])
					eventfd_ctx_put(fresh[i]);
			}
			return ret;
		}
	}
	if (!irqs->reserved[set->index])
		irqs->reserved[set->index] = end;
	for (i = 0; i < set->count; i++)
		replace_vector(irqs, set->index, set->start + i, fresh[i]);
	if (!is_exclusive(set->index) && !fresh[0])
		irqs->reserved[set->index] = 0;
	if (set->index == VFIO_PCI_INTX_IRQ_INDEX) {
		unsigned long flags;

		spin_lock_irqsave(&irqs->lock, flags);
		deliver_line(irqs);
		spin_unlock_irqrestore(&irqs->lock, flags);
	}
	return 0;
}

static int trigger(struct vfm_irqs *irqs, const struct vfio_irq_set *set, const void *data)
{
	unsigned long flags;
	u32 i;

	if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		return arm(irqs, set, data);
	if (!irqs->reserved[set->index])
		return -EINVAL;
	if (!set->count) {
		if (set->flags & VFIO_IRQ_SET_DATA_BOOL)
			return -EINVAL;
		disarm(irqs, set->index);
		return 0;
	}
	spin_lock_irqsave(&irqs->lock, flags);
	for (i = 0; i < set->count; i++) {
		if ((set->flags & VFIO_IRQ_SET_DATA_NONE) || ((const u8 *)data)[i])
			signal_vector(irqs, set->index, set->start + i);
	}
	spin_unlock_irqrestore(&irqs->lock, flags);
	return 0;
}

static int mask(struct vfm_irqs *irqs, const struct vfio_irq_set *set, const void *data)
{
	bool masks = set->flags & VFIO_IRQ_SET_ACTION_MASK;
	s32 fd;

	if (set->index != VFIO_PCI_INTX_IRQ_INDEX || (masks && (set->flags & VFIO_IRQ_SET_DATA_EVENTFD)))
		return -ENOTTY;
	if (!irqs->reserved[VFIO_PCI_INTX_IRQ_INDEX] || set->count != 1)
		return -EINVAL;
	if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		fd = *(const s32 *)data;
		if (fd >= 0)
			return vfio_virqfd_enable(irqs, NULL, unmask_by_eventfd, NULL, &irqs->unmask, fd);
		vfio_virqfd_disable(&irqs->unmask);
		return 0;
	}
	if ((set->flags & VFIO_IRQ_SET_DATA_NONE) || *(const u8 *)data)
		mask_line(irqs, masks);
	return 0;
}

long vfm_irqs_set(struct vfm_device *device, void __user *arg)
{
	const unsigned long minsz = offsetofend(struct vfio_irq_set, count);
	struct vfio_irq_set set;
	void *data = NULL;
	size_t size;
	long ret;

	if (copy_from_user(&set, arg, minsz))
		return -EFAULT;
	ret = vfio_set_irqs_validate_and_prepare(&set, vectors_of(set.index), VFIO_PCI_NUM_IRQS, &size);
	if (ret)
		return ret;
	if (size) {
		data = memdup_user(arg + minsz, size);
		if (IS_ERR(data))
			return PTR_ERR(data);
	}
	mutex_lock(&device->irqs.request);
	switch (set.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) {
	case VFIO_IRQ_SET_ACTION_TRIGGER:
		ret = trigger(&device->irqs, &set, data);
		break;
	case VFIO_IRQ_SET_ACTION_MASK:
	case VFIO_IRQ_SET_ACTION_UNMASK:
		ret = mask(&device->irqs, &set, data);
		break;
	default:
		ret = -EINVAL;
	}
	mutex_unlock(&device->irqs.request);
	kfree(data);
	return ret;
}

int vfm_irqs_raise(struct vfm_device *device, u32 index, u32 vector)
{
	struct vfm_irqs *irqs = &device->irqs;
	bool master = get_unaligned_le16(device->config + PCI_COMMAND) & PCI_COMMAND_MASTER;
	unsigned long flags;

	if (vector >= vectors_of(index))
		return -EINVAL;
	spin_lock_irqsave(&irqs->lock, flags);
	if (index == VFIO_PCI_INTX_IRQ_INDEX) {
		irqs->line_up = true;
		deliver_line(irqs);
	} else if (master || !is_exclusive(index)) {
		signal_vector(irqs, index, vector);
	}
	spin_unlock_irqrestore(&irqs->lock, flags);
	return 0;
}

bool vfm_irqs_line_up(const struct vfm_irqs *irqs)
{
	return READ_ONCE(irqs->line_up);
}

void vfm_irqs_lower_line(struct vfm_irqs *irqs)
{
	unsigned long flags;

	spin_lock_irqsave(&irqs->lock, flags);
	irqs->line_up = false;
	spin_unlock_irqrestore(&irqs->lock, flags);
}

void vfm_irqs_command_changed(struct vfm_device *device)
{
	struct vfm_irqs *irqs = &device->irqs;
	unsigned long flags;

	spin_lock_irqsave(&irqs->lock, flags);
	irqs->disabled = get_unaligned_le16(device->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE;
	deliver_line(irqs);
	spin_unlock_irqrestore(&irqs->lock, flags);
}
