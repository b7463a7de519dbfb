// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration protocol v1: the registers at the start of the migration region
 * (include/uapi/linux/vfio.h, "struct vfio_device_migration_info").
 */
#include <linux/uaccess.h>

#include "device.h"

#define BIT_OF(state) (1u << (state))

/* By the state left: the set of states that may be entered. */
static const u8 arcs_full[8] = { [0] = 0x1f, [1] = 0x1f, [2] = 0x1f, [3] = 0x1f, [4] = 0x1f };

static const u8 arcs_i915[8] = {
	[VFM_V1_RUNNING] = BIT_OF(VFM_V1_STOP) | BIT_OF(VFM_V1_STOP_COPY) | BIT_OF(VFM_V1_PRE_COPY) |
			   BIT_OF(VFM_V1_RESUMING),
	[VFM_V1_PRE_COPY] = BIT_OF(VFM_V1_STOP_COPY),
	[VFM_V1_STOP_COPY] = BIT_OF(VFM_V1_STOP),
	[VFM_V1_STOP] = BIT_OF(VFM_V1_RUNNING) | BIT_OF(VFM_V1_STOP_COPY),
	[VFM_V1_RESUMING] = BIT_OF(VFM_V1_RUNNING),
};

static const u8 arcs_lvu[8] = {
	[VFM_V1_RUNNING] = BIT_OF(VFM_V1_STOP) | BIT_OF(VFM_V1_RUNNING) | BIT_OF(VFM_V1_STOP_COPY) |
			   BIT_OF(VFM_V1_PRE_COPY) | BIT_OF(VFM_V1_RESUMING),
	[VFM_V1_PRE_COPY] = BIT_OF(VFM_V1_STOP) | BIT_OF(VFM_V1_STOP_COPY) | BIT_OF(VFM_V1_PRE_COPY),
	[VFM_V1_STOP_COPY] = BIT_OF(VFM_V1_STOP) | BIT_OF(VFM_V1_RUNNING) | BIT_OF(VFM_V1_STOP_COPY),
	[VFM_V1_STOP] = BIT_OF(VFM_V1_STOP) | BIT_OF(VFM_V1_RUNNING),
	[VFM_V1_RESUMING] = BIT_OF(VFM_V1_RUNNING) | BIT_OF(VFM_V1_RESUMING),
};

static const char *const state_names[8] = { "stop",	"running",	"stop-copy", "pre-copy",
					    "resuming", "reserved-101", "error",     "reserved-111" };

const char *vfm_v1_state_name(u32 state)
{
	return state_names[state & 7];
}

static bool is_saving(u32 state)
{
	return state == VFM_V1_STOP_COPY || state == VFM_V1_PRE_COPY;
}

static u32 current_state(const struct vfm_device *device)
{
	return vfm_v1_state_of(device->v1.device_state);
}

void vfm_v1_enter_error(struct vfm_device *device)
{
	struct vfm_v1 *v1 = &device->v1;

	vfm_memory_untrack(&device->memory);
	v1->device_state = (v1->device_state & ~7u) | VFM_V1_ERROR;
}

static bool is_allowed(const struct vfm_device *device, u32 now, u32 next)
{
	switch (device->settings.arcs) {
	case VFM_ARCS_I915:
		return arcs_i915[now] & BIT_OF(next);
	case VFM_ARCS_LVU:
		return arcs_lvu[now] & BIT_OF(next);
	default:
		return arcs_full[now] & BIT_OF(next);
	}
}

static void begin_rounds(struct vfm_v1 *v1)
{
	v1->round = 0;
	v1->staged = false;
	v1->data_size = 0;
	v1->sequence = 0;
	v1->registers_sent = false;
	v1->registers_loaded = false;
}

/* One change of state, already found to be allowed. */
static int change_state(struct vfm_device *device, u32 now, u32 next)
{
	struct vfm_v1 *v1 = &device->v1;
	bool to_error = false;
	int ret = vfm_faults_check(&device->faults, VFM_OP_SET_STATE, vfm_v1_state_name(next), &to_error);

	if (ret) {
		if (to_error)
			vfm_v1_enter_error(device);
		return ret;
	}
	if (now == next)
		return 0;
	/* The load is committed here, or was never whole. */
	if (now == VFM_V1_RESUMING && !v1->registers_loaded) {
		vfm_v1_enter_error(device);
		return -EINVAL;
	}
	if (is_saving(now) && !is_saving(next))
		vfm_memory_untrack(&device->memory);
	/* From stop-and-copy back to pre-copy, a new save begins. */
	if (next == VFM_V1_PRE_COPY || (next == VFM_V1_STOP_COPY && !is_saving(now))) {
		begin_rounds(v1);
		vfm_memory_track(&device->memory);
	}
	if (next == VFM_V1_RESUMING) {
		begin_rounds(v1);
		vfm_memory_clear(&device->memory);
	}
	return 0;
}

