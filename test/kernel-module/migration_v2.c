// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration protocol v2: the states, and the descriptors that go with them
 * (include/uapi/linux/vfio.h, "VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE").
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/slab.h>

#include "migration_v2.h"

static const char *const state_names[] = {
	[VFIO_DEVICE_STATE_ERROR] = "error",	   [VFIO_DEVICE_STATE_STOP] = "stop",
	[VFIO_DEVICE_STATE_RUNNING] = "running",   [VFIO_DEVICE_STATE_STOP_COPY] = "stop-copy",
	[VFIO_DEVICE_STATE_RESUMING] = "resuming", [VFIO_DEVICE_STATE_RUNNING_P2P] = "running-p2p",
	[VFIO_DEVICE_STATE_PRE_COPY] = "pre-copy", [VFIO_DEVICE_STATE_PRE_COPY_P2P] = "pre-copy-p2p",
};

const char *vfm_v2_state_name(u32 state)
{
	return state < ARRAY_SIZE(state_names) ? state_names[state] : "unknown";
}

static bool is_saving(u32 state)
{
	return state == VFIO_DEVICE_STATE_PRE_COPY || state == VFIO_DEVICE_STATE_PRE_COPY_P2P ||
	       state == VFIO_DEVICE_STATE_STOP_COPY;
}

int vfm_session_release(struct inode *inode, struct file *file)
{
	struct vfm_session *session = file->private_data;
	struct vfm_device *device = session->device;

	kfree(session);
	vfio_put_device(&device->vdev);
	return 0;
}

struct file *vfm_session_open(struct vfm_device *device, const struct file_operations *ops, int flags)
{
	struct vfm_session *session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	struct file *file;

	if (!session)
		return ERR_PTR(-ENOMEM);
	file = anon_inode_getfile("[vfm_test-mig]", ops, session, flags);
	if (IS_ERR(file)) {
		kfree(session);
		return file;
	}
	/* No position: pread, pwrite and lseek answer ESPIPE. */
	stream_open(file_inode(file), file);
	get_device(&device->vdev.device);
	session->device = device;
	session->file = file;
	device->session = session;
	/* One reference for the device, one for the descriptor that the core makes. */
	get_file(file);
	return file;
}

void vfm_session_end(struct vfm_device *device)
{
	struct vfm_session *session = device->session;

	if (!session)
		return;
	device->session = NULL;
	session->ended = true;
	vfm_memory_untrack(&device->memory);
	/* If it was the last reference, the session goes once this task is out of the kernel. */
	fput(session->file);
}

void vfm_v2_enter_error(struct vfm_device *device)
{
	vfm_session_end(device);
	device->state = VFIO_DEVICE_STATE_ERROR;
}

static struct file *step(struct vfm_device *device, u32 next)
{
	u32 now = device->state;
	bool to_error = false;
	int ret = vfm_faults_check(&device->faults, VFM_OP_SET_STATE, vfm_v2_state_name(next), &to_error);

	if (ret) {
		if (to_error)
			vfm_v2_enter_error(device);
		return ERR_PTR(ret);
	}
	if (now == VFIO_DEVICE_STATE_RESUMING) {
		ret = vfm_load_commit(device);
		if (ret)
			return ERR_PTR(ret);
	}
	if (device->session && !(is_saving(now) && is_saving(next)))
		vfm_session_end(device);
	/*
	 * Within the saving states no descriptor is ever handed out, not even to who came too late for
	 * the first: opened again in one of them (reset_on_open off), the device has no session.
	 */
	if (is_saving(next) && !is_saving(now))
		return vfm_save_begin(device);
	if (next == VFIO_DEVICE_STATE_RESUMING)
		return vfm_load_begin(device);
	return NULL;
}

static struct file *set_state(struct vfio_device *vdev, enum vfio_device_mig_state wanted)
{
	struct vfm_device *device = to_vfm_device(vdev);
	struct file *file = NULL;

	mutex_lock(&device->lock);
	if (device->state != wanted)
		vfm_delay(device);
	while (device->state != wanted) {
		enum vfio_device_mig_state next;
		bool was_running = vfm_is_running(device);
		/* The core warns about a driver that asks it for a way out of ERROR. */
		int ret = device->state == VFIO_DEVICE_STATE_ERROR
				  ? -EINVAL
				  : vfio_mig_get_next_state(vdev, device->state, wanted, &next);

		if (ret) {
			file = ERR_PTR(ret);
			break;
		}
		vfm_workload_catch_up(device);
		file = step(device, next);
		if (!IS_ERR(file))
			device->state = next;
		vfm_state_changed(device, was_running);
		if (IS_ERR(file))
			break;
		if (WARN_ON(file && next != wanted)) {
			fput(file);
			file = ERR_PTR(-EINVAL);
			break;
		}
	}
	mutex_unlock(&device->lock);
	return file;
}

static int get_state(struct vfio_device *vdev, enum vfio_device_mig_state *state)
{
	struct vfm_device *device = to_vfm_device(vdev);
	int ret;

	mutex_lock(&device->lock);
	ret = vfm_faults_check(&device->faults, VFM_OP_GET_STATE, NULL, NULL);
	*state = device->state;
	mutex_unlock(&device->lock);
	return ret;
}

static int get_data_size(struct vfio_device *vdev, unsigned long *length)
{
	struct vfm_device *device = to_vfm_device(vdev);
	int ret;

	mutex_lock(&device->lock);
	vfm_workload_catch_up(device);
	ret = vfm_faults_check(&device->faults, VFM_OP_DATA_SIZE, NULL, NULL);
	*length = vfm_save_remaining(device);
	mutex_unlock(&device->lock);
	return ret;
}

const struct vfio_migration_ops vfm_migration_ops = {
	.migration_set_state = set_state,
	.migration_get_state = get_state,
	.migration_get_data_size = get_data_size,
};

void vfm_v2_reset(struct vfm_device *device)
{
	vfm_session_end(device);
	device->state = VFIO_DEVICE_STATE_RUNNING;
}
