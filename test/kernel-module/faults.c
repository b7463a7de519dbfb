// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on demand: OPERATION[:ARG]:ERRNO[:nth=N][:count=N][:error]
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "faults.h"

struct vfm_fault {
	struct list_head node;
	enum vfm_operation operation;
	char what[24];	    /* "": whatever it is */
	int error;	    /* positive */
	unsigned int nth;   /* the first matching call that fails, counted from 1 */
	unsigned int count; /* how many fail from there on, 0: all */
	bool to_error;
	unsigned int matched;
	unsigned int fired;
};

static const char *const operation_names[VFM_OP_COUNT] = {
	[VFM_OP_SET_STATE] = "set-state",
	[VFM_OP_GET_STATE] = "get-state",
	[VFM_OP_REGISTER] = "register",
	[VFM_OP_REGISTER_READ] = "register-read",
	[VFM_OP_REGISTER_WRITE] = "register-write",
	[VFM_OP_READ] = "read",
	[VFM_OP_WRITE] = "write",
	[VFM_OP_PRECOPY_INFO] = "precopy-info",
	[VFM_OP_DATA_SIZE] = "data-size",
	[VFM_OP_RESET] = "reset",
};

#define ERROR_NAME(name)    \
	{                   \
#name, name \
	}
static const struct {
	const char *name;
	int value;
} error_names[] = {
	ERROR_NAME(EPERM),     ERROR_NAME(ENOENT),    ERROR_NAME(EINTR),      ERROR_NAME(EIO),
	ERROR_NAME(ENXIO),     ERROR_NAME(E2BIG),     ERROR_NAME(EAGAIN),     ERROR_NAME(ENOMEM),
	ERROR_NAME(EACCES),    ERROR_NAME(EFAULT),    ERROR_NAME(EBUSY),      ERROR_NAME(EEXIST),
	ERROR_NAME(ENODEV),    ERROR_NAME(EINVAL),    ERROR_NAME(EMFILE),     ERROR_NAME(ENOTTY),
	ERROR_NAME(ENOSPC),    ERROR_NAME(ESPIPE),    ERROR_NAME(EPIPE),      ERROR_NAME(ERANGE),
	ERROR_NAME(ENOMSG),    ERROR_NAME(EOVERFLOW), ERROR_NAME(EOPNOTSUPP), ERROR_NAME(ENOTCONN),
	ERROR_NAME(ETIMEDOUT), ERROR_NAME(ECANCELED), ERROR_NAME(EREMOTEIO),  ERROR_NAME(EPROTO),
};

void vfm_faults_init(struct vfm_faults *faults)
{
	mutex_init(&faults->lock);
	INIT_LIST_HEAD(&faults->list);
}

void vfm_faults_clear(struct vfm_faults *faults)
{
	struct vfm_fault *fault, *next;

	mutex_lock(&faults->lock);
	list_for_each_entry_safe(fault, next, &faults->list, node) {
		list_del(&fault->node);
		kfree(fault);
	}
	mutex_unlock(&faults->lock);
}

/* Positive errno of a symbol or a number, 0 for neither. */
static int parse_error(const char *text)
{
	unsigned int number;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(error_names); i++)
		if (!strcmp(text, error_names[i].name))
			return error_names[i].value;
	if (kstrtouint(text, 10, &number) || !number || number >= 4096)
		return 0;
	return number;
}

static int parse(struct vfm_fault *fault, char *text)
{
	char *word = strsep(&text, ":");
	int operation = match_string(operation_names, VFM_OP_COUNT, word);

	if (operation < 0 || !text)
		return -EINVAL;
	fault->operation = operation;
	fault->nth = 1;
	fault->count = 1;

	word = strsep(&text, ":");
	fault->error = parse_error(word);
	if (!fault->error) {
		if (!*word || !text || strscpy(fault->what, word, sizeof(fault->what)) < 0)
			return -EINVAL;
		fault->error = parse_error(strsep(&text, ":"));
		if (!fault->error)
			return -EINVAL;
	}
	while (text) {
		word = strsep(&text, ":");
		if (!strcmp(word, "error") && operation == VFM_OP_SET_STATE) {
			fault->to_error = true;
		} else if (!strncmp(word, "count=", 6)) {
			if (kstrtouint(word + 6, 10, &fault->count))
				return -EINVAL;
		} else if (strncmp(word, "nth=", 4) || kstrtouint(word + 4, 10, &fault->nth) || !fault->nth) {
			return -EINVAL;
		}
	}
	return 0;
}

int vfm_faults_add(struct vfm_faults *faults, const char *line)
{
	struct vfm_fault *fault = kzalloc(sizeof(*fault), GFP_KERNEL);
	char *copy = kstrdup(line, GFP_KERNEL);
	int ret = -ENOMEM;

	if (fault && copy)
		ret = parse(fault, strim(copy));
	kfree(copy);
	if (ret) {
		kfree(fault);
		return ret;
	}
	mutex_lock(&faults->lock);
	list_add_tail(&fault->node, &faults->list);
	mutex_unlock(&faults->lock);
	return 0;
}

ssize_t vfm_faults_show(struct vfm_faults *faults, char *buf)
{
	struct vfm_fault *fault;
	int length = 0;

	mutex_lock(&faults->lock);
	list_for_each_entry(fault, &faults->list, node)
		length += sysfs_emit_at(buf, length, "%s%s%s:%d:nth=%u:count=%u%s matched=%u fired=%u\n",
					operation_names[fault->operation], fault->what[0] ? ":" : "",
					fault->what, fault->error, fault->nth, fault->count,
					fault->to_error ? ":error" : "", fault->matched, fault->fired);
	mutex_unlock(&faults->lock);
	return length;
}

static bool concerns(const struct vfm_fault *fault, enum vfm_operation operation)
{
	if (fault->operation == VFM_OP_REGISTER)
		return operation == VFM_OP_REGISTER_READ || operation == VFM_OP_REGISTER_WRITE;
	return fault->operation == operation;
}

int vfm_faults_check(struct vfm_faults *faults, enum vfm_operation operation, const char *what,
		     bool *to_error)
{
	struct vfm_fault *fault;
	int ret = 0;

	if (list_empty_careful(&faults->list))
		return 0;
	mutex_lock(&faults->lock);
	list_for_each_entry(fault, &faults->list, node) {
		if (!concerns(fault, operation))
			continue;
		if (fault->what[0] && (!what || strcmp(fault->what, what)))
			continue;
		fault->matched++;
		if (ret || fault->matched < fault->nth || (fault->count && fault->fired == fault->count))
			continue;
		fault->fired++;
		ret = -fault->error;
		if (to_error)
			*to_error = fault->to_error;
	}
	mutex_unlock(&faults->lock);
	return ret;
}
