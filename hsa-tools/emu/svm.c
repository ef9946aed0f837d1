// SPDX-License-Identifier: MIT
/*
 * Shared virtual memory: ranges of the application's own address space with attributes, and their
 * mappings on the cards (kfd_svm.c, Linux 6.1, with XNACK off: a range that a card may access is
 * mapped when that is said). Pages stay in system memory also where the driver would move them to
 * the card; what a card reads is the same.
 */
#include "emu.h"

#include <errno.h>
#include <linux/kfd_ioctl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DEFAULT_FLAGS (KFD_IOCTL_SVM_FLAG_HOST_ACCESS | KFD_IOCTL_SVM_FLAG_COHERENT)
#define DEFAULT_GRANULARITY 9 /* 2 MiB */

struct svm_range {
	uint64_t lo, hi;
	uint32_t flags;
	uint32_t access, in_place; /* a bit per card */
	uint32_t preferred, prefetch;
	uint32_t granularity;
	uint32_t mapped; /* a bit per card */
	struct svm_range *next; /* ascending */
};

/* Service thread only. */
static struct svm_range *ranges;

static struct svm_range *make_range(uint64_t lo, uint64_t hi)
{
	struct svm_range *r = calloc(1, sizeof(*r));

	if (r)
		*r = (struct svm_range){.lo = lo,
					.hi = hi,
					.flags = DEFAULT_FLAGS,
					.preferred = KFD_IOCTL_SVM_LOCATION_UNDEFINED,
					.prefetch = KFD_IOCTL_SVM_LOCATION_UNDEFINED,
					.granularity = DEFAULT_GRANULARITY};
	return r;
}

/* svm_range_get_pte_flags: coherent memory is UC on gfx10, the rest NC. */
static uint64_t pte_of(const struct svm_range *r)
{
	uint64_t pte = PTE_VALID | PTE_READABLE | PTE_SYSTEM | PTE_SNOOPED;

	if (!(r->flags & KFD_IOCTL_SVM_FLAG_GPU_RO))
		pte |= PTE_WRITEABLE;
	if (r->flags & KFD_IOCTL_SVM_FLAG_GPU_EXEC)
		pte |= PTE_EXECUTABLE;
	return pte | (r->flags & KFD_IOCTL_SVM_FLAG_COHERENT ? (uint64_t)MTYPE_GFX10_UC : MTYPE_GFX10_NC)
			     << PTE_GFX10_MTYPE_SHIFT;
}

static void trace(const struct svm_range *r, int op)
{
	const struct bo as_bo = {.va = r->lo, .size = r->hi - r->lo};

	trace_pte(op, &as_bo, pte_of(r));
}

static void unmap_from(struct svm_range *r, uint32_t g)
{
	if (!(r->mapped >> g & 1) || vm_unmap(&emu->gpus[g].vm, r->lo, r->hi) < 0)
		return;
	r->mapped &= ~(1u << g);
	trace(r, PTE_OP_unmap);
	__atomic_fetch_add(&emu->code_gen, 1, __ATOMIC_SEQ_CST);
}

static struct vm_range vm_range_of(const struct svm_range *r)
{
	return (struct vm_range){
		.lo = r->lo, .hi = r->hi, .host = (uint8_t *)(uintptr_t)r->lo, .pte = pte_of(r)};
}

/* The page tables as r's attributes say now; what stays mapped is so at every moment. */
static int64_t remap(struct svm_range *r)
{
	const struct vm_range v = vm_range_of(r);

	for (uint32_t g = 0; g < emu->num_gpus; g++) {
		int err;

		if (!((r->access | r->in_place) >> g & 1)) {
			unmap_from(r, g);
			continue;
		}
		err = r->mapped >> g & 1 ? vm_replace(&emu->gpus[g].vm, &v, 1) : vm_map(&emu->gpus[g].vm, &v);
		if (err)
			return err == -EEXIST ? -EADDRINUSE : err;
		if (r->mapped >> g & 1) /* what was decoded may not be executable any more */
			__atomic_fetch_add(&emu->code_gen, 1, __ATOMIC_SEQ_CST);
		r->mapped |= 1u << g;
		trace(r, PTE_OP_map);
	}
	return 0;
}

/* A range that crosses `at` becomes two. */
static int64_t split(uint64_t at)
{
	for (struct svm_range *r = ranges; r; r = r->next) {
		struct svm_range *tail;
		struct vm_range two[2];

		if (r->lo >= at || r->hi <= at)
			continue;
		tail = make_range(at, r->hi);
		if (!tail)
			return -ENOMEM;
		*tail = *r;
		tail->lo = at;
		r->hi = at;
		r->next = tail;
		two[0] = vm_range_of(r);
		two[1] = vm_range_of(tail);
		for (uint32_t g = 0; g < emu->num_gpus; g++)
			if (r->mapped >> g & 1 && vm_replace(&emu->gpus[g].vm, two, 2))
				return -ENOMEM;
		return 0;
	}
	return 0;
}

