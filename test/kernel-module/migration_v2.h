/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VFM_MIGRATION_V2_H
#define VFM_MIGRATION_V2_H

#include <linux/fs.h>
#include <linux/vfio.h>

#include "device.h"
#include "stream.h"

/*
 * One save or load in progress: what a data descriptor stands for. It belongs to its file, which
 * may outlive the device's descriptors; hence it holds a reference to the device. The device's
 * mutex guards it.
 */
struct vfm_session {
	struct vfm_device *device;
	struct file *file; /* the device's reference, dropped when the session ends */
	bool ended;	   /* all I/O answers ENODEV */

	/* Bytes made but not read yet, or received but not understood yet. */
	u8 head[sizeof(struct vfm_stream_record) + sizeof(struct vfm_registers_image)];
	size_t head_length;
	size_t head_done;

	u64 payload_offset; /* of the device memory that follows in the stream */
	u64 payload_left;

	u64 sequence; /* of the next record */
	/* With precopy_rounds: pages of this round that may still be read in PRE_COPY. */
	u64 round_pages;
	bool begun;    /* the stream's header is through */
	bool complete; /* the end record is through */
	bool broken;   /* loading: a write was refused */
	bool registers_seen;
	struct vfm_registers_image registers; /* loaded when RESUMING is left */
};

extern const struct vfio_migration_ops vfm_migration_ops;

/* The device's mutex is held in all of these. */
struct file *vfm_save_begin(struct vfm_device *device);
struct file *vfm_load_begin(struct vfm_device *device);
/* RESUMING -> STOP: 0, or -EINVAL if the stream has not been whole. */
int vfm_load_commit(struct vfm_device *device);
void vfm_session_end(struct vfm_device *device);
struct file *vfm_session_open(struct vfm_device *device, const struct file_operations *ops, int flags);
int vfm_session_release(struct inode *inode, struct file *file);
u64 vfm_save_remaining(const struct vfm_device *device);
void vfm_v2_enter_error(struct vfm_device *device);
void vfm_v2_reset(struct vfm_device *device);
const char *vfm_v2_state_name(u32 state);

#endif
