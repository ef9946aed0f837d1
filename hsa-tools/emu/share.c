// SPDX-License-Identifier: MIT
/*
 * Memory that more than one process, or more than one API, has: dma-bufs, the GEM objects of the render node
 * that they are made of, and the handles by which AMD's own driver package shares KFD buffers. Service thread
 * only. VRAM and GTT are ranges of a file that every process maps, so whoever knows the range has the memory;
 * the broker counts who holds it.
 */
#include "emu.h"

#include <drm/amdgpu_drm.h>
#include <drm/drm.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kfd_ioctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARE_MAGIC 0x616e6472u
#define PAGES(x) (((x) + 4095) & ~4095ull)

/* What stands at the beginning of a dma-buf, which here is a file in memory, as long as what it names. */
struct share {
	uint32_t magic, card;
	uint64_t offset, bytes;
	uint32_t flags; /* KFD_IOC_ALLOC_MEM_FLAGS_VRAM or GTT, and PUBLIC */
	uint32_t pad;
};

struct gem {
	uint32_t handle;
	struct share share;
	struct gem *next;
};

static struct gem *gems;
static uint32_t next_gem;

/* After fork, in the child: the descriptors are shared, the objects are the parent's. */
void share_reset(void)
{
	gems = NULL;
}

/* Make the range of s this process's, too: until it is freed, or the process has ended. */
static int64_t hold(const struct share *s)
{
	int64_t bytes;

	if (s->magic != SHARE_MAGIC || s->card >= emu->num_gpus)
		return -EINVAL;
	bytes = rpc_vram(&emu->gpus[s->card], EMU_HOLD, s->offset);
	return bytes < 0 ? bytes : 0;
}

static struct share share_of(const struct bo *b)
{
	return (struct share){.magic = SHARE_MAGIC,
			      .card = b->gpu->index,
			      .offset = b->offset,
			      .bytes = b->size,
			      .flags = b->flags & (KFD_IOC_ALLOC_MEM_FLAGS_VRAM | KFD_IOC_ALLOC_MEM_FLAGS_GTT |
						   KFD_IOC_ALLOC_MEM_FLAGS_PUBLIC)};
}

/* ---- dma-bufs ---- */

/*
 * A descriptor of the calling process, since this is one of its threads. It holds the memory until the process
 * ends: nobody tells when the last copy of a descriptor is closed.
 */
static int64_t export_fd(const struct share *s, bool cloexec)
{
	int64_t err = hold(s);
	int fd;

	if (err)
		return err;
	fd = memfd_create("dmabuf", cloexec ? MFD_CLOEXEC : 0);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)s->bytes) || pwrite(fd, s, sizeof(*s), 0) != (ssize_t)sizeof(*s)) {
		close(fd);
		return -ENOMEM;
	}
	return fd;
}

/* dma_buf_get: -EBADF for what is no descriptor, -EINVAL for what is no dma-buf of this driver's. */
static int64_t read_fd(uint32_t fd, struct share *s)
{
	struct stat st;

	if (emu_real_fstat((int)fd, &st))
		return -EBADF;
	if (!S_ISREG(st.st_mode) || pread((int)fd, s, sizeof(*s), 0) != (ssize_t)sizeof(*s) ||
	    s->magic != SHARE_MAGIC || s->card >= emu->num_gpus || st.st_size != (off_t)s->bytes)
		return -EINVAL;
	return 0;
}

/* kfd_ioctl_get_dmabuf_info; no buffer here has the metadata that graphics drivers leave in one. */
int64_t share_dmabuf_info(void *arg)
{
	struct kfd_ioctl_get_dmabuf_info_args *a = arg;
	struct share s;
	int64_t err = read_fd(a->dmabuf_fd, &s);

	if (err)
		return err;
	a->size = s.bytes;
	a->metadata_size = 0;
	a->gpu_id = emu->gpus[s.card].id;
	a->flags = s.flags;
	return 0;
}

/* amdgpu_amdkfd_gpuvm_import_dmabuf: only on the card that has it; writable, executable, not coherent. */
static int64_t import(const struct share *s, struct gpu *gpu, uint64_t va, uint64_t *handle)
{
	uint32_t kind = s->flags & (KFD_IOC_ALLOC_MEM_FLAGS_VRAM | KFD_IOC_ALLOC_MEM_FLAGS_GTT);
	int64_t err;

	if (!gpu || gpu->index != s->card)
		return -EINVAL;
	err = hold(s);
	if (err)
		return err;
	err = memory_import(gpu, handle, va, s->bytes, s->offset,
			    kind | 1u << 31 | KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE);
	if (err)
		rpc_vram(gpu, EMU_VRAM_FREE, s->offset);
	return err;
}

