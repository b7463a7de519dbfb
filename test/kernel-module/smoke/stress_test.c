// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everybody at once on one device, for the kernel's lock checker; and a state that is larger than what
 * the machine could hold twice.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "v2.h"

static struct device shared;
static atomic_bool over;
static atomic_int data_fd = -1;
static atomic_ulong changes, reads, refused;

static void *change(void *argument)
{
	unsigned int random = (uintptr_t)argument;

	while (!over) {
		int fd = -1;

		if (v2_set(&shared, rand_r(&random) % 8, &fd) < 0)
			refused++;
		changes++;
		if (fd >= 0)
			close(atomic_exchange(&data_fd, fd));
		if (rand_r(&random) % 16 == 0)
			reset(&shared);
	}
	return NULL;
}

static void *use_data(void *argument)
{
	char *buffer = calloc(1, 1 << 18);
	struct vfio_precopy_info info;

	(void)argument;
	while (!over) {
		/* A descriptor of our own: the other thread closes the one that it replaces. */
		int fd = dup(data_fd);

		if (fd < 0)
			continue;
		if (read(fd, buffer, 1 << 18) > 0)
			reads++;
		v2_precopy_info(fd, &info);
		if (write(fd, buffer, 100) >= 0)
			reads++;
		close(fd);
	}
	free(buffer);
	return NULL;
}

static void *use_registers(void *argument)
{
	uint64_t value = 1 << 20;

	(void)argument;
	while (!over) {
		char text[512];

		(void)!pwrite(shared.fd, &value, 8, at(BAR0, DIRTY_RATE));
		value = 1;
		(void)!pwrite(shared.fd, &value, 4, at(BAR0, CONTROL));
		(void)!pread(shared.fd, &value, 8, at(BAR0, STEPS));
		(void)!pwrite(shared.fd, &value, 8, at(BAR2, 4096 * 7 + 4092));
		get_attribute(&shared, "state", text, sizeof(text));
		set_attribute(&shared, "fault", "read:EIO:nth=3\nset-state:stop:EIO:nth=5:error");
		get_attribute(&shared, "fault", text, sizeof(text));
		set_attribute(&shared, "fault", "clear");
		value = 64 << 20;
	}
	return NULL;
}

void test_stress(unsigned int seconds)
{
	void *(*const work[])(void *) = { change, change, use_data, use_data, use_registers };
	pthread_t thread[5];

	set_parameter("state_bytes", "2097152");
	shared = make_device("v2", false);
	over = false;
	for (size_t i = 0; i < 5; i++)
		REQUIRE(!pthread_create(&thread[i], NULL, work[i], (void *)(i + 1)));
	sleep(seconds);
	over = true;
	for (size_t i = 0; i < 5; i++)
		pthread_join(thread[i], NULL);
	close(data_fd);
	set_attribute(&shared, "fault", "clear");
	CHECK(!reset(&shared) && v2_state(&shared) == VFIO_DEVICE_STATE_RUNNING);
	CHECK(changes > 10 && reads > 0);
	printf("stress: %lu changes of state asked for, %lu refused, %lu transfers\n", changes, refused,
	       reads);
	remove_device(&shared);
}

void test_large(void)
{
	static char buffer[4 << 20];
	uint64_t total = 0, size = 1ull << 30;
	struct device source, target;
	struct timespec from, to;
	int save, load;
	ssize_t length;

	set_parameter("state_bytes", "1073741824");
	source = make_device("v2", false);
	target = make_device("v2", false);
	CHECK(source.state_size == size);
	put64(&source, BAR2, size - 8, 0x1122334455667788);
	REQUIRE(!v2_set(&source, VFIO_DEVICE_STATE_STOP_COPY, &save));
	REQUIRE(!v2_set(&target, VFIO_DEVICE_STATE_RESUMING, &load));
	clock_gettime(CLOCK_MONOTONIC, &from);
	while ((length = read(save, buffer, sizeof(buffer))) > 0) {
		total += length;
		REQUIRE(write(load, buffer, length) == length);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	CHECK(length == 0 && total > size);
	REQUIRE(!v2_set(&target, VFIO_DEVICE_STATE_RUNNING, NULL));
	CHECK(get64(&target, BAR2, size - 8) == 0x1122334455667788 && get64(&target, BAR2, size / 2) == 0);
	printf("large: %llu bytes saved and loaded, %.0f MiB/s\n", (unsigned long long)total,
	       total / 1048576.0 / ((to.tv_sec - from.tv_sec) + (to.tv_nsec - from.tv_nsec) / 1e9));
	close(save);
	close(load);
	remove_device(&source);
	remove_device(&target);
}
