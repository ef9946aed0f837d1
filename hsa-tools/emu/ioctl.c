// SPDX-License-Identifier: MIT
/*
 * What the KFD and DRM ioctls do, with the checks and errors of kfd_chardev.c and amdgpu_kms.c
 * (Linux 6.1). Runs on the service thread, on a copy of the argument; what it points to is the
 * caller's memory and goes through user_read and user_write.
 */
#include "emu.h"

#include <errno.h>
#include <linux/kfd_ioctl.h>
#include <drm/amdgpu_drm.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct gpu *gpu_of(uint32_t id)
{
	for (uint32_t i = 0; i < emu->num_gpus; i++)
		if (emu->gpus[i].id == id)
			return &emu->gpus[i];
	return NULL;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int64_t get_version(void *arg)
{
	struct kfd_ioctl_get_version_args *a = arg;

	a->major_version = 1;
	a->minor_version = emu->config.kfd_minor;
	return 0;
}

static int64_t get_apertures(void *arg)
{
	struct kfd_ioctl_get_process_apertures_new_args *a = arg;
	struct kfd_process_device_apertures out = {
		.lds_base = CAPS_LDS_BASE,
		.lds_limit = CAPS_LDS_BASE + CAPS_APERTURE_BYTES - 1,
		.scratch_base = CAPS_SCRATCH_BASE,
		.scratch_limit = CAPS_SCRATCH_BASE + CAPS_APERTURE_BYTES - 1,
		/* kfd_flat_memory.c: SVM_USER_BASE to the end of the lower canonical half */
		.gpuvm_base = 0x4000,
		.gpuvm_limit = CAPS_GPUVM_END - 1,
	};
	uint32_t n = a->num_of_nodes < emu->num_gpus ? a->num_of_nodes : emu->num_gpus;

	if (a->num_of_nodes && !a->kfd_process_device_apertures_ptr)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		out.gpu_id = emu->gpus[i].id;
		if (!user_write(a->kfd_process_device_apertures_ptr + i * sizeof(out), &out,
				sizeof(out)))
			return -EFAULT;
	}
	a->num_of_nodes = a->num_of_nodes ? n : emu->num_gpus;
	return 0;
}

static int64_t acquire_vm(void *arg)
{
	struct kfd_ioctl_acquire_vm_args *a = arg;
	const struct gpu *gpu = gpu_of(a->gpu_id);
	struct stat st, mine;

	if (!gpu || emu_real_fstat((int)a->drm_fd, &st) || emu_real_fstat(gpu->render_file, &mine) ||
	    st.st_ino != mine.st_ino ||
	    st.st_dev != mine.st_dev)
		return -EINVAL;
	return 0;
}

static int64_t create_event(void *arg)
{
	struct kfd_ioctl_create_event_args *a = arg;
	uint32_t id;
	int64_t ret;

	ret = event_create(a->event_type, a->auto_reset, &id);
	if (ret)
		return ret;
	a->event_id = id;
	a->event_trigger_data = id;
	if (a->event_type == KFD_IOC_EVENT_SIGNAL || a->event_type == KFD_IOC_EVENT_DEBUG_EVENT) {
		a->event_page_offset = 2ull << 62; /* KFD_MMAP_TYPE_EVENTS */
		a->event_slot_index = id;
	}
	return 0;
}

static int64_t wait_events(uint64_t call, pid_t tid, uint32_t cmd, void *arg, uint64_t user)
{
	struct kfd_ioctl_wait_events_args *a = arg;
	struct kfd_event_wait w = {
		.call = call,
		.tid = tid,
		.events_ptr = a->events_ptr,
		.num_events = a->num_events,
		.all = a->wait_for_all,
		.timeout_ms = a->timeout,
		.cmd = cmd,
		.user = user,
	};

	memcpy(w.arg, arg, sizeof(w.arg));
	return event_wait(&w, &a->wait_result);
}

