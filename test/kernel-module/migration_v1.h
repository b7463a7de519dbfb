/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VFM_MIGRATION_V1_H
#define VFM_MIGRATION_V1_H

#include <linux/types.h>
#include <linux/vfio.h>

struct vfm_device;
struct vm_area_struct;

#define VFM_V1_REGION_INDEX VFIO_PCI_NUM_REGIONS
#define VFM_V1_DATA_START 4096ull /* the page before it holds the registers */
#define VFM_V1_MAX_AREAS 64

enum vfm_v1_state {
	VFM_V1_STOP = 0,
	VFM_V1_RUNNING = 1,
	VFM_V1_STOP_COPY = 2,
	VFM_V1_PRE_COPY = 3,
	VFM_V1_RESUMING = 4,
	VFM_V1_ERROR = 6,
};

struct vfm_v1 {
	u32 device_state; /* with bits 3 to 31 as last written */

	/* The data section, one kernel allocation for the device's lifetime. */
	void *section;
	u64 section_size;
	struct vfio_region_sparse_mmap_area areas[VFM_V1_MAX_AREAS]; /* offsets in the region */
	u32 nr_areas;

	u64 round;   /* where the next chunk lies depends on it */
	bool staged; /* data_offset was read: the chunk at data_offset stands until acknowledged */
	u64 data_offset;
	u64 data_size;
	u64 sequence; /* of the next chunk, saving or loading */
	bool registers_sent;
	bool registers_loaded;

	u32 lie_register; /* offset of the register that answers with lie, 0: none does */
	u64 lie;
};

/* Layout. 0 or -ENOMEM, -EINVAL (the sizes make no sense). */
int vfm_v1_layout_init(struct vfm_device *device);
void vfm_v1_layout_free(struct vfm_device *device);
/* Offset in the region of the chunk of @round, which has chunk_bytes of room. */
u64 vfm_v1_layout_place(const struct vfm_device *device, u64 round);
u64 vfm_v1_region_size(const struct vfm_device *device);
/* Not under the device's mutex. @offset: within the region. */
int vfm_v1_mmap(struct vfm_device *device, struct vm_area_struct *vma, u64 offset);

/* Bytes of state a save has still to make chunks of: an estimate, zero only if there are none. */
u64 vfm_v1_chunk_pending(const struct vfm_device *device);
/* Writes the next chunk at @to (chunk_bytes of room). Returns its length, 0: nothing to send now. */
u64 vfm_v1_chunk_make(struct vfm_device *device, void *to);
/* Takes in one chunk. -EINVAL: not the next one, or not whole. */
int vfm_v1_chunk_load(struct vfm_device *device, const void *from, u64 length);

ssize_t vfm_v1_read(struct vfm_device *device, char __user *to, size_t count, u64 offset);
ssize_t vfm_v1_write(struct vfm_device *device, const char __user *from, size_t count, u64 offset);
void vfm_v1_enter_error(struct vfm_device *device);
/* Makes a register (pending_bytes, data_offset, data_size) answer @value whenever it would answer at all. */
int vfm_v1_set_lie(struct vfm_device *device, const char *name, u64 value);
void vfm_v1_reset(struct vfm_device *device);

static inline u32 vfm_v1_state_of(u32 device_state)
{
	return device_state & 7;
}

const char *vfm_v1_state_name(u32 state);

#endif
