// SPDX-License-Identifier: GPL-2.0-only
/* Protocol v1: save and load of each layout of the data section, and the rules of the registers. */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "smoke.h"

enum { STATE = 0, PENDING = 8, OFFSET = 16, SIZE = 24 };

struct layout {
	struct vfio_region_info info;
	uint8_t capabilities[2048];
};

struct areas {
	unsigned int count;
	struct {
		uint64_t offset, size;
		uint8_t *at;
	} area[64];
};

static struct areas map_areas(const struct device *device)
{
	struct layout layout = { .info = { .argsz = sizeof(layout), .index = MIGRATION } };
	struct areas areas = {};
	uint32_t next;
	bool typed = false;

	REQUIRE(!ioctl(device->fd, VFIO_DEVICE_GET_REGION_INFO, &layout));
	next = layout.info.cap_offset;
	while (next) {
		struct vfio_info_cap_header *header = (void *)&layout + next;

		if (header->id == VFIO_REGION_INFO_CAP_TYPE) {
			struct vfio_region_info_cap_type *type = (void *)header;

			typed = type->type == 3 && type->subtype == 1;
		} else if (header->id == VFIO_REGION_INFO_CAP_SPARSE_MMAP) {
			struct vfio_region_info_cap_sparse_mmap *sparse = (void *)header;

			areas.count = sparse->nr_areas;
			for (unsigned int i = 0; i < sparse->nr_areas; i++) {
				areas.area[i].offset = sparse->areas[i].offset;
				areas.area[i].size = sparse->areas[i].size;
				areas.area[i].at = mmap(NULL, sparse->areas[i].size, PROT_READ | PROT_WRITE,
							MAP_SHARED, device->fd,
							layout.info.offset + sparse->areas[i].offset);
				REQUIRE(areas.area[i].at != MAP_FAILED);
			}
		}
		next = header->next;
	}
	CHECK(typed);
	CHECK(!!(layout.info.flags & VFIO_REGION_INFO_FLAG_MMAP) == !!areas.count);
	/* The registers' page cannot be mapped. */
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, device->fd, layout.info.offset) == MAP_FAILED);
	return areas;
}

static void unmap_areas(struct areas *areas)
{
	for (unsigned int i = 0; i < areas->count; i++)
		munmap(areas->area[i].at, areas->area[i].size);
}

/* Moves one chunk, by mapping where there is one. Returns the number of mapped pieces. */
static int move(const struct device *device, const struct areas *areas, uint64_t offset, uint8_t *bytes,
		uint64_t length, bool write)
{
	int mapped = 0;

	while (length) {
		uint64_t part = length;
		uint8_t *memory = NULL;

		for (unsigned int i = 0; i < areas->count; i++) {
			uint64_t start = areas->area[i].offset, end = start + areas->area[i].size;

			if (offset >= start && offset < end) {
				memory = areas->area[i].at + (offset - start);
				part = length < end - offset ? length : end - offset;
				break;
			}
			if (start > offset && start - offset < part)
				part = start - offset;
		}
		if (memory) {
			memcpy(write ? memory : bytes, write ? bytes : memory, part);
			mapped++;
		} else if (write) {
			CHECK(pwrite(device->fd, bytes, part, at(MIGRATION, offset)) == (ssize_t)part);
		} else {
			CHECK(pread(device->fd, bytes, part, at(MIGRATION, offset)) == (ssize_t)part);
		}
		offset += part;
		bytes += part;
		length -= part;
	}
	return mapped;
}

static int set(const struct device *device, uint32_t state)
{
	uint32_t now = get32(device, MIGRATION, STATE);

	return put32(device, MIGRATION, STATE, (now & ~7u) | state);
}

static uint32_t state_of(const struct device *device)
{
	return get32(device, MIGRATION, STATE) & 7;
}

struct chunk {
	uint8_t *bytes;
	uint64_t length;
};

