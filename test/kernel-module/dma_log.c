// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA logging by the device itself (VFIO_DEVICE_FEATURE_DMA_LOGGING_*): the
 * pages that its DMA_WRITE command touched, within the ranges asked for.
 */
#include <linux/interval_tree.h>
#include <linux/iova_bitmap.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "device.h"

struct vfm_dma_log_range {
	u64 first;
	u64 last;
};

static bool touches(const struct vfm_dma_log *log, u64 first, u64 last)
{
	u32 i;

	for (i = 0; i < log->nr_ranges; i++)
		if (first <= log->ranges[i].last && last >= log->ranges[i].first)
			return true;
	return false;
}

void vfm_dma_log_note(struct vfm_device *device, u64 iova, u64 length)
{
	struct vfm_dma_log *log = &device->dma_log;
	u64 last = iova + length - 1;
	u64 index;

	if (!log->active || !length)
		return;
	for (index = iova / log->page_size; index <= last / log->page_size; index++) {
		u64 first = max(iova, index * log->page_size);

		if (!touches(log, first, min(last, index * log->page_size + (log->page_size - 1))))
			continue;
		if (xa_err(xa_store(&log->pages, index, xa_mk_value(1), GFP_KERNEL)))
			log->incomplete = true;
	}
}

void vfm_dma_log_end(struct vfm_device *device)
{
	struct vfm_dma_log *log = &device->dma_log;

	if (!log->active)
		return;
	log->active = false;
	log->incomplete = false;
	kfree(log->ranges);
	log->ranges = NULL;
	log->nr_ranges = 0;
	xa_destroy(&log->pages);
}

static int begin(struct vfm_dma_log *log, struct rb_root_cached *root, u32 nnodes, u64 page_size)
{
	struct vfm_dma_log_range *ranges;
	struct rb_node *node;
	u32 i = 0;

	if (log->active || page_size < VFM_PAGE_SIZE || !is_power_of_2(page_size))
		return -EINVAL;
	ranges = kcalloc(nnodes, sizeof(*ranges), GFP_KERNEL);
	if (!ranges)
		return -ENOMEM;
	for (node = rb_first_cached(root); node && i < nnodes; node = rb_next(node)) {
		const struct interval_tree_node *range = rb_entry(node, struct interval_tree_node, rb);

		/* The core lets a range of no length through, as one that ends before it starts. */
		if (range->last < range->start) {
			kfree(ranges);
			return -EINVAL;
		}
		ranges[i].first = range->start;
		ranges[i++].last = range->last;
	}
	log->ranges = ranges;
	log->nr_ranges = i;
	log->page_size = page_size;
	log->incomplete = false;
	log->active = true;
	return 0;
}

static int log_start(struct vfio_device *vdev, struct rb_root_cached *ranges, u32 nnodes, u64 *page_size)
{
	struct vfm_device *device = to_vfm_device(vdev);
	int ret;

	mutex_lock(&device->lock);
	ret = begin(&device->dma_log, ranges, nnodes, *page_size);
	mutex_unlock(&device->lock);
	return ret;
}

static int log_stop(struct vfio_device *vdev)
{
	struct vfm_device *device = to_vfm_device(vdev);
	int ret = -EINVAL;

	mutex_lock(&device->lock);
	if (device->dma_log.active) {
		vfm_dma_log_end(device);
		ret = 0;
	}
	mutex_unlock(&device->lock);
	return ret;
}

static int report(struct vfm_dma_log *log, u64 iova, u64 length, struct iova_bitmap *dirty)
{
	u64 last = iova + length - 1;
	unsigned long index;
	void *entry;

	if (!log->active || !length || !touches(log, iova, last))
		return -EINVAL;
	if (log->incomplete)
		return -ENOMEM;
	xa_for_each_range(&log->pages, index, entry, iova / log->page_size, last / log->page_size) {
		u64 from = max_t(u64, iova, index * log->page_size);
		u64 to = min_t(u64, last, index * log->page_size + (log->page_size - 1));

		iova_bitmap_set(dirty, from, to - from + 1);
		xa_erase(&log->pages, index);
	}
	return 0;
}

static int log_read_and_clear(struct vfio_device *vdev, unsigned long iova, unsigned long length,
			      struct iova_bitmap *dirty)
{
	struct vfm_device *device = to_vfm_device(vdev);
	int ret;

	mutex_lock(&device->lock);
	ret = report(&device->dma_log, iova, length, dirty);
	mutex_unlock(&device->lock);
	return ret;
}

const struct vfio_log_ops vfm_log_ops = {
	.log_start = log_start,
	.log_stop = log_stop,
	.log_read_and_clear = log_read_and_clear,
};
