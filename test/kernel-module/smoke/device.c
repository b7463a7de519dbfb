// SPDX-License-Identifier: GPL-2.0-only
/* Making, opening and accessing a device of the module, without the package under test. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/iommufd.h>

#include "smoke.h"

static void write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0) {
		printf("FAIL %s <- %s: errno %d\n", path, value, errno);
		exit(1);
	}
	close(fd);
}

void set_parameter(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/vfm_test/parameters/%s", name);
	write_file(path, value);
}

void set_attribute(const struct device *device, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/%s", device->uuid, name);
	write_file(path, value);
}

void get_attribute(const struct device *device, const char *name, char *to, size_t size)
{
	char path[128];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/%s", device->uuid, name);
	fd = open(path, O_RDONLY);
	length = read(fd, to, size - 1);
	to[length < 0 ? 0 : length] = 0;
	close(fd);
}

static void open_group(struct device *device)
{
	char path[160], target[256];
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/iommu_group", device->uuid);
	length = readlink(path, target, sizeof(target) - 1);
	REQUIRE(length > 0);
	target[length] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(target, '/') + 1);
	device->container = open("/dev/vfio/vfio", O_RDWR);
	device->group = open(path, O_RDWR);
	REQUIRE(device->container >= 0 && device->group >= 0);
	REQUIRE(!ioctl(device->group, VFIO_GROUP_SET_CONTAINER, &device->container));
	REQUIRE(!ioctl(device->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	device->fd = ioctl(device->group, VFIO_GROUP_GET_DEVICE_FD, device->uuid);
	REQUIRE(device->fd >= 0);
}

static void open_cdev(struct device *device)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach) };
	char path[512];
	struct dirent *entry;
	DIR *directory;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/vfio-dev", device->uuid);
	directory = opendir(path);
	REQUIRE(directory);
	while ((entry = readdir(directory)) && entry->d_name[0] == '.')
		;
	REQUIRE(entry);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
	closedir(directory);
	device->iommufd = open("/dev/iommu", O_RDWR);
	device->fd = open(path, O_RDWR);
	REQUIRE(device->iommufd >= 0 && device->fd >= 0);
	bind.iommufd = device->iommufd;
	REQUIRE(!ioctl(device->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind));
	REQUIRE(!ioctl(device->iommufd, IOMMU_IOAS_ALLOC, &alloc));
	device->ioas = attach.pt_id = alloc.out_ioas_id;
	REQUIRE(!ioctl(device->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
}

void reopen_device(struct device *device, bool cdev)
{
	device->container = device->group = device->iommufd = -1;
	if (cdev)
		open_cdev(device);
	else
		open_group(device);
}

struct device make_device(const char *type, bool cdev)
{
	static unsigned int count;
	struct device device;
	char path[128];

	snprintf(device.uuid, sizeof(device.uuid), "7666%04x-0000-4000-8000-000000000000", ++count);
	snprintf(path, sizeof(path), "/sys/class/mdev_bus/vfm_test/mdev_supported_types/vfm_test-%s/create",
		 type);
	write_file(path, device.uuid);
	reopen_device(&device, cdev);
	device.state_size = get64(&device, BAR0, 8);
	return device;
}

void close_device(struct device *device)
{
	close(device->fd);
	if (device->group >= 0)
		close(device->group);
	if (device->container >= 0)
		close(device->container);
	if (device->iommufd >= 0)
		close(device->iommufd);
	device->fd = -1;
}

void remove_device(struct device *device)
{
	if (device->fd >= 0)
		close_device(device);
	set_attribute(device, "remove", "1");
}

void map_dma(struct device *device, uint64_t iova, void *memory, uint64_t length)
{
	if (device->iommufd >= 0) {
		struct iommu_ioas_map map = {
			.size = sizeof(map),
			.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE |
				 IOMMU_IOAS_MAP_READABLE,
			.ioas_id = device->ioas,
			.user_va = (uintptr_t)memory,
			.length = length,
			.iova = iova,
		};
		REQUIRE(!ioctl(device->iommufd, IOMMU_IOAS_MAP, &map));
	} else {
		struct vfio_iommu_type1_dma_map map = {
			.argsz = sizeof(map),
			.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
			.vaddr = (uintptr_t)memory,
			.iova = iova,
			.size = length,
		};
		REQUIRE(!ioctl(device->container, VFIO_IOMMU_MAP_DMA, &map));
	}
}

uint64_t at(int region, uint64_t offset)
{
	return ((uint64_t)region << 40) + offset;
}

uint32_t get32(const struct device *device, int region, uint64_t offset)
{
	uint32_t value = 0;

	CHECK(pread(device->fd, &value, 4, at(region, offset)) == 4);
	return value;
}

uint64_t get64(const struct device *device, int region, uint64_t offset)
{
	uint64_t value = 0;

	CHECK(pread(device->fd, &value, 8, at(region, offset)) == 8);
	return value;
}

int put32(const struct device *device, int region, uint64_t offset, uint32_t value)
{
	return pwrite(device->fd, &value, 4, at(region, offset)) == 4 ? 0 : -1;
}

int put64(const struct device *device, int region, uint64_t offset, uint64_t value)
{
	return pwrite(device->fd, &value, 8, at(region, offset)) == 8 ? 0 : -1;
}

void *read_memory(const struct device *device)
{
	void *memory = malloc(device->state_size);

	CHECK(pread(device->fd, memory, device->state_size, at(BAR2, 0)) == (ssize_t)device->state_size);
	return memory;
}

static uint32_t fmix32(uint32_t h)
{
	h ^= h >> 16;
	h *= 0x85ebca6b;
	h ^= h >> 13;
	h *= 0xc2b2ae35;
	return h ^ h >> 16;
}

void generate(uint32_t seed, void *to, uint64_t length)
{
	uint32_t *words = to;

	for (uint64_t j = 0; j < length / 4; j++)
		words[j] = fmix32((uint32_t)j * 0x9e3779b9 + fmix32(seed));
}

int reset(const struct device *device)
{
	return ioctl(device->fd, VFIO_DEVICE_RESET);
}