/* 1.17: kfd_ioctl_create_queue_args grew sdma_engine_id, behind ctl_stack_size. */
static bool bad_engine(const struct gpu *gpu, const uint8_t *arg)
{
	const struct kfd_ioctl_create_queue_args *a = (const void *)arg;
	uint32_t engine;

	if (a->queue_type != KFD_QUEUE_SDMA_BY_ENG_ID)
		return false;
	memcpy(&engine, arg + 88, sizeof(engine));
	return emu->config.kfd_minor < EMU_KFD_SDMA_BY_ENGINE ||
	       engine >= gpu->card->sdma_engines;
}

static int64_t create_queue(void *arg)
{
	struct kfd_ioctl_create_queue_args *a = arg;
	const struct kfd_queue_args q = {
		.gpu = gpu_of(a->gpu_id),
		.type = a->queue_type,
		.percentage = a->queue_percentage,
		.priority = a->queue_priority,
		.ring = a->ring_base_address,
		.ring_bytes = a->ring_size,
		.rptr_va = a->read_pointer_address,
		.wptr_va = a->write_pointer_address,
		.cwsr = a->ctx_save_restore_address,
		.cwsr_bytes = a->ctx_save_restore_size,
	};
	uint64_t doorbell;
	uint32_t id;
	int64_t ret;

	if (!q.gpu || bad_engine(q.gpu, arg))
		return -EINVAL;
	ret = queue_create(&q, &id, &doorbell);
	if (ret)
		return ret;
	a->queue_id = id;
	a->doorbell_offset = doorbell;
	return 0;
}

static int64_t update_queue(void *arg)
{
	const struct kfd_ioctl_update_queue_args *a = arg;

	return queue_update(a->queue_id, a->ring_base_address, a->ring_size, a->queue_percentage);
}

static int64_t alloc_memory(void *arg)
{
	struct kfd_ioctl_alloc_memory_of_gpu_args *a = arg;
	uint64_t offset = a->mmap_offset, handle;
	struct gpu *gpu = gpu_of(a->gpu_id);
	int64_t ret;

	if (!gpu)
		return -EINVAL;
	ret = memory_alloc(gpu, &handle, a->va_addr, a->size, &offset, a->flags);
	if (ret)
		return ret;
	a->handle = handle;
	a->mmap_offset = offset;
	return 0;
}

/* MAP and UNMAP: the device list is checked as the driver does. */
static int64_t map_memory(void *arg, int64_t (*act)(uint64_t handle, struct gpu *gpu))
{
	struct kfd_ioctl_map_memory_to_gpu_args *a = arg;

	if (!a->n_devices || a->n_success > a->n_devices || !memory_find(a->handle))
		return -EINVAL;
	for (uint32_t i = a->n_success; i < a->n_devices; i++) {
		struct gpu *gpu;
		uint32_t id;
		int64_t ret;

		if (!user_read(&id, a->device_ids_array_ptr + 4ull * i, sizeof(id)))
			return -EFAULT;
		gpu = gpu_of(id);
		if (!gpu)
			return -EINVAL;
		ret = act(a->handle, gpu);
		if (ret)
			return ret;
		a->n_success = i + 1;
	}
	return 0;
}

static int64_t get_clocks(void *arg)
{
	struct kfd_ioctl_get_clock_counters_args *a = arg;

	if (gpu_of(a->gpu_id))
		a->gpu_clock_counter = device_clock();
	else
		a->gpu_clock_counter = 0; /* the CPU node: no device, no counter */
	a->cpu_clock_counter = clock_ns(CLOCK_MONOTONIC_RAW);
	a->system_clock_counter = clock_ns(CLOCK_BOOTTIME);
	a->system_clock_freq = 1000000000;
	return 0;
}

