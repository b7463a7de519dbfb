// SPDX-License-Identifier: GPL-2.0-only
/* Protocol v2: every arc, faults on demand, spoiled streams, resets in the middle of things. */
#include <pthread.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "v2.h"

static void walk(const struct device *device, uint32_t flags)
{
	for (uint32_t from = 1; from < 8; from++) {
		for (uint32_t to = 1; to < 8; to++) {
			bool missing[8] = { [5] = !(flags & 2), [6] = !(flags & 4), [7] = (flags & 6) != 6 };
			/* An empty load cannot be committed, and a stopped device cannot go back to pre-copy.
			 */
			bool refused = missing[to] || (from == 3 && (to == 6 || to == 7)) ||
				       (from == 4 && to != 4);
			int fd, other;

			if (missing[from])
				continue;
			CHECK(!reset(device) && !v2_set(device, from, &fd));
			if (refused)
				FAILS(v2_set(device, to, &other), EINVAL);
			else
				CHECK(!v2_set(device, to, &other));
			CHECK(v2_state(device) == (refused ? from : to));
			if (fd >= 0)
				close(fd);
			if (!refused && other >= 0)
				close(other);
		}
	}
	FAILS(v2_set(device, 0, NULL), EINVAL);
	FAILS(v2_set(device, 99, NULL), EINVAL);
	CHECK(!reset(device));
}

static void *slow_change(void *argument)
{
	const struct device *device = argument;
	int fd = -1;

	CHECK(!v2_set(device, VFIO_DEVICE_STATE_STOP_COPY, &fd));
	close(fd);
	return NULL;
}

static void test_faults(struct device *device)
{
	struct vfio_precopy_info info;
	struct stream stream = {};
	char text[256];
	int fd;

	/* Half way: the device stays where it got to. */
	set_attribute(device, "fault", "set-state:stop-copy:EBUSY");
	FAILS(v2_set(device, VFIO_DEVICE_STATE_STOP_COPY, NULL), EBUSY);
	CHECK(v2_state(device) == VFIO_DEVICE_STATE_STOP);
	get_attribute(device, "fault", text, sizeof(text));
	CHECK(strstr(text, "fired=1"));
	set_attribute(device, "fault", "set-state:running:EIO:error");
	FAILS(v2_set(device, VFIO_DEVICE_STATE_RUNNING, NULL), EIO);
	CHECK(v2_state(device) == VFIO_DEVICE_STATE_ERROR);
	FAILS(v2_set(device, VFIO_DEVICE_STATE_RUNNING, NULL), EINVAL);
	FAILS(pread(device->fd, &fd, 4, at(BAR0, 0)), EIO);
	CHECK(!reset(device) && v2_state(device) == VFIO_DEVICE_STATE_RUNNING);

	set_attribute(device, "fault", "clear");
	set_attribute(device, "fault", "read:EIO:nth=2\nprecopy-info:EINTR\ndata-size:EIO");
	set_attribute(device, "read_limit", "100");
	CHECK(!v2_set(device, VFIO_DEVICE_STATE_PRE_COPY, &fd));
	FAILS(v2_precopy_info(fd, &info), EINTR);
	CHECK(read(fd, text, sizeof(text)) == 100);
	FAILS(read(fd, text, sizeof(text)), EIO);
	CHECK(read(fd, text, sizeof(text)) == 100);
	set_attribute(device, "read_limit", "0");
	CHECK(!reset(device));
	FAILS(read(fd, text, 4), ENODEV);
	FAILS(v2_precopy_info(fd, &info), EINVAL);
	close(fd);
	set_attribute(device, "fault", "clear");

	/* What was dirtied is readable only after the ioctl, as on mlx5. */
	set_attribute(device, "precopy_rounds", "1");
	CHECK(!v2_set(device, VFIO_DEVICE_STATE_PRE_COPY, &fd));
	FAILS(v2_drain(fd, &stream), ENOMSG);
	CHECK(stream.length > device->state_size);
	stream.length = 0;
	put32(device, BAR0, COMMAND, STEP);
	FAILS(v2_drain(fd, &stream), ENOMSG);
	CHECK(stream.length == 0 && !v2_precopy_info(fd, &info) && info.dirty_bytes);
	FAILS(v2_drain(fd, &stream), ENOMSG);
	CHECK(stream.length > 4096 && stream.length < 8192);
	close(fd);
	free(stream.bytes);
	set_attribute(device, "precopy_rounds", "0");
	set_attribute(device, "fault", "reset:EIO");
	FAILS(reset(device), EIO);
	CHECK(!reset(device));

	/* An error by itself. */
	set_attribute(device, "state", "error");
	CHECK(v2_state(device) == VFIO_DEVICE_STATE_ERROR && !reset(device));
}

