/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VFM_GENERATOR_H
#define VFM_GENERATOR_H

#include <linux/types.h>

/*
 * Writes @length bytes of the contents for @seed into @to, from byte @offset
 * of the contents on. Offset and length may have any alignment.
 */
void vfm_generate(u32 seed, u64 offset, void *to, size_t length);

#endif