struct saved {
	struct chunk chunk[4096];
	unsigned int count;
	int mapped;
	uint64_t places; /* how often data_offset differed from the round before */
};

static void save_rounds(const struct device *device, const struct areas *areas, struct saved *saved)
{
	static uint64_t before;

	while (get64(device, MIGRATION, PENDING)) {
		uint64_t offset, length;
		struct chunk *chunk = &saved->chunk[saved->count++];

		FAILS(pread(device->fd, &length, 8, at(MIGRATION, SIZE)), EINVAL);
		offset = get64(device, MIGRATION, OFFSET);
		CHECK(offset == get64(device, MIGRATION, OFFSET) && offset >= 4096);
		saved->places += offset != before;
		before = offset;
		length = get64(device, MIGRATION, SIZE);
		CHECK(length);
		chunk->bytes = malloc(length);
		chunk->length = length;
		saved->mapped += move(device, areas, offset, chunk->bytes, length, false);
		REQUIRE(saved->count < 4096);
	}
}

static int load_chunk(const struct device *device, const struct areas *areas, const struct chunk *chunk)
{
	uint64_t offset = get64(device, MIGRATION, OFFSET);

	move(device, areas, offset, chunk->bytes, chunk->length, true);
	return put64(device, MIGRATION, SIZE, chunk->length);
}

void test_v1(const char *type)
{
	static struct saved saved;
	struct device source, target;
	struct areas from, to;
	uint8_t *before, *after;
	unsigned int count;

	memset(&saved, 0, sizeof(saved));
	set_parameter("chunk_bytes", "200000");
	source = make_device(type, false);
	target = make_device(type, false);
	from = map_areas(&source);
	to = map_areas(&target);
	put32(&source, BAR0, SEED, 7);
	put32(&source, BAR0, COMMAND, FILL);
	put32(&source, BAR0, SCRATCH, 0x1234);
	REQUIRE(!set(&source, 3));
	save_rounds(&source, &from, &saved);
	CHECK(saved.count * 200000ull > source.state_size);
	count = saved.count;
	put32(&source, BAR0, COMMAND, STEP);
	save_rounds(&source, &from, &saved);
	CHECK(saved.count == count + 1);
	before = read_memory(&source);
	REQUIRE(!set(&source, 2));
	FAILS(pread(source.fd, after = malloc(8), 8, at(BAR2, 0)), EIO);
	free(after);
	save_rounds(&source, &from, &saved);
	CHECK(saved.count == count + 2);
	CHECK(!set(&source, 0) && !set(&source, 1));
	CHECK(get32(&source, BAR0, RUN_COUNT) == 1);

	REQUIRE(!set(&target, 4));
	for (unsigned int i = 0; i < saved.count; i++)
		REQUIRE(!load_chunk(&target, &to, &saved.chunk[i]));
	REQUIRE(!set(&target, 1));
	after = read_memory(&target);
	CHECK(!memcmp(before, after, source.state_size));
	CHECK(get32(&target, BAR0, SCRATCH) == 0x1234 && get64(&target, BAR0, STEPS) == 1);
	printf("%s: %u chunks, %d mapped pieces, %u areas, %llu changes of place\n", type, saved.count,
	       saved.mapped, from.count, (unsigned long long)saved.places);
	free(before);
	free(after);

	/* Out of order, and joined or cut: the error state, which only a reset leaves. */
	REQUIRE(!set(&target, 4));
	CHECK(!load_chunk(&target, &to, &saved.chunk[0]));
	FAILS(load_chunk(&target, &to, &saved.chunk[2]), EINVAL);
	CHECK(state_of(&target) == 6);
	FAILS(set(&target, 1), EINVAL);
	CHECK(!reset(&target) && state_of(&target) == 1);
	REQUIRE(!set(&target, 4));
	saved.chunk[0].length -= 4096;
	FAILS(load_chunk(&target, &to, &saved.chunk[0]), EINVAL);
	CHECK(state_of(&target) == 6 && !reset(&target));
	/* Left too early. */
	REQUIRE(!set(&target, 4));
	FAILS(set(&target, 1), EINVAL);
	CHECK(state_of(&target) == 6 && !reset(&target));
	CHECK(get64(&target, BAR2, 0) == 0);

	for (unsigned int i = 0; i < saved.count; i++)
		free(saved.chunk[i].bytes);
	unmap_areas(&from);
	unmap_areas(&to);
	remove_device(&source);
	remove_device(&target);
}

