// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one round of the v1 protocol carries: a chunk that knows its place in
 * the sequence and whether it is whole, so that a load shows every client that
 * joins, splits, drops or reorders what it saved.
 */
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "device.h"

#define CHUNK_MAGIC 0x6b6e6863316d6676ull /* "vfm1chnk" */

enum {
	CHUNK_MEMORY = 1,
	CHUNK_REGISTERS = 2, /* the last one */
};

struct chunk_header {
	__le64 magic;
	__le64 sequence;
	__le64 offset; /* in the device memory */
	__le32 length; /* of what follows, a multiple of 8 */
	__le32 kind;
	__le64 checksum; /* of the fields above and what follows */
} __packed;

static u64 mix(u64 sum, u64 word)
{
	sum = (sum ^ word) * 0x9e3779b97f4a7c15ull;
	return sum ^ (sum >> 32);
}

static u64 checksum(const struct chunk_header *header, const void *payload, u32 length)
{
	u64 sum = mix(le64_to_cpu(header->sequence), le64_to_cpu(header->offset));
	u32 at;

	sum = mix(sum, ((u64)le32_to_cpu(header->kind) << 32) | length);
	for (at = 0; at < length; at += 8) {
		sum = mix(sum, get_unaligned_le64(payload + at));
		if (!(at & 0xffff))
			cond_resched();
	}
	return sum;
}

static unsigned long pages_per_chunk(const struct vfm_device *device)
{
	return (device->settings.chunk_bytes - sizeof(struct chunk_header)) >> VFM_PAGE_SHIFT;
}

static bool wants_registers(const struct vfm_device *device)
{
	return vfm_v1_state_of(device->v1.device_state) == VFM_V1_STOP_COPY && !device->v1.registers_sent;
}

u64 vfm_v1_chunk_pending(const struct vfm_device *device)
{
	u64 bytes = (u64)vfm_memory_unsent(&device->memory) << VFM_PAGE_SHIFT;

	if (wants_registers(device))
		bytes += sizeof(struct vfm_registers_image);
	return bytes;
}

static u64 finish(struct vfm_device *device, struct chunk_header *to, u32 kind, u64 offset, u32 length)
{
	struct chunk_header header = {
		.magic = cpu_to_le64(CHUNK_MAGIC),
		.sequence = cpu_to_le64(device->v1.sequence++),
		.offset = cpu_to_le64(offset),
		.length = cpu_to_le32(length),
		.kind = cpu_to_le32(kind),
	};

	header.checksum = cpu_to_le64(checksum(&header, to + 1, length));
	memcpy(to, &header, sizeof(header));
	return sizeof(header) + length;
}

u64 vfm_v1_chunk_make(struct vfm_device *device, void *to)
{
	struct chunk_header *header = to;
	struct vfm_registers_image image;
	unsigned long first, run;

	run = vfm_memory_take_run(&device->memory, pages_per_chunk(device), &first);
	if (run) {
		u64 offset = (u64)first << VFM_PAGE_SHIFT;
		u32 length = run << VFM_PAGE_SHIFT;

		vfm_memory_read(&device->memory, offset, header + 1, length);
		return finish(device, header, CHUNK_MEMORY, offset, length);
	}
	if (!wants_registers(device))
		return 0;
	vfm_registers_to_image(&device->registers, &image);
	memcpy(header + 1, &image, sizeof(image));
	device->v1.registers_sent = true;
	return finish(device, header, CHUNK_REGISTERS, 0, sizeof(image));
}

int vfm_v1_chunk_load(struct vfm_device *device, const void *from, u64 length)
{
	struct vfm_v1 *v1 = &device->v1;
	const void *payload = from + sizeof(struct chunk_header);
	struct vfm_registers_image image;
	struct chunk_header header;
	u64 offset;
	u32 bytes;

	if (length < sizeof(header) || v1->registers_loaded)
		return -EINVAL;
	/* The user may have the section mapped and write it meanwhile: look at each field once. */
	memcpy(&header, from, sizeof(header));
	bytes = le32_to_cpu(header.length);
	offset = le64_to_cpu(header.offset);
	if (le64_to_cpu(header.magic) != CHUNK_MAGIC || le64_to_cpu(header.sequence) != v1->sequence ||
	    bytes != length - sizeof(header) || (bytes & 7) ||
	    le64_to_cpu(header.checksum) != checksum(&header, payload, bytes))
		return -EINVAL;
	v1->sequence++;
	switch (le32_to_cpu(header.kind)) {
	case CHUNK_MEMORY:
		if (offset > device->memory.size || bytes > device->memory.size - offset)
			return -EINVAL;
		return vfm_memory_write(&device->memory, offset, payload, bytes);
	case CHUNK_REGISTERS:
		if (bytes != sizeof(image))
			return -EINVAL;
		memcpy(&image, payload, sizeof(image));
		vfm_registers_from_image(&device->registers, &image);
		v1->registers_loaded = true;
		return 0;
	}
	return -EINVAL;
}
