// SPDX-License-Identifier: MIT
/* KFD buffers and their mappings, with the checks of kfd_chardev.c and amdgpu_amdkfd_gpuvm.c. */
#include "emu.h"

#include <errno.h>
#include <linux/kfd_ioctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#define PAGE_ROUND(x) (((x) + 4095) & ~4095ull)

struct bo *memory_find(uint64_t handle)
{
	for (struct bo *b = emu->bos; b; b = b->next)
		if (b->handle == handle)
			return b;
	return NULL;
}

struct bo *memory_of_gem(uint32_t gem, uint64_t va)
{
	for (struct bo *b = emu->bos; b; b = b->next)
		if (b->gem == gem && b->va == va)
			return b;
	return NULL;
}

/* Which of the memory type flags is set; 0 for none or several. */
static int kind_of(uint32_t flags)
{
	switch (flags & (KFD_IOC_ALLOC_MEM_FLAGS_VRAM | KFD_IOC_ALLOC_MEM_FLAGS_GTT |
			 KFD_IOC_ALLOC_MEM_FLAGS_USERPTR | KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL |
			 KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP)) {
	case KFD_IOC_ALLOC_MEM_FLAGS_VRAM:
		return BO_VRAM;
	case KFD_IOC_ALLOC_MEM_FLAGS_GTT:
		return BO_GTT;
	case KFD_IOC_ALLOC_MEM_FLAGS_USERPTR:
		return BO_USERPTR;
	case KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL:
		return BO_DOORBELL;
	case KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP:
		return BO_MMIO;
	default:
		return 0;
	}
}

#define ALLOC_WRITABLE (1u << 31) /* KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE shifts an int too far */

