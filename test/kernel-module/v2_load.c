// SPDX-License-Identifier: GPL-2.0-only
/*
 * The write side of a v2 data descriptor: the stream is taken apart as it
 * comes, in pieces of any size, and nothing in it is believed.
 */
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include "migration_v2.h"

#define MAX_WRITE (8u << 20)

/* How many bytes of head must be there before it can be understood. */
static size_t head_wanted(const struct vfm_session *session)
{
	const struct vfm_stream_record *record = (const void *)session->head;

	if (!session->begun)
		return sizeof(struct vfm_stream_header);
	if (session->head_length >= sizeof(*record) && le32_to_cpu(record->type) == VFM_RECORD_REGISTERS)
		return sizeof(*record) + sizeof(struct vfm_registers_image);
	return sizeof(*record);
}

static int take_header(struct vfm_session *session)
{
	const struct vfm_stream_header *header = (const void *)session->head;

	if (le64_to_cpu(header->magic) != VFM_STREAM_MAGIC ||
	    le32_to_cpu(header->version) != VFM_STREAM_VERSION || header->reserved ||
	    le64_to_cpu(header->state_size) != session->device->memory.size)
		return -EINVAL;
	session->begun = true;
	session->head_length = 0;
	return 0;
}

static int take_record(struct vfm_session *session)
{
	const struct vfm_stream_record *record = (const void *)session->head;
	u64 size = session->device->memory.size;
	u64 offset = le64_to_cpu(record->offset);
	u64 length = le64_to_cpu(record->length);

	if (le64_to_cpu(record->sequence) != session->sequence || record->reserved || session->complete)
		return -EINVAL;
	switch (le32_to_cpu(record->type)) {
	case VFM_RECORD_MEMORY:
		if (session->registers_seen || !length || offset > size || length > size - offset ||
		    (offset | length) & (VFM_PAGE_SIZE - 1))
			return -EINVAL;
		session->payload_offset = offset;
		session->payload_left = length;
		break;
	case VFM_RECORD_REGISTERS:
		if (session->registers_seen || offset || length != sizeof(struct vfm_registers_image))
			return -EINVAL;
		if (session->head_length < head_wanted(session))
			return 0;
		memcpy(&session->registers, record + 1, sizeof(session->registers));
		session->registers_seen = true;
		break;
	case VFM_RECORD_END:
		if (!session->registers_seen || offset || length)
			return -EINVAL;
		session->complete = true;
		break;
	default:
		return -EINVAL;
	}
	session->sequence++;
	session->head_length = 0;
	return 0;
}

static ssize_t write_some(struct vfm_session *session, const char __user *from, size_t length)
{
	size_t done = 0;

	while (done < length) {
		size_t part;
		int ret = 0;

		/* Longer than any stream of ours. */
		if (session->complete)
			return -EINVAL;
		if (session->payload_left) {
			part = min_t(u64, length - done, session->payload_left);
			ret = vfm_memory_write_user(&session->device->memory, session->payload_offset,
						    from + done, part);
			session->payload_offset += part;
			session->payload_left -= part;
		} else {
			part = min(length - done, head_wanted(session) - session->head_length);
			if (copy_from_user(session->head + session->head_length, from + done, part))
				return -EFAULT;
			session->head_length += part;
			if (session->head_length == head_wanted(session))
				ret = session->begun ? take_record(session) : take_header(session);
		}
		if (ret)
			return ret;
		done += part;
	}
	return done;
}

static ssize_t load_write(struct file *file, const char __user *from, size_t length, loff_t *pos)
{
	struct vfm_session *session = file->private_data;
	struct vfm_device *device = session->device;
	ssize_t ret;

	if (pos)
		return -ESPIPE;
	mutex_lock(&device->lock);
	if (session->ended)
		ret = -ENODEV;
	else if (session->broken)
		ret = -EINVAL;
	else
		ret = vfm_faults_check(&device->faults, VFM_OP_WRITE, NULL, NULL);
	if (!ret) {
		if (device->write_limit)
			length = min_t(size_t, length, device->write_limit);
		ret = write_some(session, from, min_t(size_t, length, MAX_WRITE));
		/* Where it stopped is not known, so nothing can be added any more. */
		if (ret < 0)
			session->broken = true;
		else
			file->f_pos += ret;
	}
	mutex_unlock(&device->lock);
	return ret;
}

static const struct file_operations load_ops = {
	.owner = THIS_MODULE,
	.write = load_write,
	.release = vfm_session_release,
};

struct file *vfm_load_begin(struct vfm_device *device)
{
	struct file *file = vfm_session_open(device, &load_ops, O_WRONLY);

	if (!IS_ERR(file))
		vfm_memory_clear(&device->memory);
	return file;
}

int vfm_load_commit(struct vfm_device *device)
{
	struct vfm_session *session = device->session;

	if (!session || !session->complete || session->broken)
		return -EINVAL;
	vfm_registers_from_image(&device->registers, &session->registers);
	return 0;
}