void test_v1_rules(void)
{
	struct device device = make_device("v1-mapped", false);
	uint64_t value = 0;

	/* Widths and alignment. */
	FAILS(pread(device.fd, &value, 8, at(MIGRATION, STATE)), EINVAL);
	FAILS(pread(device.fd, &value, 2, at(MIGRATION, STATE)), EINVAL);
	FAILS(pread(device.fd, &value, 4, at(MIGRATION, PENDING)), EINVAL);
	FAILS(pread(device.fd, &value, 8, at(MIGRATION, PENDING + 4)), EINVAL);
	FAILS(pread(device.fd, &value, 8, at(MIGRATION, 32)), EINVAL);
	FAILS(pread(device.fd, &value, 8, at(MIGRATION, OFFSET)), EINVAL);
	FAILS(pread(device.fd, &value, 8, at(MIGRATION, 4096)), EINVAL);
	FAILS(put64(&device, MIGRATION, PENDING, 1), EPERM);
	FAILS(put64(&device, MIGRATION, SIZE, 1), EINVAL);
	CHECK(!put32(&device, MIGRATION, 4, 1) && !get32(&device, MIGRATION, 4));
	/* Bits 3 to 31 stay as written; reserved states and the error state are refused. */
	CHECK(!put32(&device, MIGRATION, STATE, 0xabcdef01) &&
	      get32(&device, MIGRATION, STATE) == 0xabcdef01);
	CHECK(!set(&device, 3) && get32(&device, MIGRATION, STATE) == 0xabcdef03);
	for (uint32_t state = 5; state < 8; state++)
		FAILS(set(&device, state), EINVAL);
	CHECK(state_of(&device) == 3);
	/* Fully connected. */
	CHECK(!set(&device, 1) && !set(&device, 0) && !set(&device, 2) && !set(&device, 3) &&
	      !set(&device, 4));
	CHECK(!reset(&device) && get32(&device, MIGRATION, STATE) == 1);

	set_attribute(&device, "arcs", "lvu");
	CHECK(!set(&device, 3));
	FAILS(set(&device, 1), EINVAL);
	CHECK(state_of(&device) == 3);
	set_attribute(&device, "arcs", "i915");
	FAILS(set(&device, 1), EINVAL);
	CHECK(state_of(&device) == 6 && !reset(&device));
	set_attribute(&device, "arcs", "full");

	set_attribute(&device, "fault",
		      "set-state:pre-copy:EIO:error\nregister:pending_bytes:ETIMEDOUT:nth=2");
	FAILS(set(&device, 3), EIO);
	CHECK(state_of(&device) == 6 && !reset(&device) && !set(&device, 3));
	CHECK(get64(&device, MIGRATION, PENDING));
	FAILS(pread(device.fd, &value, 8, at(MIGRATION, PENDING)), ETIMEDOUT);
	CHECK(get64(&device, MIGRATION, PENDING));
	set_attribute(&device, "lie", "data_offset:0xfffffffffffff000");
	CHECK(get64(&device, MIGRATION, OFFSET) == 0xfffffffffffff000 && get64(&device, MIGRATION, SIZE));
	set_attribute(&device, "lie", "clear");
	CHECK(get64(&device, MIGRATION, OFFSET) == 4096);
	set_attribute(&device, "state", "error");
	CHECK(state_of(&device) == 6 && !reset(&device));
	remove_device(&device);
}
