// SPDX-License-Identifier: GPL-2.0-only
/*
 * The read side of a v2 data descriptor. Nothing is staged: the stream is made
 * while it is read, so a state of gigabytes needs no copy of itself.
 */
#include <linux/compat.h>
#include <linux/uaccess.h>

#include "migration_v2.h"

/* One read holds the device's mutex, so it has an end. */
#define MAX_READ (8u << 20)

#define RECORD_BYTES sizeof(struct vfm_stream_record)
static u64 pages_bytes(u64 pages)
{
	return pages * VFM_PAGE_SIZE + DIV_ROUND_UP(pages, VFM_RECORD_PAGES) * RECORD_BYTES;
}

/* Bytes of the record under way. */
static u64 open_bytes(const struct vfm_session *session)
{
	return session->head_length - session->head_done + session->payload_left;
}

u64 vfm_save_remaining(const struct vfm_device *device)
{
	const struct vfm_session *session = device->session;

	u64 bytes = sizeof(struct vfm_stream_header) + 2 * RECORD_BYTES + sizeof(struct vfm_registers_image);

	if (!session || !device->memory.tracking)
		return bytes + pages_bytes(device->memory.nr_pages);
	if (session->begun)
		bytes -= sizeof(struct vfm_stream_header);
	if (session->registers_seen)
		bytes -= RECORD_BYTES + sizeof(struct vfm_registers_image);
	if (session->complete)
		bytes -= RECORD_BYTES;
	return bytes + open_bytes(session) + pages_bytes(vfm_memory_unsent(&device->memory));
}

static void put_record(struct vfm_session *session, u32 type, u64 offset, u64 length)
{
	struct vfm_stream_record record = {
		.type = cpu_to_le32(type),
		.sequence = cpu_to_le64(session->sequence++),
		.offset = cpu_to_le64(offset),
		.length = cpu_to_le64(length),
	};

	memcpy(session->head, &record, sizeof(record));
	session->head_length = sizeof(record);
	session->head_done = 0;
}

/* How many pages the next record may have. */
static unsigned long pages_allowed(const struct vfm_session *session)
{
	const struct vfm_device *device = session->device;

	/* The first pass over the memory needs nobody to start it. */
	if (device->state == VFIO_DEVICE_STATE_STOP_COPY || !device->settings.precopy_rounds ||
	    device->memory.next_unsent < device->memory.nr_pages)
		return VFM_RECORD_PAGES;
	return min_t(u64, VFM_RECORD_PAGES, session->round_pages);
}

/* Puts what comes next into the session's head. False: nothing, for now or for good. */
static bool make_next(struct vfm_session *session)
{
	struct vfm_device *device = session->device;
	unsigned long first, run;

	if (!session->begun) {
		struct vfm_stream_header header = {
			.magic = cpu_to_le64(VFM_STREAM_MAGIC),
			.version = cpu_to_le32(VFM_STREAM_VERSION),
			.state_size = cpu_to_le64(device->memory.size),
		};

		memcpy(session->head, &header, sizeof(header));
		session->head_length = sizeof(header);
		session->head_done = 0;
		session->begun = true;
		return true;
	}
	run = vfm_memory_take_run(&device->memory, pages_allowed(session), &first);
	if (run) {
		session->round_pages -= min_t(u64, session->round_pages, run);
		session->payload_offset = (u64)first << VFM_PAGE_SHIFT;
		session->payload_left = (u64)run << VFM_PAGE_SHIFT;
		put_record(session, VFM_RECORD_MEMORY, session->payload_offset, session->payload_left);
		return true;
	}
	if (device->state != VFIO_DEVICE_STATE_STOP_COPY || session->complete)
		return false;
	if (!session->registers_seen) {
		struct vfm_registers_image image;

		vfm_registers_to_image(&device->registers, &image);
		put_record(session, VFM_RECORD_REGISTERS, 0, sizeof(image));
		memcpy(session->head + session->head_length, &image, sizeof(image));
		session->head_length += sizeof(image);
		session->registers_seen = true;
		return true;
	}
	put_record(session, VFM_RECORD_END, 0, 0);
	session->complete = true;
	return true;
}

