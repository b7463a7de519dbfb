// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VFIO device: its regions, its life from open to close, its reset.
 */
#include <linux/uaccess.h>

#include "device.h"
#include "migration_v2.h"

bool vfm_is_running(const struct vfm_device *device)
{
	if (vfm_is_v1(device))
		return device->v1.device_state & VFM_V1_RUNNING;
	switch (device->state) {
	case VFIO_DEVICE_STATE_RUNNING:
	case VFIO_DEVICE_STATE_RUNNING_P2P:
	case VFIO_DEVICE_STATE_PRE_COPY:
	case VFIO_DEVICE_STATE_PRE_COPY_P2P:
		return true;
	default:
		return false;
	}
}

bool vfm_workload_allowed(const struct vfm_device *device)
{
	if (vfm_is_v1(device))
		return vfm_is_running(device);
	return device->state == VFIO_DEVICE_STATE_RUNNING || device->state == VFIO_DEVICE_STATE_PRE_COPY;
}

const char *vfm_state_name(const struct vfm_device *device)
{
	return vfm_is_v1(device) ? vfm_v1_state_name(device->v1.device_state)
				 : vfm_v2_state_name(device->state);
}

void vfm_state_changed(struct vfm_device *device, bool was_running)
{
	if (!was_running && vfm_is_running(device))
		device->registers.run_count++;
	vfm_workload_restart(device);
}

void vfm_delay(struct vfm_device *device)
{
	unsigned int delay_ms = READ_ONCE(device->delay_ms);

	if (delay_ms)
		wait_event_killable_timeout(device->reset_wait, atomic_read(&device->resets_waiting),
					    msecs_to_jiffies(delay_ms));
}

static void reset(struct vfm_device *device)
{
	if (vfm_is_v1(device))
		vfm_v1_reset(device);
	else
		vfm_v2_reset(device);
	vfm_memory_clear(&device->memory);
	vfm_irqs_lower_line(&device->irqs);
	device->registers.scratch = 0;
	device->registers.control = 0;
	device->registers.steps = 0;
	device->registers.run_count = 0;
	vfm_workload_restart(device);
}

/* As it was when it was created. */
static void reset_to_new(struct vfm_device *device)
{
	reset(device);
	memset(&device->registers, 0, sizeof(device->registers));
	memset(device->config, 0, sizeof(device->config));
	vfm_config_init(device);
	vfm_irqs_command_changed(device);
	if (device->settings.seed)
		vfm_memory_fill(&device->memory, device->settings.seed);
}

static int init(struct vfio_device *vdev)
{
	struct vfm_device *device = to_vfm_device(vdev);
	struct vfm_settings *settings = &device->settings;
	int ret;

	device->kind = vfm_kind_of(to_mdev_device(vdev->dev)->type);
	ret = vfm_settings_take(device->kind, settings);
	if (ret)
		return ret;
	ret = vfm_memory_init(&device->memory, settings->state_bytes);
	if (ret)
		return ret;
	if (vfm_is_v1(device)) {
		ret = vfm_v1_layout_init(device);
		if (ret) {
			vfm_memory_free(&device->memory);
			return ret;
		}
	} else if (settings->migration_flags) {
		vdev->migration_flags = settings->migration_flags;
		vdev->mig_ops = &vfm_migration_ops;
	}
	if (!vfm_is_v1(device) && settings->dma_log)
		vdev->log_ops = &vfm_log_ops;
	mutex_init(&device->lock);
	vfm_faults_init(&device->faults);
	init_waitqueue_head(&device->reset_wait);
	xa_init(&device->dma_log.pages);
	vfm_irqs_init(&device->irqs);
	reset_to_new(device);
	return 0;
}

static void release(struct vfio_device *vdev)
{
	struct vfm_device *device = to_vfm_device(vdev);

	vfm_dma_log_end(device);
	vfm_faults_clear(&device->faults);
	vfm_memory_free(&device->memory);
	vfm_v1_layout_free(device);
	mutex_destroy(&device->irqs.request);
	mutex_destroy(&device->faults.lock);
	mutex_destroy(&device->lock);
}

