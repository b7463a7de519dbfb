// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device memory (BAR2): pages made on the first write, and the list of
 * those that a save has not sent yet.
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>

#include "generator.h"
#include "memory.h"

/* A state larger than the machine is answered with ENOMEM, not with the end of some process. */
#define PAGE_FLAGS (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

int vfm_memory_init(struct vfm_memory *memory, u64 size)
{
	memory->size = size;
	memory->nr_pages = size >> VFM_PAGE_SHIFT;
	memory->pages = kvcalloc(memory->nr_pages, sizeof(*memory->pages), GFP_KERNEL);
	memory->heads = kvcalloc(memory->nr_pages, sizeof(*memory->heads), GFP_KERNEL);
	memory->dirty = kvcalloc(BITS_TO_LONGS(memory->nr_pages), sizeof(long), GFP_KERNEL);
	memory->bounce = kmalloc(VFM_PAGE_SIZE, GFP_KERNEL);
	if (memory->pages && memory->heads && memory->dirty && memory->bounce)
		return 0;
	vfm_memory_free(memory);
	return -ENOMEM;
}

static void drop_pages(struct vfm_memory *memory)
{
	unsigned long page;

	for (page = 0; page < memory->nr_pages; page++) {
		kfree(memory->pages[page]);
		memory->pages[page] = NULL;
		memory->heads[page] = 0;
		if (!(page & 0xffff))
			cond_resched();
	}
}

void vfm_memory_free(struct vfm_memory *memory)
{
	if (memory->pages && memory->heads)
		drop_pages(memory);
	kvfree(memory->pages);
	kvfree(memory->heads);
	kvfree(memory->dirty);
	kfree(memory->bounce);
	memset(memory, 0, sizeof(*memory));
}

static void mark_dirty(struct vfm_memory *memory, unsigned long page)
{
	/* A page never sent goes out anyway, with what it holds by then. */
	if (!memory->tracking || page >= memory->next_unsent)
		return;
	if (!__test_and_set_bit(page, memory->dirty))
		memory->nr_dirty++;
}

static void mark_all_dirty(struct vfm_memory *memory)
{
	if (!memory->tracking || !memory->next_unsent)
		return;
	bitmap_set(memory->dirty, 0, memory->next_unsent);
	memory->nr_dirty = memory->next_unsent;
}

void vfm_memory_clear(struct vfm_memory *memory)
{
	drop_pages(memory);
	memory->generated = false;
	mark_all_dirty(memory);
}

void vfm_memory_fill(struct vfm_memory *memory, u32 seed)
{
	drop_pages(memory);
	memory->generated = true;
	memory->base_seed = seed;
	mark_all_dirty(memory);
}

void vfm_memory_set_head(struct vfm_memory *memory, unsigned long page, u64 value)
{
	if (memory->pages[page])
		put_unaligned_le64(value, memory->pages[page]);
	else
		memory->heads[page] = value;
	mark_dirty(memory, page);
}

static void make_contents(const struct vfm_memory *memory, unsigned long page, void *to)
{
	if (memory->generated)
		vfm_generate(memory->base_seed, (u64)page << VFM_PAGE_SHIFT, to, VFM_PAGE_SIZE);
	else
		memset(to, 0, VFM_PAGE_SIZE);
	if (memory->heads[page])
		put_unaligned_le64(memory->heads[page], to);
}

static bool is_zeros(const struct vfm_memory *memory, unsigned long page)
{
	return !memory->pages[page] && !memory->generated && !memory->heads[page];
}

static void *page_to_write(struct vfm_memory *memory, unsigned long page)
{
	if (!memory->pages[page]) {
		void *made = kmalloc(VFM_PAGE_SIZE, PAGE_FLAGS);

		if (!made)
			return NULL;
		make_contents(memory, page, made);
		memory->pages[page] = made;
		memory->heads[page] = 0;
	}
	mark_dirty(memory, page);
	return memory->pages[page];
}

static const void *page_to_read(struct vfm_memory *memory, unsigned long page)
{
	if (memory->pages[page])
		return memory->pages[page];
	if (is_zeros(memory, page))
		return page_address(ZERO_PAGE(0));
	make_contents(memory, page, memory->bounce);
	return memory->bounce;
}

