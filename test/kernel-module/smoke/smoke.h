/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SMOKE_H
#define SMOKE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/vfio.h>

#define BAR0 0
#define BAR2 2
#define CONFIG 7
#define MIGRATION 9

enum {
	SCRATCH = 0x10,
	CONTROL = 0x14,
	SEED = 0x18,
	COMMAND = 0x1c,
	DIRTY_RATE = 0x20,
	STEPS = 0x28,
	RUN_COUNT = 0x30,
	DMA_STATUS = 0x34,
	DMA_IOVA = 0x38,
	DMA_LENGTH = 0x40,
	IRQ_RAISE = 0x48,
	IRQ_STATUS = 0x4c,
	IRQ_ACKNOWLEDGE = 0x50
};
enum { FILL = 1, STEP = 2, DMA_WRITE = 3, DMA_READ = 4 };

struct device {
	char uuid[37];
	int container, group, iommufd, fd;
	uint32_t ioas;
	uint64_t state_size;
};

extern int failures;

#define CHECK(condition)                                                                              \
	do {                                                                                          \
		if (!(condition)) {                                                                   \
			failures++;                                                                   \
			printf("FAIL %s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
		}                                                                                     \
	} while (0)
/* The expression fails with this errno. */
#define FAILS(expression, error) CHECK((expression) < 0 && errno == (error))
#define REQUIRE(condition)        \
	do {                      \
		CHECK(condition); \
		if (failures)     \
			exit(1);  \
	} while (0)

void set_parameter(const char *name, const char *value);
void set_attribute(const struct device *device, const char *name, const char *value);
void get_attribute(const struct device *device, const char *name, char *to, size_t size);
/* Makes an mdev and opens it, through its group or (cdev) through /dev/vfio/devices. */
struct device make_device(const char *type, bool cdev);
void close_device(struct device *device);
void reopen_device(struct device *device, bool cdev);
void remove_device(struct device *device);
void map_dma(struct device *device, uint64_t iova, void *memory, uint64_t length);

uint64_t at(int region, uint64_t offset);
uint32_t get32(const struct device *device, int region, uint64_t offset);
uint64_t get64(const struct device *device, int region, uint64_t offset);
int put32(const struct device *device, int region, uint64_t offset, uint32_t value);
int put64(const struct device *device, int region, uint64_t offset, uint64_t value);
/* All of BAR2, malloced. */
void *read_memory(const struct device *device);
void generate(uint32_t seed, void *to, uint64_t length);
int reset(const struct device *device);

void test_registers(void);
void test_v1(const char *type);
void test_v1_rules(void);
void test_v2(bool cdev);
void test_v2_faults(void);
void test_dma(bool cdev);
void test_large(void);
void test_stress(unsigned int seconds);

#endif