static int open_device(struct vfio_device *vdev)
{
	struct vfm_device *device = to_vfm_device(vdev);

	mutex_lock(&device->lock);
	if (device->settings.reset_on_open)
		reset_to_new(device);
	mutex_unlock(&device->lock);
	return 0;
}

static void close_device(struct vfio_device *vdev)
{
	struct vfm_device *device = to_vfm_device(vdev);

	vfm_irqs_release(&device->irqs);
	mutex_lock(&device->lock);
	vfm_dma_log_end(device);
	vfm_session_end(device);
	if (device->settings.reset_on_open)
		reset_to_new(device);
	mutex_unlock(&device->lock);
}

/* Nothing is pinned, so there is nothing to give back; type1 and iommufd insist on the callback. */
static void dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
}

static u64 region_size(const struct vfm_device *device, u32 index)
{
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX:
		return VFM_BAR0_SIZE;
	case VFIO_PCI_BAR2_REGION_INDEX:
		return device->memory.size;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return VFM_CONFIG_SIZE;
	case VFM_V1_REGION_INDEX:
		return vfm_is_v1(device) ? vfm_v1_region_size(device) : 0;
	}
	return 0;
}

static ssize_t access(struct vfm_device *device, u32 index, u64 offset, char __user *buf, size_t count,
		      bool write)
{
	u8 bytes[VFM_CONFIG_SIZE];
	int ret;

	vfm_workload_catch_up(device);
	if (index == VFM_V1_REGION_INDEX)
		return write ? vfm_v1_write(device, buf, count, offset)
			     : vfm_v1_read(device, buf, count, offset);

	if (index == VFIO_PCI_CONFIG_REGION_INDEX) {
		if (!write)
			return copy_to_user(buf, device->config + offset, count) ? -EFAULT : count;
		if (copy_from_user(bytes, buf, count))
			return -EFAULT;
		ret = vfm_config_write(device, offset, bytes, count);
		vfm_irqs_command_changed(device);
		return ret ? ret : count;
	}

	if (!vfm_is_running(device))
		return -EIO;
	if (index == VFIO_PCI_BAR2_REGION_INDEX) {
		ret = write ? vfm_memory_write_user(&device->memory, offset, buf, count)
			    : vfm_memory_read_user(&device->memory, offset, buf, count);
		return ret ? ret : count;
	}
	if (count > 8)
		return -EINVAL;
	if (write) {
		if (copy_from_user(bytes, buf, count))
			return -EFAULT;
		ret = vfm_registers_write(device, offset, bytes, count);
		return ret ? ret : count;
	}
	ret = vfm_registers_read(device, offset, bytes, count);
	if (ret)
		return ret;
	return copy_to_user(buf, bytes, count) ? -EFAULT : count;
}

static ssize_t transfer(struct vfio_device *vdev, char __user *buf, size_t count, loff_t *ppos, bool write)
{
	struct vfm_device *device = to_vfm_device(vdev);
	u32 index = (u64)*ppos >> VFM_OFFSET_SHIFT;
	u64 offset = *ppos & (VFM_INDEX_TO_OFFSET(1) - 1);
	u64 size = region_size(device, index);
	ssize_t ret;

	if (*ppos < 0 || offset >= size)
		return -EINVAL;
	if (!count)
		return 0;
	count = min_t(u64, count, size - offset);
	mutex_lock(&device->lock);
	ret = access(device, index, offset, buf, count, write);
	mutex_unlock(&device->lock);
	if (ret > 0)
		*ppos += ret;
	return ret;
}

static ssize_t read(struct vfio_device *vdev, char __user *buf, size_t count, loff_t *ppos)
{
	return transfer(vdev, buf, count, ppos, false);
}

static ssize_t write(struct vfio_device *vdev, const char __user *buf, size_t count, loff_t *ppos)
{
	return transfer(vdev, (char __user *)buf, count, ppos, true);
}

static int mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	struct vfm_device *device = to_vfm_device(vdev);
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;

	if (!vfm_is_v1(device) || offset >> VFM_OFFSET_SHIFT != VFM_V1_REGION_INDEX)
		return -EINVAL;
	return vfm_v1_mmap(device, vma, offset & (VFM_INDEX_TO_OFFSET(1) - 1));
}