/* gfx10 has no tiling modes to report; the counts come back as given, the tables zeroed. */
static int64_t get_tile_config(void *arg)
{
	struct kfd_ioctl_get_tile_config_args *a = arg;
	const uint32_t zero[32] = {0};

	if (!gpu_of(a->gpu_id))
		return -EINVAL;
	if (a->num_tile_configs > 32)
		a->num_tile_configs = 32;
	if (a->num_macro_tile_configs > 16)
		a->num_macro_tile_configs = 16;
	if (!user_write(a->tile_config_ptr, zero, a->num_tile_configs * 4) ||
	    !user_write(a->macro_tile_config_ptr, zero, a->num_macro_tile_configs * 4))
		return -EFAULT;
	a->gb_addr_config = 0x44; /* Navi 10 golden value (gfx_v10_0.c GB_ADDR_CONFIG) low bits */
	a->num_banks = 0;
	a->num_ranks = 0;
	return 0;
}

static bool gpu_id_at(const void *arg, size_t offset)
{
	uint32_t id;

	memcpy(&id, (const uint8_t *)arg + offset, 4);
	return gpu_of(id);
}

static int64_t set_memory_policy(const struct kfd_ioctl_set_memory_policy_args *a)
{
	if (a->default_policy > KFD_IOC_CACHE_POLICY_NONCOHERENT ||
	    a->alternate_policy > KFD_IOC_CACHE_POLICY_NONCOHERENT || !gpu_of(a->gpu_id))
		return -EINVAL;
	return 0;
}

/* Every wave runs on the same host CPUs, whatever the mask. */
static int64_t set_cu_mask(const struct kfd_ioctl_set_cu_mask_args *a)
{
	if (!a->num_cu_mask || a->num_cu_mask % 32)
		return -EINVAL;
	return queue_exists(a->queue_id) ? 0 : -EFAULT;
}

/* ---- what interface versions after 1.8 brought; structs of <linux/kfd_ioctl.h> 1.23 ---- */

struct kfd_available_memory_args {
	uint64_t available;
	uint32_t gpu_id;
};

/* amdgpu_amdkfd_get_available_memory: what the heap has left, in whole 2 MiB. */
static int64_t available_memory(void *arg)
{
	struct kfd_available_memory_args *a = arg;
	const struct gpu *gpu = gpu_of(a->gpu_id);

	if (!gpu)
		return -EINVAL;
	a->available = (uint64_t)rpc_vram(gpu, EMU_VRAM_FREE_BYTES, 0) & ~((2ull << 20) - 1);
	return 0;
}

struct kfd_runtime_enable_args {
	uint64_t r_debug;
	uint32_t mode_mask; /* bit 0: enable */
	uint32_t capabilities_mask;
};

/* From here to the runtime's end, queue errors go by the context save area (queue_fault). */
static int64_t runtime_enable(const struct kfd_runtime_enable_args *a)
{
	bool enable = a->mode_mask & 1;

	if (enable && emu->runtime_enabled)
		return -EBUSY;
	if (enable && __atomic_load_n(&emu->queues, __ATOMIC_ACQUIRE))
		return -EEXIST;
	__atomic_store_n(&emu->runtime_enabled, enable, __ATOMIC_RELEASE);
	return 0;
}

struct kfd_dbg_trap_args {
	uint32_t pid, op;
};

/*
 * No debugger attaches (a choice): to itself the answer is what the driver gives without its
 * hardware scheduler, to another process what it gives one that does not trace it.
 */
static int64_t dbg_trap(const struct kfd_dbg_trap_args *a)
{
	if ((pid_t)a->pid == emu->pid)
		return -EINVAL;
	if ((pid_t)a->pid <= 0)
		return -ESRCH;
	return kill((pid_t)a->pid, 0) && errno == ESRCH ? -ESRCH : -EPERM;
}

/* The interface version that brought a command, for those after 1.8. */
static const uint8_t since[] = {
	[0x23] = 9,  /* AVAILABLE_MEMORY */
	[0x24] = 12, /* EXPORT_DMABUF */
	[0x25] = 13, /* RUNTIME_ENABLE */
	[0x26] = 13, /* DBG_TRAP */
};

