// SPDX-License-Identifier: GPL-2.0-only
/* Protocol v2: pre-copy with a workload, the end of a session, the loaded device. */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "v2.h"

int v2_set(const struct device *device, uint32_t state, int *fd)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_mig_state state;
	} ask = {
		.feature = { sizeof(ask), VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE },
		.state = { .device_state = state, .data_fd = -1 },
	};
	int ret = ioctl(device->fd, VFIO_DEVICE_FEATURE, &ask);

	if (fd)
		*fd = ask.state.data_fd;
	return ret;
}

uint32_t v2_state(const struct device *device)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_mig_state state;
	} ask = {
		.feature = { sizeof(ask), VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE },
	};

	CHECK(!ioctl(device->fd, VFIO_DEVICE_FEATURE, &ask));
	return ask.state.device_state;
}

uint64_t v2_data_size(const struct device *device)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_mig_data_size size;
	} ask = {
		.feature = { sizeof(ask), VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIG_DATA_SIZE },
	};

	CHECK(!ioctl(device->fd, VFIO_DEVICE_FEATURE, &ask));
	return ask.size.stop_copy_length;
}

int v2_precopy_info(int fd, struct vfio_precopy_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	return ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, info);
}

ssize_t v2_drain(int fd, struct stream *stream)
{
	ssize_t length;

	for (;;) {
		if (stream->length + (1 << 20) > stream->room) {
			stream->room = stream->room * 2 + (2 << 20);
			stream->bytes = realloc(stream->bytes, stream->room);
		}
		length = read(fd, stream->bytes + stream->length, 1 << 20);
		if (length <= 0)
			return length;
		stream->length += length;
	}
}

