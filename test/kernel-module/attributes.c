// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a test can ask of one device, in its sysfs directory, at any time: README.md, "Attributes".
 */
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "device.h"
#include "migration_v2.h"

static struct vfm_device *device_of(struct device *dev)
{
	return dev_get_drvdata(dev);
}

static ssize_t fault_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return vfm_faults_show(&device_of(dev)->faults, buf);
}

/* One fault a line; "clear" takes all away. */
static ssize_t fault_store(struct device *dev, struct device_attribute *attr, const char *buf, size_t count)
{
	char *copy = kstrndup(buf, count, GFP_KERNEL);
	char *rest = copy;
	char *line;
	int ret = 0;

	if (!copy)
		return -ENOMEM;
	while (!ret && (line = strsep(&rest, "\n"))) {
		if (!strcmp(line, "clear"))
			vfm_faults_clear(&device_of(dev)->faults);
		else if (*line)
			ret = vfm_faults_add(&device_of(dev)->faults, line);
	}
	kfree(copy);
	return ret ? ret : count;
}
static DEVICE_ATTR_RW(fault);

/* REGISTER:VALUE, or "clear". */
static ssize_t lie_store(struct device *dev, struct device_attribute *attr, const char *buf, size_t count)
{
	struct vfm_device *device = device_of(dev);
	char name[24];
	size_t length = strcspn(buf, ":");
	u64 value;
	int ret;

	if (!vfm_is_v1(device))
		return -EINVAL;
	if (sysfs_streq(buf, "clear")) {
		mutex_lock(&device->lock);
		device->v1.lie_register = 0;
		mutex_unlock(&device->lock);
		return count;
	}
	if (buf[length] != ':' || length >= sizeof(name))
		return -EINVAL;
	memcpy(name, buf, length);
	name[length] = 0;
	ret = kstrtou64(buf + length + 1, 0, &value);
	if (!ret)
		ret = vfm_v1_set_lie(device, name, value);
	return ret ? ret : count;
}
static DEVICE_ATTR_WO(lie);

#define NUMBER_ATTRIBUTE(name)                                                                          \
	static ssize_t name##_show(struct device *dev, struct device_attribute *attr, char *buf)        \
	{                                                                                               \
		return sysfs_emit(buf, "%u\n", READ_ONCE(device_of(dev)->name));                        \
	}                                                                                               \
	static ssize_t name##_store(struct device *dev, struct device_attribute *attr, const char *buf, \
				    size_t count)                                                       \
	{                                                                                               \
		unsigned int value;                                                                     \
		int ret = kstrtouint(buf, 0, &value);                                                   \
                                                                                                        \
		if (ret)                                                                                \
			return ret;                                                                     \
		WRITE_ONCE(device_of(dev)->name, value);                                                \
		return count;                                                                           \
	}                                                                                               \
	static DEVICE_ATTR_RW(name)

NUMBER_ATTRIBUTE(delay_ms);
NUMBER_ATTRIBUTE(read_limit);
NUMBER_ATTRIBUTE(write_limit);

static ssize_t arcs_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", vfm_arcs_name(READ_ONCE(device_of(dev)->settings.arcs)));
}

static ssize_t arcs_store(struct device *dev, struct device_attribute *attr, const char *buf, size_t count)
{
	enum vfm_arcs arcs;
	int ret = vfm_arcs_parse(buf, &arcs);

	if (ret)
		return ret;
	WRITE_ONCE(device_of(dev)->settings.arcs, arcs);
	return count;
}
static DEVICE_ATTR_RW(arcs);

static ssize_t drained_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", READ_ONCE(device_of(dev)->settings.drained_is_zero) ? "0" : "ENOMSG");
}

static ssize_t drained_store(struct device *dev, struct device_attribute *attr, const char *buf, size_t count)
{
	bool is_zero;
	int ret = vfm_drained_parse(buf, &is_zero);

	if (ret)
		return ret;
	WRITE_ONCE(device_of(dev)->settings.drained_is_zero, is_zero);
	return count;
}
static DEVICE_ATTR_RW(drained);

static ssize_t precopy_rounds_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(device_of(dev)->settings.precopy_rounds));
}

static ssize_t precopy_rounds_store(struct device *dev, struct device_attribute *attr, const char *buf,
				    size_t count)
{
	bool value;
	int ret = kstrtobool(buf, &value);

	if (ret)
		return ret;
	WRITE_ONCE(device_of(dev)->settings.precopy_rounds, value);
	return count;
}
static DEVICE_ATTR_RW(precopy_rounds);

static ssize_t reset_on_open_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(device_of(dev)->settings.reset_on_open));
}

static ssize_t reset_on_open_store(struct device *dev, struct device_attribute *attr, const char *buf,
				   size_t count)
{
	bool value;
	int ret = kstrtobool(buf, &value);

	if (ret)
		return ret;
	WRITE_ONCE(device_of(dev)->settings.reset_on_open, value);
	return count;
}
static DEVICE_ATTR_RW(reset_on_open);

/* Without the device's mutex: a test wants to look while a slow change of state holds it. */
static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", vfm_state_name(device_of(dev)));
}

/* "error": the device fails by itself, as pds does on a firmware event. Nothing else can be asked. */
static ssize_t state_store(struct device *dev, struct device_attribute *attr, const char *buf, size_t count)
{
	struct vfm_device *device = device_of(dev);
	bool was_running;

	if (!sysfs_streq(buf, "error"))
		return -EINVAL;
	mutex_lock(&device->lock);
	vfm_workload_catch_up(device);
	was_running = vfm_is_running(device);
	if (vfm_is_v1(device))
		vfm_v1_enter_error(device);
	else
		vfm_v2_enter_error(device);
	vfm_state_changed(device, was_running);
	mutex_unlock(&device->lock);
	return count;
}
static DEVICE_ATTR_RW(state);

static ssize_t state_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", device_of(dev)->settings.state_bytes);
}
static DEVICE_ATTR_RO(state_bytes);

static ssize_t chunk_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", device_of(dev)->settings.chunk_bytes);
}
static DEVICE_ATTR_RO(chunk_bytes);

static struct attribute *attributes[] = {
	&dev_attr_fault.attr,
	&dev_attr_delay_ms.attr,
	&dev_attr_read_limit.attr,
	&dev_attr_write_limit.attr,
	&dev_attr_arcs.attr,
	&dev_attr_drained.attr,
	&dev_attr_reset_on_open.attr,
	&dev_attr_state.attr,
	&dev_attr_state_bytes.attr,
	&dev_attr_chunk_bytes.attr,
	&dev_attr_lie.attr,
	&dev_attr_precopy_rounds.attr,
	NULL,
};

static const struct attribute_group group = {
	.attrs = attributes,
};

const struct attribute_group *vfm_attribute_groups[] = { &group, NULL };