int64_t kfd_ioctl(uint64_t call, pid_t tid, uint32_t cmd, void *arg, uint64_t user)
{
	if ((cmd & 0xff) < sizeof(since) && since[cmd & 0xff] > emu->config.kfd_minor)
		return -ENOTTY;
	/* kfd_ioctl() goes by the number; a smaller or larger struct than its own is accepted. */
	switch (cmd & 0xff) {
	case 0x01:
		return get_version(arg);
	case 0x02:
		return create_queue(arg);
	case 0x03:
		return queue_destroy(((struct kfd_ioctl_destroy_queue_args *)arg)->queue_id);
	case 0x04:
		return set_memory_policy(arg);
	case 0x05:
		return get_clocks(arg);
	case 0x07:
		return update_queue(arg);
	case 0x08:
		return create_event(arg);
	case 0x09:
		return event_destroy(((struct kfd_ioctl_destroy_event_args *)arg)->event_id);
	case 0x0a:
		return event_set(((struct kfd_ioctl_set_event_args *)arg)->event_id, true);
	case 0x0b:
		return event_set(((struct kfd_ioctl_reset_event_args *)arg)->event_id, false);
	case 0x0c:
		return wait_events(call, tid, cmd, arg, user);
	case 0x11:
		return gpu_id_at(arg,
				 offsetof(struct kfd_ioctl_set_scratch_backing_va_args, gpu_id))
			       ? 0
			       : -EINVAL;
	case 0x12:
		return get_tile_config(arg);
	case 0x13:
		return gpu_id_at(arg, offsetof(struct kfd_ioctl_set_trap_handler_args, gpu_id))
			       ? 0
			       : -EINVAL;
	case 0x14:
		return get_apertures(arg);
	case 0x15:
		return acquire_vm(arg);
	case 0x16:
		return alloc_memory(arg);
	case 0x17:
		return memory_free(((struct kfd_ioctl_free_memory_of_gpu_args *)arg)->handle);
	case 0x18:
		return map_memory(arg, memory_map);
	case 0x19:
		return map_memory(arg, memory_unmap);
	case 0x1a:
		return set_cu_mask(arg);
	case 0x1c:
		return share_dmabuf_info(arg);
	case 0x1d:
		return share_import_dmabuf(arg);
	case 0x1e: /* ALLOC_QUEUE_GWS: gfx10.1 has none (kfd_gws_init) */
		return -ENODEV;
	case 0x20:
		return svm_ioctl(arg, cmd >> 16 & 0x3fff);
	case 0x21: /* SET_XNACK_MODE: gfx10.1 has XNACK off; a query answers 0 */
		if (*(int32_t *)arg > 0)
			return -EPERM;
		*(int32_t *)arg = 0;
		return 0;
	case 0x23:
		return available_memory(arg);
	case 0x24:
		return share_export_dmabuf(arg);
	case 0x25:
		return runtime_enable(arg);
	case 0x26:
		return dbg_trap(arg);
	case 0x80: /* IPC_IMPORT_HANDLE: not in Linux */
		return emu->config.ipc ? share_ipc_import(arg) : -ENOTTY;
	case 0x81: /* IPC_EXPORT_HANDLE */
		return emu->config.ipc ? share_ipc_export(arg) : -ENOTTY;
	default:
		return -ENOTTY;
	}
}

/* ---- DRM: what libdrm_amdgpu asks to tell the card's name ---- */

static bool put_string(char *to, __kernel_size_t *len, const char *s)
{
	size_t n = strlen(s), room = *len < n ? *len : n;

	*len = n;
	return !to || user_write((uint64_t)(uintptr_t)to, s, room);
}

static int64_t put_info(const struct drm_amdgpu_info *a, const void *data, size_t len)
{
	if (!user_write(a->return_pointer, data, len < a->return_size ? len : a->return_size))
		return -EFAULT;
	return 0;
}

static int64_t device_info(const struct caps_card *c, const struct drm_amdgpu_info *a)
{
	const struct drm_amdgpu_info_device info = {
		.device_id = c->device_id,
		.chip_rev = 1,
		.external_rev = 1,
		.pci_rev = c->pci_rev,
		.family = c->family_id,
		.num_shader_engines = c->shader_engines,
		.num_shader_arrays_per_engine = c->shader_arrays_per_engine,
		.gpu_counter_freq = 100000, /* kHz */
		.max_engine_clock = (uint64_t)c->max_clock_mhz * 1000,
		.max_memory_clock = 875000,
		.cu_active_number = c->compute_units,
	};

	return put_info(a, &info, sizeof(info));
}