/* Afterwards ranges cover [lo, hi) without a gap and end at its ends. */
static int64_t cover(uint64_t lo, uint64_t hi)
{
	struct svm_range **p = &ranges;
	int64_t err = split(lo);

	if (!err)
		err = split(hi);
	while (!err && lo < hi) {
		struct svm_range *r = *p;

		if (r && r->hi <= lo) {
			p = &r->next;
		} else if (r && r->lo <= lo) {
			lo = r->hi;
		} else {
			struct svm_range *fill = make_range(lo, r && r->lo < hi ? r->lo : hi);

			if (!fill)
				return -ENOMEM;
			fill->next = r;
			*p = fill;
		}
	}
	return err;
}

/* svm_range_check_attr */
static int64_t check(const struct kfd_ioctl_svm_attribute *a)
{
	switch (a->type) {
	case KFD_IOCTL_SVM_ATTR_PREFERRED_LOC:
	case KFD_IOCTL_SVM_ATTR_PREFETCH_LOC:
		if (a->value == KFD_IOCTL_SVM_LOCATION_SYSMEM)
			return 0;
		if (a->type == KFD_IOCTL_SVM_ATTR_PREFERRED_LOC &&
		    a->value == KFD_IOCTL_SVM_LOCATION_UNDEFINED)
			return 0;
		return gpu_of(a->value) ? 0 : -EINVAL;
	case KFD_IOCTL_SVM_ATTR_ACCESS:
	case KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE:
	case KFD_IOCTL_SVM_ATTR_NO_ACCESS:
		return gpu_of(a->value) ? 0 : -EINVAL;
	case KFD_IOCTL_SVM_ATTR_SET_FLAGS:
	case KFD_IOCTL_SVM_ATTR_CLR_FLAGS:
	case KFD_IOCTL_SVM_ATTR_GRANULARITY:
		return 0;
	default:
		return -EINVAL;
	}
}

static void apply(struct svm_range *r, const struct kfd_ioctl_svm_attribute *a)
{
	const struct gpu *g = gpu_of(a->value);
	uint32_t bit = g ? 1u << g->index : 0;

	switch (a->type) {
	case KFD_IOCTL_SVM_ATTR_PREFERRED_LOC:
		r->preferred = a->value;
		break;
	case KFD_IOCTL_SVM_ATTR_PREFETCH_LOC:
		r->prefetch = a->value;
		break;
	case KFD_IOCTL_SVM_ATTR_ACCESS:
		r->access |= bit;
		r->in_place &= ~bit;
		break;
	case KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE:
		r->access &= ~bit;
		r->in_place |= bit;
		break;
	case KFD_IOCTL_SVM_ATTR_NO_ACCESS:
		r->access &= ~bit;
		r->in_place &= ~bit;
		break;
	case KFD_IOCTL_SVM_ATTR_SET_FLAGS:
		r->flags |= a->value;
		break;
	case KFD_IOCTL_SVM_ATTR_CLR_FLAGS:
		r->flags &= ~a->value;
		break;
	case KFD_IOCTL_SVM_ATTR_GRANULARITY:
		r->granularity = a->value < 63 ? a->value : 63;
		break;
	}
}

/* svm_range_is_valid: the application has memory there, all of it. */
static bool is_memory(uint64_t lo, uint64_t hi)
{
	return !madvise((void *)(uintptr_t)lo, hi - lo, MADV_WILLNEED);
}

/* svm_range_check_vm: a buffer is mapped there. */
static bool is_buffer(uint64_t lo, uint64_t hi)
{
	for (const struct bo *b = emu->bos; b; b = b->next)
		if (b->mapped && b->va < hi && b->va + b->size > lo)
			return true;
	return false;
}

static int64_t set(uint64_t lo, uint64_t hi, const struct kfd_ioctl_svm_attribute *a, uint32_t n)
{
	int64_t err = 0;

	for (uint32_t i = 0; i < n; i++)
		if (check(&a[i]))
			return -EINVAL;
	if (!is_memory(lo, hi))
		return -EFAULT;
	if (is_buffer(lo, hi))
		return -EADDRINUSE;
	err = cover(lo, hi);
	for (struct svm_range *r = ranges; r && !err; r = r->next) {
		struct svm_range before = *r;

		if (r->hi <= lo || r->lo >= hi)
			continue;
		for (uint32_t i = 0; i < n; i++)
			apply(r, &a[i]);
		if (before.flags != r->flags || before.access != r->access ||
		    before.in_place != r->in_place)
			err = remap(r);
	}
	return err;
}