static ssize_t read_some(struct vfm_session *session, char __user *to, size_t length)
{
	size_t done = 0;

	while (done < length) {
		size_t part;

		if (session->head_done < session->head_length) {
			part = min(length - done, session->head_length - session->head_done);
			if (copy_to_user(to + done, session->head + session->head_done, part))
				return -EFAULT;
			session->head_done += part;
		} else if (session->payload_left) {
			part = min_t(u64, length - done, session->payload_left);
			if (vfm_memory_read_user(&session->device->memory, session->payload_offset, to + done,
						 part))
				return -EFAULT;
			session->payload_offset += part;
			session->payload_left -= part;
		} else {
			if (!make_next(session))
				break;
			continue;
		}
		done += part;
	}
	return done;
}

static ssize_t save_read(struct file *file, char __user *to, size_t length, loff_t *pos)
{
	struct vfm_session *session = file->private_data;
	struct vfm_device *device = session->device;
	ssize_t ret;

	if (pos)
		return -ESPIPE;
	mutex_lock(&device->lock);
	vfm_workload_catch_up(device);
	ret = session->ended ? -ENODEV : vfm_faults_check(&device->faults, VFM_OP_READ, NULL, NULL);
	if (!ret && length) {
		if (device->read_limit)
			length = min_t(size_t, length, device->read_limit);
		ret = read_some(session, to, min_t(size_t, length, MAX_READ));
		if (!ret && device->state != VFIO_DEVICE_STATE_STOP_COPY && !device->settings.drained_is_zero)
			ret = -ENOMSG;
	}
	/* Where fdinfo shows it, as every driver of 6.12 has it. */
	if (ret > 0)
		file->f_pos += ret;
	mutex_unlock(&device->lock);
	return ret;
}

static int precopy_info(struct vfm_session *session, struct vfio_precopy_info *info)
{
	struct vfm_device *device = session->device;
	u64 header = session->begun ? 0 : sizeof(struct vfm_stream_header);
	u64 unsent;
	int ret;

	if (device->state != VFIO_DEVICE_STATE_PRE_COPY && device->state != VFIO_DEVICE_STATE_PRE_COPY_P2P)
		return -EINVAL;
	if (session->ended)
		return -ENODEV;
	ret = vfm_faults_check(&device->faults, VFM_OP_PRECOPY_INFO, NULL, NULL);
	if (ret)
		return ret;
	vfm_workload_catch_up(device);
	unsent = device->memory.nr_pages - device->memory.next_unsent;
	if (!unsent)
		session->round_pages = device->memory.nr_dirty;
	/* What belongs to the first pass over the memory is initial, the rest dirty. */
	info->initial_bytes = header + pages_bytes(unsent);
	info->dirty_bytes = pages_bytes(device->memory.nr_dirty);
	if (unsent || !device->memory.nr_dirty)
		info->initial_bytes += open_bytes(session);
	else
		info->dirty_bytes += open_bytes(session);
	return 0;
}

static long save_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const unsigned long minsz = offsetofend(struct vfio_precopy_info, dirty_bytes);
	struct vfm_session *session = file->private_data;
	struct vfio_precopy_info info = {};
	int ret;

	if (cmd != VFIO_MIG_GET_PRECOPY_INFO)
		return -ENOTTY;
	if (copy_from_user(&info, (void __user *)arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	mutex_lock(&session->device->lock);
	ret = precopy_info(session, &info);
	mutex_unlock(&session->device->lock);
	if (ret)
		return ret;
	return copy_to_user((void __user *)arg, &info, minsz) ? -EFAULT : 0;
}

static const struct file_operations save_ops = {
	.owner = THIS_MODULE,
	.read = save_read,
	.unlocked_ioctl = save_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vfm_session_release,
};

struct file *vfm_save_begin(struct vfm_device *device)
{
	struct file *file = vfm_session_open(device, &save_ops, O_RDONLY);

	if (!IS_ERR(file))
		vfm_memory_track(&device->memory);
	return file;
}