/* IP blocks of a type (amdgpu_info_ioctl): Navi has GFX, compute, SDMA and VCN with JPEG; no UVD, VCE. */
static int64_t hw_ip_count(const struct drm_amdgpu_info *a)
{
	static const uint32_t count[] = {
		[AMDGPU_HW_IP_GFX] = 1,	    [AMDGPU_HW_IP_COMPUTE] = 1, [AMDGPU_HW_IP_DMA] = 1,
		[AMDGPU_HW_IP_VCN_DEC] = 1, [AMDGPU_HW_IP_VCN_ENC] = 1, [AMDGPU_HW_IP_VCN_JPEG] = 1,
	};

	if (a->query_hw_ip.type >= sizeof(count) / sizeof(count[0]))
		return -EINVAL;
	return put_info(a, &count[a->query_hw_ip.type], sizeof(count[0]));
}

/* amdgpu_hw_ip_info of what ROCm asks for: gfx_v10_0's block version, alignments and rings. */
static int64_t hw_ip_info(const struct drm_amdgpu_info *a)
{
	struct drm_amdgpu_info_hw_ip ip = {
		.hw_ip_version_major = 10,
		.ib_start_alignment = 32,
		.ib_size_alignment = 32,
	};

	switch (a->query_hw_ip.type) {
	case AMDGPU_HW_IP_GFX:
		ip.available_rings = 1;
		break;
	case AMDGPU_HW_IP_COMPUTE:
		ip.available_rings = 0xff;
		break;
	default:
		return -EINVAL;
	}
	if (a->query_hw_ip.ip_instance)
		return -EINVAL;
	return put_info(a, &ip, sizeof(ip));
}

int64_t drm_ioctl(struct gpu *gpu, uint32_t cmd, void *arg)
{
	uint32_t zero[64] = {0}, one = 1;
	struct drm_version *v = arg;
	const struct drm_amdgpu_info *a = arg;

	switch (cmd & 0xff) {
	case 0x00: /* DRM_IOCTL_VERSION */
		v->version_major = 3;
		v->version_minor = 49;
		v->version_patchlevel = 0;
		if (!put_string(v->name, &v->name_len, "amdgpu") ||
		    !put_string(v->date, &v->date_len, "20150101") ||
		    !put_string(v->desc, &v->desc_len, "AMD GPU (emulated by rdna1-trace)"))
			return -EFAULT;
		return 0;
	case 0x09: /* DRM_IOCTL_GEM_CLOSE */
		return share_gem_close(arg);
	case 0x2d: /* DRM_IOCTL_PRIME_HANDLE_TO_FD */
		return share_prime_export(arg);
	case 0x2e: /* DRM_IOCTL_PRIME_FD_TO_HANDLE */
		return share_prime_import(arg);
	case 0x40: /* DRM_IOCTL_AMDGPU_GEM_CREATE */
		return share_gem_create(gpu, arg);
	case 0x41: /* DRM_IOCTL_AMDGPU_GEM_MMAP */
		return share_gem_mmap(arg);
	case 0x48: /* DRM_IOCTL_AMDGPU_GEM_VA */
		return share_gem_va(gpu, arg);
	case 0x45: /* DRM_IOCTL_AMDGPU_INFO */
		switch (a->query) {
		case AMDGPU_INFO_ACCEL_WORKING:
			return put_info(a, &one, sizeof(one));
		case AMDGPU_INFO_HW_IP_INFO:
			return hw_ip_info(a);
		case AMDGPU_INFO_HW_IP_COUNT:
			return hw_ip_count(a);
		case AMDGPU_INFO_READ_MMR_REG:
			return put_info(a, zero, sizeof(zero));
		case AMDGPU_INFO_DEV_INFO:
			return device_info(gpu->card, a);
		default:
			return -EINVAL;
		}
	default:
		return -EINVAL;
	}
}
