/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SMOKE_V2_H
#define SMOKE_V2_H

#include <sys/types.h>

#include "smoke.h"

struct stream {
	uint8_t *bytes;
	size_t length, room;
};

int v2_set(const struct device *device, uint32_t state, int *fd);
uint32_t v2_state(const struct device *device);
uint64_t v2_data_size(const struct device *device);
int v2_precopy_info(int fd, struct vfio_precopy_info *info);
/* Reads until there is nothing; what the last read answered. */
ssize_t v2_drain(int fd, struct stream *stream);
int v2_write_all(int fd, const uint8_t *bytes, size_t length);

#endif