int v2_write_all(int fd, const uint8_t *bytes, size_t length)
{
	/* Sizes that fall across headers and pages. */
	for (size_t done = 0, part = 1; done < length; part = part * 3 + 1) {
		size_t most = part > (1 << 20) ? 1 << 20 : part;
		ssize_t ret = write(fd, bytes + done, length - done < most ? length - done : most);

		if (ret <= 0)
			return -1;
		done += ret;
	}
	return 0;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

void test_v2(bool cdev)
{
	struct device source, target;
	struct vfio_precopy_info info;
	struct stream stream = {};
	uint8_t *before, *after, *expected;
	uint64_t steps, pages;
	double start;
	int save, load, other;

	set_parameter("state_bytes", "16777216");
	source = make_device("v2", cdev);
	target = make_device("v2", cdev);
	pages = source.state_size / 4096;
	put32(&source, BAR0, SEED, 99);
	put32(&source, BAR0, COMMAND, FILL);
	put32(&source, BAR0, SCRATCH, 5);
	REQUIRE(!v2_set(&source, VFIO_DEVICE_STATE_PRE_COPY, &save) && save >= 0);
	CHECK(fcntl(save, F_GETFD) == FD_CLOEXEC && (fcntl(save, F_GETFL) & O_ACCMODE) == O_RDONLY);
	FAILS(lseek(save, 0, SEEK_SET), ESPIPE);
	FAILS(pread(save, &other, 4, 0), ESPIPE);
	REQUIRE(!v2_precopy_info(save, &info));
	CHECK(info.initial_bytes > source.state_size && info.dirty_bytes == 0);
	start = now();
	FAILS(v2_drain(save, &stream), ENOMSG);
	printf("v2 (%s): first pass %.0f MiB/s\n", cdev ? "cdev" : "group",
	       stream.length / (now() - start) / 1048576);
	CHECK(stream.length == info.initial_bytes);
	CHECK(!v2_precopy_info(save, &info) && !info.initial_bytes && !info.dirty_bytes);

	/* The workload dirties 4 MiB/s: after half a second some 500 pages. */
	put64(&source, BAR0, DIRTY_RATE, 4 << 20);
	put32(&source, BAR0, CONTROL, 1);
	usleep(500000);
	CHECK(!v2_precopy_info(save, &info) && !info.initial_bytes);
	CHECK(info.dirty_bytes >= 500 * 4096 && info.dirty_bytes <= source.state_size * 2);
	FAILS(v2_drain(save, &stream), ENOMSG);
	set_attribute(&source, "drained", "0");
	CHECK(v2_drain(save, &stream) == 0);
	usleep(50000);

	REQUIRE(!v2_set(&source, VFIO_DEVICE_STATE_PRE_COPY_P2P, &other) && other == -1);
	steps = get64(&source, BAR0, STEPS);
	usleep(20000);
	CHECK(steps == get64(&source, BAR0, STEPS));
	before = read_memory(&source);
	CHECK(v2_data_size(&source) < source.state_size);
	REQUIRE(!v2_set(&source, VFIO_DEVICE_STATE_STOP_COPY, &other) && other == -1);
	FAILS(v2_precopy_info(save, &info), EINVAL);
	{
		uint64_t promised = v2_data_size(&source), had = stream.length;

		CHECK(v2_drain(save, &stream) == 0 && v2_drain(save, &stream) == 0);
		/* An estimate: a run of pages may have been cut in two. */
		CHECK(stream.length - had >= promised && stream.length - had < promised + 4096);
		CHECK(v2_data_size(&source) == 0);
	}
	FAILS(pread(source.fd, &other, 4, at(BAR0, 0)), EIO);
	FAILS(v2_set(&source, VFIO_DEVICE_STATE_PRE_COPY, NULL), EINVAL);
	CHECK(v2_state(&source) == VFIO_DEVICE_STATE_STOP_COPY);

	/* The contents follow from the seed and the steps. */
	expected = malloc(source.state_size);
	generate(99, expected, source.state_size);
	for (uint64_t n = 0; n < steps; n++)
		*(uint64_t *)(expected + n % pages * 4096) = n + 1;
	CHECK(!memcmp(before, expected, source.state_size));

	REQUIRE(!v2_set(&target, VFIO_DEVICE_STATE_RESUMING, &load) && load >= 0);
	CHECK((fcntl(load, F_GETFL) & O_ACCMODE) == O_WRONLY);
	CHECK(!v2_write_all(load, stream.bytes, stream.length - 1));
	FAILS(v2_set(&target, VFIO_DEVICE_STATE_STOP, NULL), EINVAL);
	CHECK(v2_state(&target) == VFIO_DEVICE_STATE_RESUMING);
	CHECK(!v2_write_all(load, stream.bytes + stream.length - 1, 1));
	REQUIRE(!v2_set(&target, VFIO_DEVICE_STATE_RUNNING_P2P, NULL));
	after = read_memory(&target);
	CHECK(!memcmp(before, after, source.state_size));
	CHECK(get32(&target, BAR0, SCRATCH) == 5 && get64(&target, BAR0, STEPS) == steps);
	CHECK(get32(&target, BAR0, RUN_COUNT) == 1);
	FAILS(write(load, &other, 4), ENODEV);
	CHECK(!v2_set(&source, VFIO_DEVICE_STATE_STOP, NULL));
	FAILS(read(save, &other, 4), ENODEV);
	CHECK(!v2_set(&target, VFIO_DEVICE_STATE_RUNNING, NULL));
	usleep(20000);
	CHECK(get64(&target, BAR0, STEPS) > steps);
	printf("v2 (%s): %zu bytes, %llu steps\n", cdev ? "cdev" : "group", stream.length,
	       (unsigned long long)steps);

	/* Descriptors outlive the device. */
	remove_device(&source);
	remove_device(&target);
	FAILS(read(save, &other, 4), ENODEV);
	FAILS(write(load, &other, 4), ENODEV);
	close(save);
	close(load);
	free(before);
	free(after);
	free(expected);
	free(stream.bytes);
}