int vfm_memory_read(struct vfm_memory *memory, u64 offset, void *to, size_t length)
{
	while (length) {
		size_t within = offset & (VFM_PAGE_SIZE - 1);
		size_t part = min_t(size_t, VFM_PAGE_SIZE - within, length);

		memcpy(to, page_to_read(memory, offset >> VFM_PAGE_SHIFT) + within, part);
		to += part;
		offset += part;
		length -= part;
		cond_resched();
	}
	return 0;
}

int vfm_memory_read_user(struct vfm_memory *memory, u64 offset, char __user *to, size_t length)
{
	while (length) {
		size_t within = offset & (VFM_PAGE_SIZE - 1);
		size_t part = min_t(size_t, VFM_PAGE_SIZE - within, length);

		if (copy_to_user(to, page_to_read(memory, offset >> VFM_PAGE_SHIFT) + within, part))
			return -EFAULT;
		to += part;
		offset += part;
		length -= part;
		cond_resched();
	}
	return 0;
}

int vfm_memory_write(struct vfm_memory *memory, u64 offset, const void *from, size_t length)
{
	while (length) {
		unsigned long page = offset >> VFM_PAGE_SHIFT;
		size_t within = offset & (VFM_PAGE_SIZE - 1);
		size_t part = min_t(size_t, VFM_PAGE_SIZE - within, length);

		/* Loading an empty state must not cost its size in memory. */
		if (is_zeros(memory, page) && !memchr_inv(from, 0, part)) {
			mark_dirty(memory, page);
		} else {
			void *to = page_to_write(memory, page);

			if (!to)
				return -ENOMEM;
			memcpy(to + within, from, part);
		}
		from += part;
		offset += part;
		length -= part;
		cond_resched();
	}
	return 0;
}

int vfm_memory_write_user(struct vfm_memory *memory, u64 offset, const char __user *from, size_t length)
{
	while (length) {
		size_t within = offset & (VFM_PAGE_SIZE - 1);
		size_t part = min_t(size_t, VFM_PAGE_SIZE - within, length);
		int ret;

		/* Nobody else uses the bounce page meanwhile: making contents is not part of a write. */
		if (copy_from_user(memory->bounce, from, part))
			return -EFAULT;
		ret = vfm_memory_write(memory, offset, memory->bounce, part);
		if (ret)
			return ret;
		from += part;
		offset += part;
		length -= part;
	}
	return 0;
}

void vfm_memory_track(struct vfm_memory *memory)
{
	bitmap_zero(memory->dirty, memory->nr_pages);
	memory->nr_dirty = 0;
	memory->next_unsent = 0;
	memory->dirty_cursor = 0;
	memory->tracking = true;
}

void vfm_memory_untrack(struct vfm_memory *memory)
{
	memory->tracking = false;
	memory->nr_dirty = 0;
	memory->next_unsent = 0;
}

unsigned long vfm_memory_unsent(const struct vfm_memory *memory)
{
	return memory->nr_pages - memory->next_unsent + memory->nr_dirty;
}

unsigned long vfm_memory_take_run(struct vfm_memory *memory, unsigned long max, unsigned long *first)
{
	unsigned long start, end;

	if (memory->next_unsent < memory->nr_pages) {
		*first = memory->next_unsent;
		end = min(memory->next_unsent + max, memory->nr_pages);
		memory->next_unsent = end;
		return end - *first;
	}
	if (!memory->nr_dirty || !max)
		return 0;
	start = find_next_bit(memory->dirty, memory->nr_pages, memory->dirty_cursor);
	if (start >= memory->nr_pages)
		start = find_next_bit(memory->dirty, memory->nr_pages, 0);
	end = find_next_zero_bit(memory->dirty, memory->nr_pages, start);
	end = min(end, start + max);
	bitmap_clear(memory->dirty, start, end - start);
	memory->nr_dirty -= end - start;
	memory->dirty_cursor = end;
	*first = start;
	return end - start;
}
