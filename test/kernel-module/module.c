// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfm_test: mediated devices with nothing behind them, for the tests of migration protocols v1 and v2.
 */
#include <linux/device.h>
#include <linux/mdev.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/version.h>

#include "device.h"

#define VFM_NAME "vfm_test"
#define VFM_MAX_STATE (256ull << 30)
#define VFM_MIN_CHUNK SZ_8K
#define VFM_MAX_CHUNK SZ_1G
#define VFM_MAX_DEVICES 256

/* What a device gets when it is created; writable in between. */
static unsigned long state_bytes;
module_param(state_bytes, ulong, 0644);
MODULE_PARM_DESC(state_bytes, "bytes of device memory, a multiple of 4096 (0: 64 MiB for v2, 8 MiB for v1)");

static unsigned long chunk_bytes = SZ_1M;
module_param(chunk_bytes, ulong, 0644);
MODULE_PARM_DESC(chunk_bytes, "v1: most bytes of one chunk, 8 KiB to 1 GiB");

static unsigned int seed;
module_param(seed, uint, 0644);
MODULE_PARM_DESC(seed, "of the generator, for the memory of a new device (0: zeros)");

static unsigned int flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY;
module_param(flags, uint, 0644);
MODULE_PARM_DESC(flags, "v2: migration flags, STOP_COPY 1, P2P 2, PRE_COPY 4 (0: no migration at all)");

static char arcs[8] = "full";
module_param_string(arcs, arcs, sizeof(arcs), 0644);
MODULE_PARM_DESC(arcs, "v1: changes of state that are accepted: full, i915, lvu");

static char drained[8] = "ENOMSG";
module_param_string(drained, drained, sizeof(drained), 0644);
MODULE_PARM_DESC(drained, "v2: what a read in PRE_COPY answers when all is read for now: ENOMSG or 0");

static bool precopy_rounds;
module_param(precopy_rounds, bool, 0644);
MODULE_PARM_DESC(precopy_rounds, "v2: in PRE_COPY, what was dirtied becomes readable only by a PRECOPY_INFO");

static bool dma_log = true;
module_param(dma_log, bool, 0644);
MODULE_PARM_DESC(dma_log, "v2: offer DMA logging");

static bool reset_on_open = true;
module_param(reset_on_open, bool, 0644);
MODULE_PARM_DESC(reset_on_open, "the first open and the last close make the device as new");

static const char *const arcs_names[] = {
	[VFM_ARCS_FULL] = "full",
	[VFM_ARCS_I915] = "i915",
	[VFM_ARCS_LVU] = "lvu",
};

const char *vfm_arcs_name(enum vfm_arcs value)
{
	return arcs_names[value];
}

int vfm_arcs_parse(const char *text, enum vfm_arcs *value)
{
	int index = sysfs_match_string(arcs_names, text);

	if (index < 0)
		return index;
	*value = index;
	return 0;
}

int vfm_drained_parse(const char *text, bool *is_zero)
{
	*is_zero = sysfs_streq(text, "0");
	return *is_zero || sysfs_streq(text, "ENOMSG") ? 0 : -EINVAL;
}

int vfm_settings_take(enum vfm_kind kind, struct vfm_settings *settings)
{
	const u32 known = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY;
	int ret;

	kernel_param_lock(THIS_MODULE);
	settings->state_bytes = state_bytes ? state_bytes : kind == VFM_V2 ? SZ_64M : SZ_8M;
	settings->chunk_bytes = chunk_bytes;
	settings->seed = seed;
	settings->migration_flags = flags;
	settings->precopy_rounds = precopy_rounds;
	settings->dma_log = dma_log;
	settings->reset_on_open = reset_on_open;
	ret = vfm_arcs_parse(arcs, &settings->arcs);
	if (!ret)
		ret = vfm_drained_parse(drained, &settings->drained_is_zero);
	kernel_param_unlock(THIS_MODULE);
	if (ret)
		return ret;
	if (settings->state_bytes % VFM_PAGE_SIZE || settings->state_bytes > VFM_MAX_STATE ||
	    settings->chunk_bytes < VFM_MIN_CHUNK || settings->chunk_bytes > VFM_MAX_CHUNK)
		return -EINVAL;
	if (settings->migration_flags &&
	    (!(settings->migration_flags & VFIO_MIGRATION_STOP_COPY) || settings->migration_flags & ~known))
		return -EINVAL;
	return 0;
}

struct vfm_type {
	struct mdev_type type;
	enum vfm_kind kind;
};

static struct vfm_type types[] = {
	{ { .sysfs_name = "v2", .pretty_name = "Migration v2" }, VFM_V2 },
	{ { .sysfs_name = "v1-trapped", .pretty_name = "Migration v1, trapped" }, VFM_V1_TRAPPED },
	{ { .sysfs_name = "v1-mapped", .pretty_name = "Migration v1, mapped" }, VFM_V1_MAPPED },
	{ { .sysfs_name = "v1-sparse", .pretty_name = "Migration v1, sparse" }, VFM_V1_SPARSE },
	{ { .sysfs_name = "v1-straddle", .pretty_name = "Migration v1, straddle" }, VFM_V1_STRADDLE },
};

static struct mdev_type *type_list[ARRAY_SIZE(types)];

enum vfm_kind vfm_kind_of(const struct mdev_type *type)
{
	return container_of_const(type, struct vfm_type, type)->kind;
}

static int probe(struct mdev_device *mdev)
{
	struct vfm_device *device = vfio_alloc_device(vfm_device, vdev, &mdev->dev, &vfm_device_ops);
	int ret;

	if (IS_ERR(device))
		return PTR_ERR(device);
	dev_set_drvdata(&mdev->dev, device);
	ret = vfio_register_emulated_iommu_dev(&device->vdev);
	if (ret)
		vfio_put_device(&device->vdev);
	return ret;
}

static void remove(struct mdev_device *mdev)
{
	struct vfm_device *device = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&device->vdev);
	vfio_put_device(&device->vdev);
}

static struct mdev_driver driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.max_instances = VFM_MAX_DEVICES,
	.driver = {
		.name = VFM_NAME,
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
		.dev_groups = vfm_attribute_groups,
	},
	.probe = probe,
	.remove = remove,
};

static const struct class parent_class = {
	.name = VFM_NAME,
};

static struct device *parent_device;
static struct mdev_parent parent;

static int __init vfm_init(void)
{
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		type_list[i] = &types[i].type;
	ret = mdev_register_driver(&driver);
	if (ret)
		return ret;
	ret = class_register(&parent_class);
	if (ret)
		goto no_class;
	parent_device = device_create(&parent_class, NULL, 0, NULL, VFM_NAME);
	if (IS_ERR(parent_device)) {
		ret = PTR_ERR(parent_device);
		goto no_device;
	}
	ret = mdev_register_parent(&parent, parent_device, &driver, type_list, ARRAY_SIZE(type_list));
	if (!ret)
		return 0;
	device_unregister(parent_device);
no_device:
	class_unregister(&parent_class);
no_class:
	mdev_unregister_driver(&driver);
	return ret;
}

static void __exit vfm_exit(void)
{
	mdev_unregister_parent(&parent);
	device_unregister(parent_device);
	class_unregister(&parent_class);
	mdev_unregister_driver(&driver);
}

module_init(vfm_init);
module_exit(vfm_exit);

MODULE_DESCRIPTION("Mediated devices that test VFIO migration");
MODULE_LICENSE("GPL");
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
MODULE_IMPORT_NS("IOMMUFD");
#else
MODULE_IMPORT_NS(IOMMUFD);
#endif
