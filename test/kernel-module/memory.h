/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VFM_MEMORY_H
#define VFM_MEMORY_H

#include <linux/types.h>

#define VFM_PAGE_SIZE 4096u
#define VFM_PAGE_SHIFT 12

/*
 * The device memory, and what a save has sent of it. A page costs nothing
 * until somebody writes it: until then it is the base contents (zeros, or the
 * generator's) under the word that the workload left at its start.
 * The device's mutex guards all of it.
 */
struct vfm_memory {
	u64 size; /* bytes, a multiple of VFM_PAGE_SIZE */
	unsigned long nr_pages;
	void **pages;	/* one kernel page each, NULL: never written */
	u64 *heads;	/* what the workload wrote into a page that is NULL, 0: nothing */
	bool generated; /* the base contents are the generator's for base_seed */
	u32 base_seed;
	void *bounce; /* one page, for contents made on the fly */

	bool tracking;
	unsigned long *dirty; /* pages changed since they were sent */
	unsigned long nr_dirty;
	unsigned long next_unsent; /* from here on, no page has been sent at all */
	unsigned long dirty_cursor;
};

int vfm_memory_init(struct vfm_memory *memory, u64 size);
void vfm_memory_free(struct vfm_memory *memory);

void vfm_memory_clear(struct vfm_memory *memory);
void vfm_memory_fill(struct vfm_memory *memory, u32 seed);
/* The workload's write: @value at the start of @page. */
void vfm_memory_set_head(struct vfm_memory *memory, unsigned long page, u64 value);

/* The caller has checked offset and length against size. 0 or -errno. */
int vfm_memory_read(struct vfm_memory *memory, u64 offset, void *to, size_t length);
int vfm_memory_write(struct vfm_memory *memory, u64 offset, const void *from, size_t length);
int vfm_memory_read_user(struct vfm_memory *memory, u64 offset, char __user *to, size_t length);
int vfm_memory_write_user(struct vfm_memory *memory, u64 offset, const char __user *from, size_t length);

void vfm_memory_track(struct vfm_memory *memory);
void vfm_memory_untrack(struct vfm_memory *memory);
/* Pages that a running save must still send: never sent, and sent but changed since. */
unsigned long vfm_memory_unsent(const struct vfm_memory *memory);
/*
 * Takes the next run of at most @max such pages off the list, and says where it
 * starts. Returns its length, 0 when nothing is left. What is written into these
 * pages from now on puts them on the list again, so the caller may read them later.
 */
unsigned long vfm_memory_take_run(struct vfm_memory *memory, unsigned long max, unsigned long *first);

#endif