/* amdgpu_ttm_tt_get_user_pages: every page is there, and writable unless only to be read. */
static bool pin(uint64_t addr, uint64_t size, uint32_t flags)
{
	return !madvise((void *)(uintptr_t)addr, size,
			flags & ALLOC_WRITABLE ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
}

/* amdgpu_amdkfd_gpuvm_init_mem_limits: 15/16 of the system's memory. */
static uint64_t system_memory_limit(void)
{
	uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	return all - all / 16;
}

/* As the driver's MAKE_HANDLE: the device in the high half. */
static uint64_t give_handle(struct bo *b)
{
	b->handle = (uint64_t)b->gpu->id << 32 | ++emu->next_handle;
	b->next = emu->bos;
	emu->bos = b;
	return b->handle;
}

int64_t memory_import(struct gpu *gpu, uint64_t *handle, uint64_t va, uint64_t size, uint64_t offset,
		      uint32_t flags)
{
	struct bo *b;

	if (va % 4096 || va > CAPS_GPUVM_END || size > CAPS_GPUVM_END - va)
		return -EINVAL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	*b = (struct bo){.gpu = gpu, .va = va, .size = size, .flags = flags, .kind = kind_of(flags), .offset = offset,
			  .extent = offset};
	*handle = give_handle(b);
	return 0;
}

int64_t memory_alloc(struct gpu *gpu, uint64_t *handle, uint64_t va, uint64_t size,
		     uint64_t *mmap_offset, uint32_t flags)
{
	int kind = kind_of(flags);
	int64_t offset = 0;
	struct bo *b;

	if (!size || !kind || va % 4096)
		return -EINVAL;
	/* "Alloc host visible vram on small BAR is not allowed" */
	if (kind == BO_VRAM && (flags & KFD_IOC_ALLOC_MEM_FLAGS_PUBLIC) && !emu->config.large_bar)
		return -EINVAL;
	if (kind == BO_DOORBELL && size != EMU_DOORBELL_BYTES)
		return -EINVAL;
	if (kind == BO_MMIO && size != 4096)
		return -EINVAL;
	if (kind == BO_USERPTR && (*mmap_offset % 4096 || !*mmap_offset))
		return -EINVAL;
	/* amdgpu_amdkfd_reserve_mem_limit: more than the system has; amdgpu_vm_bo_map: past the VM */
	if (size > EMU_GTT_BYTES && kind == BO_GTT)
		return -ENOMEM;
	if (size > system_memory_limit() && kind == BO_USERPTR)
		return -ENOMEM;
	if (size > gpu->card->vram_bytes && kind == BO_VRAM)
		return -ENOMEM;
	if (va > CAPS_GPUVM_END || PAGE_ROUND(size) > CAPS_GPUVM_END - va)
		return -EINVAL;
	if (kind == BO_USERPTR && !pin(*mmap_offset, PAGE_ROUND(size), flags))
		return -EFAULT;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->gpu = gpu;
	b->va = va;
	b->size = PAGE_ROUND(size);
	b->flags = flags;
	b->kind = kind;
	switch (kind) {
	case BO_VRAM:
		offset = rpc_vram(gpu, EMU_VRAM_ALLOC, b->size);
		*mmap_offset = (uint64_t)offset;
		break;
	case BO_GTT:
		offset = rpc_vram(gpu, EMU_GTT_ALLOC, b->size);
		*mmap_offset = (uint64_t)offset;
		break;
	case BO_USERPTR:
		b->cpu = *mmap_offset;
		break;
	case BO_DOORBELL:
		*mmap_offset = EMU_DOORBELL_OFFSET(emu->slot, gpu->index);
		break;
	case BO_MMIO:
		*mmap_offset = EMU_MMIO_OFFSET(emu->slot, gpu->index);
		break;
	}
	if (offset < 0) {
		free(b);
		return offset;
	}
	b->offset = b->extent = (uint64_t)offset;
	*handle = give_handle(b);
	return 0;
}

int64_t memory_free(uint64_t handle)
{
	for (struct bo **p = &emu->bos; *p; p = &(*p)->next) {
		struct bo *b = *p;

		if (b->handle != handle)
			continue;
		if (b->mapped)
			return -EBUSY;
		if (b->kind == BO_VRAM || b->kind == BO_GTT)
			rpc_vram(b->gpu, EMU_VRAM_FREE, b->extent);
		*p = b->next;
		free(b);
		return 0;
	}
	return -EINVAL;
}

/*
 * The entry the driver writes on gfx10 (amdgpu_amdkfd_gpuvm.c get_pte_flags, amdgpu_ttm.c
 * amdgpu_ttm_tt_pte_flags): MTYPE UC for coherent and uncached memory, NC for the rest; system
 * memory is SYSTEM, and SNOOPED where the CPU caches it.
 */
static uint64_t pte_of(const struct bo *b)
{
	uint64_t pte = PTE_VALID | PTE_READABLE, mtype = MTYPE_GFX10_NC;

	if (b->flags & ALLOC_WRITABLE)
		pte |= PTE_WRITEABLE;
	if (b->flags & KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE)
		pte |= PTE_EXECUTABLE;
	if (b->kind != BO_VRAM)
		pte |= PTE_SYSTEM;
	if (b->kind == BO_GTT || b->kind == BO_USERPTR)
		pte |= PTE_SNOOPED;
	if ((b->flags & (KFD_IOC_ALLOC_MEM_FLAGS_COHERENT | KFD_IOC_ALLOC_MEM_FLAGS_UNCACHED)) ||
	    b->kind == BO_DOORBELL || b->kind == BO_MMIO)
		mtype = MTYPE_GFX10_UC;
	return pte | mtype << PTE_GFX10_MTYPE_SHIFT;
}

static uint8_t *host_of(const struct bo *b)
{
	switch (b->kind) {
	case BO_USERPTR:
		return (uint8_t *)(uintptr_t)b->cpu;
	case BO_DOORBELL:
		return (uint8_t *)b->gpu->doorbells;
	case BO_MMIO:
		return (uint8_t *)b->gpu->mmio;
	default:
		return b->gpu->vram + b->offset;
	}
}

int64_t memory_map(uint64_t handle, struct gpu *gpu)
{
	const uint32_t bit = 1u << gpu->index;
	struct bo *b = memory_find(handle);
	struct vm_range r;
	int err;

	if (!b)
		return -EINVAL;
	if (b->mapped & bit)
		return 0;
	/* Memory of another card is reached over PCIe only where the topology has a link between them. */
	if (b->gpu != gpu && b->kind != BO_USERPTR && b->kind != BO_GTT)
		return -EINVAL;
	r = (struct vm_range){.lo = b->va,
			      .hi = b->va + b->size,
			      .host = host_of(b),
			      .pte = pte_of(b),
			      .handle = handle};
	svm_forget(r.lo, r.hi);
	err = vm_map(&gpu->vm, &r);
	if (err)
		return err == -EEXIST ? -EINVAL : err;
	b->mapped |= bit;
	trace_pte(PTE_OP_map, b, r.pte);
	return 0;
}

int64_t memory_unmap(uint64_t handle, struct gpu *gpu)
{
	const uint32_t bit = 1u << gpu->index;
	struct bo *b = memory_find(handle);

	if (!b)
		return -EINVAL;
	if (!(b->mapped & bit))
		return 0;
	if (vm_unmap(&gpu->vm, b->va, b->va + b->size) < 0)
		return -ENOMEM;
	__atomic_fetch_add(&emu->code_gen, 1, __ATOMIC_SEQ_CST);
	b->mapped &= ~bit;
	trace_pte(PTE_OP_unmap, b, pte_of(b));
	return 0;
}