/* What all ranges of [lo, hi) have in common; the defaults where there are none. */
static struct svm_range common(uint64_t lo, uint64_t hi, uint32_t *any_flags)
{
	struct svm_range all = {.flags = DEFAULT_FLAGS,
				.preferred = KFD_IOCTL_SVM_LOCATION_UNDEFINED,
				.prefetch = KFD_IOCTL_SVM_LOCATION_UNDEFINED,
				.granularity = DEFAULT_GRANULARITY};
	bool first = true;

	*any_flags = DEFAULT_FLAGS;
	for (const struct svm_range *r = ranges; r; r = r->next) {
		if (r->hi <= lo || r->lo >= hi)
			continue;
		if (first) {
			all = *r;
			*any_flags = r->flags;
			first = false;
			continue;
		}
		all.flags &= r->flags;
		*any_flags |= r->flags;
		all.access &= r->access;
		all.in_place &= r->in_place;
		if (all.preferred != r->preferred)
			all.preferred = KFD_IOCTL_SVM_LOCATION_UNDEFINED;
		if (all.prefetch != r->prefetch)
			all.prefetch = KFD_IOCTL_SVM_LOCATION_UNDEFINED;
		if (r->granularity < all.granularity)
			all.granularity = r->granularity;
	}
	return all;
}

static int64_t get(uint64_t lo, uint64_t hi, struct kfd_ioctl_svm_attribute *a, uint32_t n)
{
	uint32_t any_flags;
	const struct svm_range all = common(lo, hi, &any_flags);

	if (!is_memory(lo, hi))
		return -EFAULT;
	for (uint32_t i = 0; i < n; i++) {
		const struct gpu *g = gpu_of(a[i].value);

		switch (a[i].type) {
		case KFD_IOCTL_SVM_ATTR_PREFERRED_LOC:
			a[i].value = all.preferred;
			break;
		case KFD_IOCTL_SVM_ATTR_PREFETCH_LOC:
			a[i].value = all.prefetch;
			break;
		case KFD_IOCTL_SVM_ATTR_ACCESS:
			if (!g)
				return -EINVAL;
			a[i].type = all.access >> g->index & 1	   ? KFD_IOCTL_SVM_ATTR_ACCESS
				    : all.in_place >> g->index & 1 ? KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE
								   : KFD_IOCTL_SVM_ATTR_NO_ACCESS;
			break;
		case KFD_IOCTL_SVM_ATTR_SET_FLAGS:
			a[i].value = all.flags;
			break;
		case KFD_IOCTL_SVM_ATTR_CLR_FLAGS:
			a[i].value = ~any_flags;
			break;
		case KFD_IOCTL_SVM_ATTR_GRANULARITY:
			a[i].value = all.granularity;
			break;
		default:
			return -EINVAL;
		}
	}
	return 0;
}

void svm_forget(uint64_t lo, uint64_t hi)
{
	if (split(lo) || split(hi))
		return;
	for (struct svm_range **p = &ranges; *p;) {
		struct svm_range *r = *p;

		if (r->hi <= lo || r->lo >= hi) {
			p = &r->next;
			continue;
		}
		for (uint32_t g = 0; g < emu->num_gpus; g++)
			unmap_from(r, g);
		*p = r->next;
		free(r);
	}
}

void svm_reset(void)
{
	ranges = NULL;
}

int64_t svm_ioctl(void *arg, size_t size)
{
	struct kfd_ioctl_svm_args *a = arg;

	if (!emu->config.svm)
		return -EPERM; /* kfd_chardev.c built without HSA_AMD_SVM */
	if ((a->start_addr | a->size) & 0xfff || !a->start_addr || !a->size ||
	    a->start_addr + a->size < a->size || a->start_addr + a->size > CAPS_GPUVM_END)
		return -EINVAL;
	if (size < sizeof(*a) || (size - sizeof(*a)) / sizeof(a->attrs[0]) < a->nattr)
		return -EINVAL;
	switch (a->op) {
	case KFD_IOCTL_SVM_OP_SET_ATTR:
		return set(a->start_addr, a->start_addr + a->size, a->attrs, a->nattr);
	case KFD_IOCTL_SVM_OP_GET_ATTR:
		return get(a->start_addr, a->start_addr + a->size, a->attrs, a->nattr);
	default:
		return -EINVAL;
	}
}
