/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VFM_INTERRUPTS_H
#define VFM_INTERRUPTS_H

#include <linux/eventfd.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>

#define VFM_MSI_VECTORS 4
#define VFM_MSIX_VECTORS 8

struct vfm_device;

struct vfm_irqs {
	struct mutex request; /* one SET_IRQS at a time; taken before everything else of the device */
	spinlock_t lock;      /* of what follows: an eventfd that unmasks does it from a work queue */
	struct eventfd_ctx *vectors[VFIO_PCI_NUM_IRQS][VFM_MSIX_VECTORS];
	u32 reserved[VFIO_PCI_NUM_IRQS]; /* vectors asked for when it was armed, 0: not armed */
	bool line_up;
	bool masked;
	bool disabled; /* in the PCI command register */
	struct virqfd *unmask;
};

void vfm_irqs_init(struct vfm_irqs *irqs);
/* Disarms everything. */
void vfm_irqs_release(struct vfm_irqs *irqs);
int vfm_irqs_describe(struct vfio_irq_info *info);
long vfm_irqs_set(struct vfm_device *device, void __user *arg);

/* IRQ_RAISE: 0 or -EINVAL. MSI needs bus mastering. */
int vfm_irqs_raise(struct vfm_device *device, u32 index, u32 vector);
bool vfm_irqs_line_up(const struct vfm_irqs *irqs);
void vfm_irqs_lower_line(struct vfm_irqs *irqs);
/* After a write of the config space. */
void vfm_irqs_command_changed(struct vfm_device *device);

#endif
