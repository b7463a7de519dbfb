// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contents a test can predict: docs/test-device.md, "The generator".
 */
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "generator.h"

static u32 fmix32(u32 h)
{
	h ^= h >> 16;
	h *= 0x85ebca6b;
	h ^= h >> 13;
	h *= 0xc2b2ae35;
	h ^= h >> 16;
	return h;
}

void vfm_generate(u32 seed, u64 offset, void *to, size_t length)
{
	u32 start = fmix32(seed);
	u8 *out = to;

	while (length) {
		u32 word = fmix32((u32)(offset >> 2) * 0x9e3779b9 + start);
		size_t skip = offset & 3;
		size_t part = min_t(size_t, 4 - skip, length);

		if (part == 4) {
			put_unaligned_le32(word, out);
		} else {
			u8 bytes[4];

			put_unaligned_le32(word, bytes);
			memcpy(out, bytes + skip, part);
		}
		out += part;
		offset += part;
		length -= part;
	}
}
