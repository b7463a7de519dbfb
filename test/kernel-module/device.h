/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VFM_DEVICE_H
#define VFM_DEVICE_H

#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "faults.h"
#include "interrupts.h"
#include "memory.h"
#include "migration_v1.h"

#define VFM_CONFIG_SIZE 256
#define VFM_BAR0_SIZE 4096

/* Region index to file offset and back, as vfio-pci does it: 40 bits for the offset within. */
#define VFM_OFFSET_SHIFT 40
#define VFM_INDEX_TO_OFFSET(index) ((u64)(index) << VFM_OFFSET_SHIFT)

enum vfm_kind {
	VFM_V2,
	VFM_V1_TRAPPED,	 /* the data section answers to pread and pwrite only */
	VFM_V1_MAPPED,	 /* all of it can be mapped */
	VFM_V1_SPARSE,	 /* areas with holes between them; a chunk lies within one area */
	VFM_V1_STRADDLE, /* a chunk lies across mappable and trapped strips */
};

/* Which changes of state a v1 device accepts (and how it refuses the others). */
enum vfm_arcs {
	VFM_ARCS_FULL, /* any of the five from any of the five; else EINVAL, state kept */
	VFM_ARCS_I915, /* the Intel driver's; else EINVAL and the error state */
	VFM_ARCS_LVU,  /* libvfio-user's; else EINVAL, state kept */
};

/* Taken from the module's parameters when a device is created. */
struct vfm_settings {
	u64 state_bytes;
	u64 chunk_bytes;
	u32 seed;
	u32 migration_flags;
	enum vfm_arcs arcs;
	bool drained_is_zero;
	bool precopy_rounds; /* v2: only a PRECOPY_INFO makes what was dirtied since readable, as on mlx5 */
	bool dma_log;
	bool reset_on_open;
};

/* What travels with a device besides its memory. Little-endian, as it stands in streams and chunks. */
struct vfm_registers_image {
	__le32 scratch;
	__le32 control;
	__le32 seed;
	__le32 reserved;
	__le64 dirty_rate;
	__le64 steps;
} __packed;

struct vfm_registers {
	u32 scratch;
	u32 control;
	u32 seed;
	u32 run_count;
	u32 dma_status;
	u64 dirty_rate;
	u64 steps;
	u64 dma_iova;
	u64 dma_length;
};

struct vfm_workload {
	bool active;
	u64 since_ns;
	u64 done; /* steps done since then */
};

struct vfm_dma_log {
	bool active;
	bool incomplete; /* a page could not be noted: every report fails from here on */
	u64 page_size;
	u32 nr_ranges;
	struct vfm_dma_log_range *ranges;
	struct xarray pages; /* index: iova / page_size */
};

struct vfm_session;

struct vfm_device {
	struct vfio_device vdev;
	enum vfm_kind kind;
	struct vfm_settings settings;

	/*
	 * Guards everything below. Taken in file operations and ioctls, possibly
	 * with user memory being touched while it is held; hence neither mmap nor
	 * any fault handler may take it.
	 */
	struct mutex lock;
	struct vfm_faults faults;
	unsigned int delay_ms;	 /* of every change of state */
	unsigned int read_limit; /* most bytes one read of state yields, 0: no limit */
	unsigned int write_limit;
	wait_queue_head_t reset_wait;
	atomic_t resets_waiting;

	u8 config[VFM_CONFIG_SIZE];
	struct vfm_registers registers;
	struct vfm_memory memory;
	struct vfm_workload workload;
	struct vfm_dma_log dma_log;
	struct vfm_irqs irqs; /* with locks of its own */

	/* v2 */
	enum vfio_device_mig_state state;
	struct vfm_session *session;

	struct vfm_v1 v1;
};

static inline struct vfm_device *to_vfm_device(struct vfio_device *vdev)
{
	return container_of(vdev, struct vfm_device, vdev);
}

static inline bool vfm_is_v1(const struct vfm_device *device)
{
	return device->kind != VFM_V2;
}

extern const struct vfio_device_ops vfm_device_ops;

/* In these two the device's mutex is held. Running: also in the P2P states. */
bool vfm_is_running(const struct vfm_device *device);
bool vfm_workload_allowed(const struct vfm_device *device);

/* After every change of state; @was: vfm_is_running before it. */
void vfm_state_changed(struct vfm_device *device, bool was_running);
/* Waits delay_ms, or until somebody wants to reset the device. The mutex stays held. */
void vfm_delay(struct vfm_device *device);
const char *vfm_state_name(const struct vfm_device *device);

void vfm_registers_to_image(const struct vfm_registers *registers, struct vfm_registers_image *image);
void vfm_registers_from_image(struct vfm_registers *registers, const struct vfm_registers_image *image);

/* BAR0: one access in a register's own width and alignment. */
int vfm_registers_read(struct vfm_device *device, u64 offset, void *to, size_t length);
int vfm_registers_write(struct vfm_device *device, u64 offset, const void *from, size_t length);

void vfm_config_init(struct vfm_device *device);
int vfm_config_write(struct vfm_device *device, u64 offset, const void *from, size_t length);

/* Does the steps that are due by now. Before every access and every change of what they depend on. */
void vfm_workload_catch_up(struct vfm_device *device);
/* Starts to count anew, after such a change. */
void vfm_workload_restart(struct vfm_device *device);
void vfm_workload_step(struct vfm_device *device);

/* The DMA commands: 0 or a positive errno, for DMA_STATUS. */
u32 vfm_dma_write(struct vfm_device *device);
u32 vfm_dma_read(struct vfm_device *device);

extern const struct vfio_log_ops vfm_log_ops;
void vfm_dma_log_note(struct vfm_device *device, u64 iova, u64 length);
void vfm_dma_log_end(struct vfm_device *device);

extern const struct attribute_group *vfm_attribute_groups[];

/* module.c: the parameters as they stand, for a new device of this kind. */
int vfm_settings_take(enum vfm_kind kind, struct vfm_settings *settings);
enum vfm_kind vfm_kind_of(const struct mdev_type *type);
int vfm_arcs_parse(const char *text, enum vfm_arcs *arcs);
const char *vfm_arcs_name(enum vfm_arcs arcs);
int vfm_drained_parse(const char *text, bool *is_zero);

#endif
