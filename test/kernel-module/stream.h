/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VFM_STREAM_H
#define VFM_STREAM_H

#include <linux/types.h>

/*
 * What a v2 data descriptor yields: a header, records numbered from 0 (device memory, in runs of
 * pages; the registers), and an end record. All little-endian.
 */
#define VFM_STREAM_MAGIC 0x6d7274732d6d6676ull /* "vfm-strm" */
#define VFM_STREAM_VERSION 1u

struct vfm_stream_header {
	__le64 magic;
	__le32 version;
	__le32 reserved;
	__le64 state_size;
} __packed;

enum vfm_record_type {
	VFM_RECORD_MEMORY = 1,	  /* length bytes of device memory follow, for offset on */
	VFM_RECORD_REGISTERS = 2, /* a struct vfm_registers_image follows */
	VFM_RECORD_END = 3,	  /* nothing follows */
};

struct vfm_stream_record {
	__le32 type;
	__le32 reserved;
	__le64 sequence;
	__le64 offset;
	__le64 length;
} __packed;

/* Pages in one memory record, at most. */
#define VFM_RECORD_PAGES 64ul

#endif
