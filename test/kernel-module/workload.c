// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workload, which dirties device memory while the device runs. Nobody wakes up for it: whoever
 * looks at the device first does the steps that are due, so that what is seen is always up to date.
 */
#include <linux/math64.h>
#include <linux/timekeeping.h>

#include "device.h"

/* Keeps rate times time within 64 bits after the division: 16 TiB/s, and 13 days. */
#define MAX_RATE (1ull << 44)
#define MAX_ELAPSED (1ull << 50)

static void run_steps(struct vfm_device *device, u64 count)
{
	struct vfm_memory *memory = &device->memory;
	struct vfm_registers *registers = &device->registers;

	/* Each page keeps only what the last step on it wrote. */
	if (count > memory->nr_pages) {
		registers->steps += count - memory->nr_pages;
		count = memory->nr_pages;
	}
	while (count--) {
		u64 step = registers->steps++;
		u64 page;

		div64_u64_rem(step, memory->nr_pages, &page);
		vfm_memory_set_head(memory, page, step + 1);
	}
}

void vfm_workload_catch_up(struct vfm_device *device)
{
	struct vfm_workload *workload = &device->workload;
	u64 elapsed, due;

	if (!workload->active)
		return;
	elapsed = min_t(u64, ktime_get_ns() - workload->since_ns, MAX_ELAPSED);
	due = mul_u64_u64_div_u64(elapsed, min_t(u64, device->registers.dirty_rate, MAX_RATE),
				  (u64)VFM_PAGE_SIZE * NSEC_PER_SEC);
	if (due > workload->done) {
		run_steps(device, due - workload->done);
		workload->done = due;
	}
}

void vfm_workload_restart(struct vfm_device *device)
{
	struct vfm_workload *workload = &device->workload;

	workload->active = vfm_workload_allowed(device) && (device->registers.control & 1) &&
			   device->registers.dirty_rate;
	workload->since_ns = ktime_get_ns();
	workload->done = 0;
}

void vfm_workload_step(struct vfm_device *device)
{
	run_steps(device, 1);
}