static int write_device_state(struct vfm_device *device, u32 value)
{
	u32 now = current_state(device);
	u32 next = vfm_v1_state_of(value);
	bool was_running = vfm_is_running(device);
	int ret = -EINVAL;

	if (now == VFM_V1_ERROR)
		return -EINVAL;
	if (now != next)
		vfm_delay(device);
	vfm_workload_catch_up(device);
	if (is_allowed(device, now, next)) {
		ret = change_state(device, now, next);
		if (!ret)
			device->v1.device_state = value;
	} else if (device->settings.arcs == VFM_ARCS_I915) {
		vfm_v1_enter_error(device);
	}
	vfm_state_changed(device, was_running);
	return ret;
}

/* Reading it acknowledges the chunk that stands in the data section. */
static int read_pending_bytes(struct vfm_device *device, u64 *value)
{
	struct vfm_v1 *v1 = &device->v1;

	*value = 0;
	if (!is_saving(current_state(device)))
		return 0;
	if (v1->staged) {
		v1->staged = false;
		v1->round++;
	}
	*value = vfm_v1_chunk_pending(device);
	return 0;
}

static int read_data_offset(struct vfm_device *device, u64 *value)
{
	struct vfm_v1 *v1 = &device->v1;
	u32 state = current_state(device);

	if (!is_saving(state) && state != VFM_V1_RESUMING)
		return -EINVAL;
	if (!v1->staged) {
		v1->data_offset = vfm_v1_layout_place(device, v1->round);
		if (is_saving(state))
			v1->data_size = vfm_v1_chunk_make(
				device, v1->section + (v1->data_offset - VFM_V1_DATA_START));
		v1->staged = true;
	}
	*value = v1->data_offset;
	return 0;
}

static int read_data_size(struct vfm_device *device, u64 *value)
{
	struct vfm_v1 *v1 = &device->v1;
	u32 state = current_state(device);

	if (state == VFM_V1_RESUMING || (is_saving(state) && v1->staged)) {
		*value = v1->data_size;
		return 0;
	}
	return -EINVAL;
}

static int write_data_size(struct vfm_device *device, u64 value)
{
	struct vfm_v1 *v1 = &device->v1;
	int ret;

	/* Where the chunk belongs is only known to who has asked. */
	if (current_state(device) != VFM_V1_RESUMING || !v1->staged)
		return -EINVAL;
	ret = value > device->settings.chunk_bytes
		      ? -EINVAL
		      : vfm_v1_chunk_load(device, v1->section + (v1->data_offset - VFM_V1_DATA_START), value);
	v1->staged = false;
	v1->round++;
	v1->data_size = value;
	if (ret)
		vfm_v1_enter_error(device);
	return ret;
}

enum {
	REG_DEVICE_STATE = offsetof(struct vfio_device_migration_info, device_state),
	REG_RESERVED = offsetof(struct vfio_device_migration_info, reserved),
	REG_PENDING_BYTES = offsetof(struct vfio_device_migration_info, pending_bytes),
	REG_DATA_OFFSET = offsetof(struct vfio_device_migration_info, data_offset),
	REG_DATA_SIZE = offsetof(struct vfio_device_migration_info, data_size),
};

/* The truth, unless a test wants to see it disbelieved. */
static u64 answer_of(const struct vfm_v1 *v1, u64 offset, u64 truth)
{
	return v1->lie_register && offset == v1->lie_register ? v1->lie : truth;
}

static const char *register_name(u64 offset, size_t width)
{
	if (width == 4 && offset == REG_DEVICE_STATE)
		return "device_state";
	if (width == 4 && offset == REG_RESERVED)
		return "reserved";
	if (width == 8 && offset == REG_PENDING_BYTES)
		return "pending_bytes";
	if (width == 8 && offset == REG_DATA_OFFSET)
		return "data_offset";
	if (width == 8 && offset == REG_DATA_SIZE)
		return "data_size";
	return NULL;
}