int64_t share_import_dmabuf(void *arg)
{
	struct kfd_ioctl_import_dmabuf_args *a = arg;
	struct share s;
	uint64_t handle = 0;
	int64_t err = read_fd(a->dmabuf_fd, &s);

	if (!err)
		err = import(&s, gpu_of(a->gpu_id), a->va_addr, &handle);
	if (!err)
		a->handle = handle;
	return err;
}

/* A buffer that drm_gem_prime_export can give away: memory of the application's it cannot (-EPERM). */
static int64_t find_shareable(uint64_t handle, struct share *s)
{
	const struct bo *b = memory_find(handle);

	if (!b)
		return -EINVAL;
	if (b->kind != BO_VRAM && b->kind != BO_GTT)
		return -EPERM;
	*s = share_of(b);
	return 0;
}

struct kfd_export_dmabuf_args { /* since 1.12 */
	uint64_t handle;
	uint32_t flags, dmabuf_fd;
};

int64_t share_export_dmabuf(void *arg)
{
	struct kfd_export_dmabuf_args *a = arg;
	struct share s;
	int64_t fd = find_shareable(a->handle, &s);

	if (!fd)
		fd = export_fd(&s, a->flags & O_CLOEXEC);
	if (fd < 0)
		return fd;
	a->dmabuf_fd = (uint32_t)fd;
	return 0;
}

/* ---- AMD's own driver package: KFD buffers by handles that mean the same in every process ---- */

struct kfd_ipc_export_args {
	uint64_t handle;
	uint32_t share_handle[4];
	uint32_t gpu_id;
	uint32_t flags; /* the thunk's, for whoever imports */
};

struct kfd_ipc_import_args {
	uint64_t handle, va_addr, mmap_offset;
	uint32_t share_handle[4];
	uint32_t gpu_id, flags;
};

/* A handle: magic and card, pages, the thunk's flags and ours. The driver's are 128 random bits. */
int64_t share_ipc_export(void *arg)
{
	struct kfd_ipc_export_args *a = arg;
	struct share s;
	int64_t err = find_shareable(a->handle, &s);

	if (err)
		return err;
	a->share_handle[0] = SHARE_MAGIC ^ s.card;
	a->share_handle[1] = (uint32_t)(s.offset >> 12);
	a->share_handle[2] = a->flags;
	a->share_handle[3] = s.flags;
	return 0;
}

int64_t share_ipc_import(void *arg)
{
	struct kfd_ipc_import_args *a = arg;
	struct share s = {.magic = SHARE_MAGIC,
			  .card = a->share_handle[0] ^ SHARE_MAGIC,
			  .offset = (uint64_t)a->share_handle[1] << 12,
			  .flags = a->share_handle[3]};
	uint64_t handle = 0;
	int64_t bytes;

	if (s.card >= emu->num_gpus)
		return -EINVAL;
	bytes = rpc_vram(&emu->gpus[s.card], EMU_HELD_BYTES, s.offset);
	if (bytes < 0)
		return bytes;
	s.bytes = (uint64_t)bytes;
	bytes = import(&s, gpu_of(a->gpu_id), a->va_addr, &handle);
	if (bytes)
		return bytes;
	a->handle = handle;
	a->mmap_offset = s.offset;
	a->flags = a->share_handle[2];
	return 0;
}

/* ---- GEM objects: what a graphics API allocates and exports (amdgpu_gem.c, drm_prime.c) ---- */

static struct gem *find_gem(uint32_t handle)
{
	for (struct gem *g = gems; g; g = g->next)
		if (g->handle == handle)
			return g;
	return NULL;
}

static void add_gem(struct gem *g, const struct share *s)
{
	g->handle = ++next_gem;
	g->share = *s;
	g->next = gems;
	gems = g;
}