static long get_info(struct vfm_device *device, void __user *arg)
{
	const unsigned long minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info = {};

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS + vfm_is_v1(device);
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static int add_migration_capabilities(const struct vfm_device *device, struct vfio_info_cap *caps)
{
	const struct vfm_v1 *v1 = &device->v1;
	struct vfio_region_info_cap_type type = {
		.header = { .id = VFIO_REGION_INFO_CAP_TYPE, .version = 1 },
		.type = VFIO_REGION_TYPE_MIGRATION_DEPRECATED,
		.subtype = VFIO_REGION_SUBTYPE_MIGRATION_DEPRECATED,
	};
	struct vfio_region_info_cap_sparse_mmap *sparse;
	size_t size = struct_size(sparse, areas, v1->nr_areas);
	int ret;

	ret = vfio_info_add_capability(caps, &type.header, sizeof(type));
	if (ret || !v1->nr_areas)
		return ret;
	sparse = kzalloc(size, GFP_KERNEL);
	if (!sparse)
		return -ENOMEM;
	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	sparse->nr_areas = v1->nr_areas;
	memcpy(sparse->areas, v1->areas, v1->nr_areas * sizeof(v1->areas[0]));
	ret = vfio_info_add_capability(caps, &sparse->header, size);
	kfree(sparse);
	return ret;
}

static long get_region_info(struct vfm_device *device, void __user *arg)
{
	const unsigned long minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_info_cap caps = {};
	struct vfio_region_info info = {};
	int ret = 0;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index >= VFIO_PCI_NUM_REGIONS + vfm_is_v1(device))
		return -EINVAL;
	info.size = region_size(device, info.index);
	info.offset = VFM_INDEX_TO_OFFSET(info.index);
	info.flags = info.size ? VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE : 0;
	info.cap_offset = 0;
	if (info.index == VFM_V1_REGION_INDEX) {
		if (device->v1.nr_areas)
			info.flags |= VFIO_REGION_INFO_FLAG_MMAP;
		ret = add_migration_capabilities(device, &caps);
	}
	if (!ret && caps.size) {
		info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		if (info.argsz < sizeof(info) + caps.size) {
			info.argsz = sizeof(info) + caps.size;
		} else {
			vfio_info_cap_shift(&caps, sizeof(info));
			if (copy_to_user(arg + sizeof(info), caps.buf, caps.size))
				ret = -EFAULT;
			info.cap_offset = sizeof(info);
		}
	}
	kfree(caps.buf);
	if (ret)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long get_irq_info(void __user *arg)
{
	const unsigned long minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info = {};
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	ret = vfm_irqs_describe(&info);
	if (ret)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

/* Somebody wants the device back, and waits for it to be closed. */
static void request(struct vfio_device *vdev, unsigned int count)
{
	vfm_irqs_raise(to_vfm_device(vdev), VFIO_PCI_REQ_IRQ_INDEX, 0);
}

static long reset_by_user(struct vfm_device *device)
{
	int ret;

	/* Cuts a change of state short that is only waiting. */
	atomic_inc(&device->resets_waiting);
	wake_up_all(&device->reset_wait);
	mutex_lock(&device->lock);
	atomic_dec(&device->resets_waiting);
	ret = vfm_faults_check(&device->faults, VFM_OP_RESET, NULL, NULL);
	if (!ret)
		reset(device);
	mutex_unlock(&device->lock);
	return ret;
}

static long ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	struct vfm_device *device = to_vfm_device(vdev);

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return get_info(device, (void __user *)arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return get_region_info(device, (void __user *)arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return get_irq_info((void __user *)arg);
	case VFIO_DEVICE_SET_IRQS:
		return vfm_irqs_set(device, (void __user *)arg);
	case VFIO_DEVICE_RESET:
		return reset_by_user(device);
	}
	return -ENOTTY;
}

const struct vfio_device_ops vfm_device_ops = {
	.name = "vfm_test",
	.init = init,
	.release = release,
	.open_device = open_device,
	.close_device = close_device,
	.read = read,
	.write = write,
	.mmap = mmap,
	.ioctl = ioctl,
	.request = request,
	.dma_unmap = dma_unmap,
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
};