static int check_register(struct vfm_device *device, u64 offset, size_t width, bool write)
{
	const char *name = register_name(offset, width);

	if (!name)
		return -EINVAL;
	return vfm_faults_check(&device->faults, write ? VFM_OP_REGISTER_WRITE : VFM_OP_REGISTER_READ, name,
				NULL);
}

static int read_register(struct vfm_device *device, u64 offset, u64 *value)
{
	switch (offset) {
	case REG_DEVICE_STATE:
		*value = device->v1.device_state;
		return 0;
	case REG_PENDING_BYTES:
		return read_pending_bytes(device, value);
	case REG_DATA_OFFSET:
		return read_data_offset(device, value);
	case REG_DATA_SIZE:
		return read_data_size(device, value);
	}
	*value = 0;
	return 0;
}

static int write_register(struct vfm_device *device, u64 offset, u64 value)
{
	switch (offset) {
	case REG_DEVICE_STATE:
		return write_device_state(device, value);
	case REG_DATA_SIZE:
		return write_data_size(device, value);
	case REG_RESERVED:
		return 0;
	}
	return device->settings.arcs == VFM_ARCS_LVU ? -EINVAL : -EPERM;
}

/* An access to the data section. *@at: where in it. */
static int check_section(struct vfm_device *device, u64 offset, size_t count, bool write, void **at)
{
	u32 state = current_state(device);
	u64 start;

	if (offset < VFM_V1_DATA_START)
		return -EINVAL;
	if (state != VFM_V1_RESUMING && (write || !is_saving(state)))
		return -EINVAL;
	start = offset - VFM_V1_DATA_START;
	if (start > device->v1.section_size || count > device->v1.section_size - start)
		return -EINVAL;
	*at = device->v1.section + start;
	return vfm_faults_check(&device->faults, write ? VFM_OP_WRITE : VFM_OP_READ, NULL, NULL);
}

ssize_t vfm_v1_read(struct vfm_device *device, char __user *to, size_t count, u64 offset)
{
	void *at;
	u64 value;
	int ret;

	if (offset >= VFM_V1_DATA_START) {
		ret = check_section(device, offset, count, false, &at);
		if (ret)
			return ret;
		if (device->read_limit)
			count = min_t(size_t, count, device->read_limit);
		return copy_to_user(to, at, count) ? -EFAULT : count;
	}
	ret = check_register(device, offset, count, false);
	if (!ret)
		ret = read_register(device, offset, &value);
	if (ret)
		return ret;
	value = answer_of(&device->v1, offset, value);
	if (count == 4) {
		__le32 word = cpu_to_le32(value);

		return copy_to_user(to, &word, sizeof(word)) ? -EFAULT : count;
	}
	value = (__force u64)cpu_to_le64(value);
	return copy_to_user(to, &value, sizeof(value)) ? -EFAULT : count;
}

ssize_t vfm_v1_write(struct vfm_device *device, const char __user *from, size_t count, u64 offset)
{
	__le64 bytes = 0;
	void *at;
	int ret;

	if (offset >= VFM_V1_DATA_START) {
		ret = check_section(device, offset, count, true, &at);
		if (ret)
			return ret;
		if (device->write_limit)
			count = min_t(size_t, count, device->write_limit);
		return copy_from_user(at, from, count) ? -EFAULT : count;
	}
	if (!register_name(offset, count))
		return -EINVAL;
	/* Little-endian, so the first four bytes are the low ones. */
	if (copy_from_user(&bytes, from, count))
		return -EFAULT;
	ret = check_register(device, offset, count, true);
	if (!ret)
		ret = write_register(device, offset, le64_to_cpu(bytes));
	return ret ? ret : count;
}

int vfm_v1_set_lie(struct vfm_device *device, const char *name, u64 value)
{
	static const u32 offsets[] = { REG_PENDING_BYTES, REG_DATA_OFFSET, REG_DATA_SIZE };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		if (strcmp(name, register_name(offsets[i], 8)))
			continue;
		mutex_lock(&device->lock);
		device->v1.lie_register = offsets[i];
		device->v1.lie = value;
		mutex_unlock(&device->lock);
		return 0;
	}
	return -EINVAL;
}

void vfm_v1_reset(struct vfm_device *device)
{
	vfm_memory_untrack(&device->memory);
	begin_rounds(&device->v1);
	device->v1.device_state = VFM_V1_RUNNING;
}
