/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VFM_FAULTS_H
#define VFM_FAULTS_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

enum vfm_operation {
	VFM_OP_SET_STATE,
	VFM_OP_GET_STATE,
	VFM_OP_REGISTER,
	VFM_OP_REGISTER_READ,
	VFM_OP_REGISTER_WRITE,
	VFM_OP_READ,
	VFM_OP_WRITE,
	VFM_OP_PRECOPY_INFO,
	VFM_OP_DATA_SIZE,
	VFM_OP_RESET,
	VFM_OP_COUNT,
};

struct vfm_faults {
	/* Taken inside the device's mutex, never around it: a fault can be set during a slow state change. */
	struct mutex lock;
	struct list_head list;
};

void vfm_faults_init(struct vfm_faults *faults);
void vfm_faults_clear(struct vfm_faults *faults);

/* One line of the grammar in README.md. 0 or -EINVAL, -ENOMEM. */
int vfm_faults_add(struct vfm_faults *faults, const char *line);
/* Every fault with how often it matched and fired, into a sysfs page. */
ssize_t vfm_faults_show(struct vfm_faults *faults, char *buf);

/*
 * Is @operation on @what (a state's or a register's name, or NULL) to fail now? 0, or -errno;
 * *@to_error says whether the device shall enter its error state (may be NULL). A register's read or
 * write is also met by faults of VFM_OP_REGISTER.
 */
int vfm_faults_check(struct vfm_faults *faults, enum vfm_operation operation, const char *what,
		     bool *to_error);

#endif