static void test_reset_of_a_stuck_device(struct device *device)
{
	pthread_t thread;
	time_t start = time(NULL);
	char text[32];

	set_attribute(device, "delay_ms", "60000");
	pthread_create(&thread, NULL, slow_change, device);
	usleep(200000);
	/* Readable meanwhile. */
	get_attribute(device, "state", text, sizeof(text));
	CHECK(!strcmp(text, "running\n"));
	CHECK(!reset(device));
	pthread_join(thread, NULL);
	CHECK(time(NULL) - start < 10 && v2_state(device) == VFIO_DEVICE_STATE_RUNNING);
	set_attribute(device, "delay_ms", "0");
}

static void test_spoiled(struct device *device)
{
	struct stream stream = {};
	int fd;

	REQUIRE(!v2_set(device, VFIO_DEVICE_STATE_STOP_COPY, &fd));
	CHECK(v2_drain(fd, &stream) == 0);
	close(fd);
	/* Magic, version, state size; the first record's sequence number; a byte too many. */
	for (size_t spot = 0; spot < 48; spot++) {
		bool reached = spot < 24 || (spot >= 24 && spot < 40);

		REQUIRE(!reset(device) && !v2_set(device, VFIO_DEVICE_STATE_RESUMING, &fd));
		stream.bytes[spot] ^= 0x40;
		if (reached) {
			FAILS(write(fd, stream.bytes, 4096), EINVAL);
			FAILS(write(fd, stream.bytes, 4096), EINVAL);
		}
		stream.bytes[spot] ^= 0x40;
		FAILS(v2_set(device, VFIO_DEVICE_STATE_STOP, NULL), EINVAL);
		close(fd);
	}
	REQUIRE(!reset(device) && !v2_set(device, VFIO_DEVICE_STATE_RESUMING, &fd));
	CHECK(!v2_write_all(fd, stream.bytes, stream.length));
	FAILS(write(fd, stream.bytes, 1), EINVAL);
	close(fd);
	CHECK(!reset(device));
	free(stream.bytes);
}

void test_v2_faults(void)
{
	static const char *const flags[] = { "1", "3", "5", "7" };
	struct device device;
	int fd;

	set_parameter("state_bytes", "1048576");
	for (size_t i = 0; i < 4; i++) {
		set_parameter("flags", flags[i]);
		device = make_device("v2", false);
		walk(&device, atoi(flags[i]));
		if (i < 3)
			remove_device(&device);
	}
	test_faults(&device);
	test_reset_of_a_stuck_device(&device);
	test_spoiled(&device);

	/* Reopened after a crash in the middle of a load: as new, or (reset_on_open off) as it was left. */
	CHECK(!v2_set(&device, VFIO_DEVICE_STATE_RESUMING, &fd));
	close_device(&device);
	FAILS(write(fd, "", 1), ENODEV);
	close(fd);
	reopen_device(&device, false);
	CHECK(v2_state(&device) == VFIO_DEVICE_STATE_RUNNING);
	set_attribute(&device, "reset_on_open", "0");
	CHECK(!v2_set(&device, VFIO_DEVICE_STATE_RESUMING, &fd));
	close(fd);
	close_device(&device);
	reopen_device(&device, false);
	CHECK(v2_state(&device) == VFIO_DEVICE_STATE_RESUMING);
	FAILS(v2_set(&device, VFIO_DEVICE_STATE_STOP, NULL), EINVAL);
	CHECK(!reset(&device) && v2_state(&device) == VFIO_DEVICE_STATE_RUNNING);
	CHECK(!v2_set(&device, VFIO_DEVICE_STATE_PRE_COPY, &fd));
	close(fd);
	close_device(&device);
	reopen_device(&device, false);
	CHECK(!v2_set(&device, VFIO_DEVICE_STATE_STOP_COPY, &fd) && fd == -1);
	CHECK(v2_data_size(&device) > 0 && !v2_set(&device, VFIO_DEVICE_STATE_RUNNING, &fd));
	remove_device(&device);

	set_parameter("flags", "0");
	device = make_device("v2", false);
	FAILS(v2_set(&device, VFIO_DEVICE_STATE_STOP, NULL), ENOTTY);
	remove_device(&device);
	set_parameter("flags", "7");
}
