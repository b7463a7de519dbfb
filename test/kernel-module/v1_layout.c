// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the data section of the v1 migration region can be mapped, and where in it a chunk lies.
 */
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "device.h"

#define SPARSE_AREAS 3
#define SHIFTS 7 /* different places for a straddling chunk */

static u64 room(const struct vfm_device *device)
{
	return round_up(device->settings.chunk_bytes, PAGE_SIZE);
}

static void add_area(struct vfm_v1 *v1, u64 start, u64 size)
{
	v1->areas[v1->nr_areas].offset = VFM_V1_DATA_START + start;
	v1->areas[v1->nr_areas].size = size;
	v1->nr_areas++;
}

/* Areas of one chunk each, with a trapped page before each. Start of one, in the section. */
static u64 sparse_start(const struct vfm_device *device, u64 area)
{
	return PAGE_SIZE + area * (room(device) + PAGE_SIZE);
}

static u64 lay_out(struct vfm_device *device)
{
	struct vfm_v1 *v1 = &device->v1;
	u64 size = room(device);
	u64 strip, start;

	switch (device->kind) {
	case VFM_V1_MAPPED:
		add_area(v1, 0, size);
		break;
	case VFM_V1_SPARSE:
		/* Listed unsorted: nothing promises an order. */
		add_area(v1, sparse_start(device, 2), size);
		add_area(v1, sparse_start(device, 0), size);
		add_area(v1, sparse_start(device, 1), size);
		return sparse_start(device, SPARSE_AREAS);
	case VFM_V1_STRADDLE:
		/* Mappable and trapped strips in turn, from the end of the section to its start. */
		strip = max_t(u64, PAGE_SIZE, round_down(size / 4, PAGE_SIZE));
		size = roundup(size + (SHIFTS - 1) * PAGE_SIZE, 2 * strip);
		for (start = size; start; start -= 2 * strip)
			add_area(v1, start - 2 * strip, strip);
		break;
	default:
		break;
	}
	return size;
}

int vfm_v1_layout_init(struct vfm_device *device)
{
	struct vfm_v1 *v1 = &device->v1;

	v1->section_size = lay_out(device);
	v1->section = vmalloc_user(v1->section_size);
	return v1->section ? 0 : -ENOMEM;
}

void vfm_v1_layout_free(struct vfm_device *device)
{
	vfree(device->v1.section);
	device->v1.section = NULL;
}

u64 vfm_v1_layout_place(const struct vfm_device *device, u64 round)
{
	u32 turn;

	switch (device->kind) {
	case VFM_V1_SPARSE:
		div_u64_rem(round, SPARSE_AREAS, &turn);
		return VFM_V1_DATA_START + sparse_start(device, turn);
	case VFM_V1_STRADDLE:
		div_u64_rem(round * 3, SHIFTS, &turn);
		return VFM_V1_DATA_START + turn * PAGE_SIZE;
	default:
		return VFM_V1_DATA_START;
	}
}

u64 vfm_v1_region_size(const struct vfm_device *device)
{
	return VFM_V1_DATA_START + device->v1.section_size;
}

int vfm_v1_mmap(struct vfm_device *device, struct vm_area_struct *vma, u64 offset)
{
	const struct vfm_v1 *v1 = &device->v1;
	u64 length = vma->vm_end - vma->vm_start;
	u32 i;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	for (i = 0; i < v1->nr_areas; i++) {
		const struct vfio_region_sparse_mmap_area *area = &v1->areas[i];

		if (offset >= area->offset && offset - area->offset < area->size &&
		    length <= area->size - (offset - area->offset))
			return remap_vmalloc_range(vma, v1->section,
						   (offset - VFM_V1_DATA_START) >> PAGE_SHIFT);
	}
	return -EINVAL;
}