int64_t share_gem_create(struct gpu *gpu, void *arg)
{
	union drm_amdgpu_gem_create *a = arg;
	const bool vram = a->in.domains & AMDGPU_GEM_DOMAIN_VRAM;
	struct share s = {.magic = SHARE_MAGIC,
			  .card = gpu->index,
			  .bytes = PAGES(a->in.bo_size),
			  .flags = vram ? KFD_IOC_ALLOC_MEM_FLAGS_VRAM : KFD_IOC_ALLOC_MEM_FLAGS_GTT};
	struct gem *g;
	int64_t offset;

	if (!(a->in.domains & (AMDGPU_GEM_DOMAIN_VRAM | AMDGPU_GEM_DOMAIN_GTT)) || !a->in.bo_size)
		return -EINVAL;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	offset = rpc_vram(gpu, vram ? EMU_VRAM_ALLOC : EMU_GTT_ALLOC, s.bytes);
	if (offset < 0) {
		free(g);
		return offset;
	}
	s.offset = (uint64_t)offset;
	if (a->in.domain_flags & AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED)
		s.flags |= KFD_IOC_ALLOC_MEM_FLAGS_PUBLIC;
	add_gem(g, &s);
	memset(a, 0, sizeof(*a));
	a->out.handle = g->handle;
	return 0;
}

int64_t share_gem_close(void *arg)
{
	const struct drm_gem_close *a = arg;

	for (struct gem **p = &gems; *p; p = &(*p)->next) {
		struct gem *g = *p;

		if (g->handle != a->handle)
			continue;
		rpc_vram(&emu->gpus[g->share.card], EMU_VRAM_FREE, g->share.offset);
		*p = g->next;
		free(g);
		return 0;
	}
	return -EINVAL;
}

int64_t share_prime_export(void *arg)
{
	struct drm_prime_handle *a = arg;
	const struct gem *g = find_gem(a->handle);
	int64_t fd;

	if (a->flags & ~(DRM_CLOEXEC | DRM_RDWR))
		return -EINVAL;
	if (!g)
		return -ENOENT;
	fd = export_fd(&g->share, a->flags & DRM_CLOEXEC);
	if (fd < 0)
		return fd;
	a->fd = (int)fd;
	return 0;
}

int64_t share_prime_import(void *arg)
{
	struct drm_prime_handle *a = arg;
	struct share s;
	struct gem *g;
	int64_t err = read_fd((uint32_t)a->fd, &s);

	if (!err)
		err = hold(&s);
	if (err)
		return err;
	g = calloc(1, sizeof(*g));
	if (!g) {
		rpc_vram(&emu->gpus[s.card], EMU_VRAM_FREE, s.offset);
		return -ENOMEM;
	}
	add_gem(g, &s);
	a->handle = g->handle;
	return 0;
}

/* Where the object is in the render node. */
int64_t share_gem_mmap(void *arg)
{
	union drm_amdgpu_gem_mmap *a = arg;
	const struct gem *g = find_gem(a->in.handle);

	if (!g)
		return -ENOENT;
	a->out.addr_ptr = g->share.offset;
	return 0;
}

static int64_t map_gem(const struct gem *g, struct gpu *gpu, const struct drm_amdgpu_gem_va *a)
{
	const uint32_t flags = (g->share.flags & ~KFD_IOC_ALLOC_MEM_FLAGS_PUBLIC) |
			       (a->flags & AMDGPU_VM_PAGE_WRITEABLE ? 1u << 31 : 0) |
			       (a->flags & AMDGPU_VM_PAGE_EXECUTABLE ? KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE : 0);
	uint64_t handle;
	int64_t err;

	if (gpu->index != g->share.card || a->offset_in_bo > g->share.bytes ||
	    a->map_size > g->share.bytes - a->offset_in_bo)
		return -EINVAL;
	err = hold(&g->share);
	if (err)
		return err;
	err = memory_import(gpu, &handle, a->va_address, a->map_size, g->share.offset + a->offset_in_bo, flags);
	if (err) {
		rpc_vram(gpu, EMU_VRAM_FREE, g->share.offset);
		return err;
	}
	memory_find(handle)->extent = g->share.offset;
	memory_find(handle)->gem = g->handle;
	err = memory_map(handle, gpu);
	if (err)
		memory_free(handle);
	return err;
}

/* amdgpu_gem_va_ioctl: map at an address, and take that away again. */
int64_t share_gem_va(struct gpu *gpu, void *arg)
{
	const struct drm_amdgpu_gem_va *a = arg;
	const struct gem *g = find_gem(a->handle);
	struct bo *b;
	int64_t err;

	if (!g)
		return -ENOENT;
	if ((a->va_address | a->offset_in_bo | a->map_size) & 4095 || !a->map_size)
		return -EINVAL;
	if (a->operation == AMDGPU_VA_OP_MAP)
		return map_gem(g, gpu, a);
	if (a->operation != AMDGPU_VA_OP_UNMAP)
		return -EINVAL;
	b = memory_of_gem(g->handle, a->va_address);
	if (!b)
		return -ENOENT;
	err = memory_unmap(b->handle, gpu);
	return err ? err : memory_free(b->handle);
}
