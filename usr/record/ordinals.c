// SPDX-License-Identifier: MIT
#include "ordinals.h"
#include "../base/buf.h"
#include "../base/map.h"
#include "../trace/fields.h"
#include "../../bpf/events.h"

#include <string.h>

/* By print word; the pages of a long trace are many, and are forgotten when they are too many. */
enum kind { KIND_bo, KIND_vm, KIND_mem, KIND_gpu, KIND_page, NUM_KINDS, KIND_none = NUM_KINDS };
#define PAGES_MAX (1u << 20)

struct place {
	uint16_t offset;
	uint8_t kind,
		is_new; /* the object was made just now: whatever had its address before is gone */
};

struct ordinals {
	struct map numbers[NUM_KINDS];
	size_t last[NUM_KINDS];
	struct place places[256][5]; /* by event id; the last of them is empty */
};

static enum kind kind_of(const struct field_desc *f)
{
	switch (f->print) {
	case PRINT_ORD_BO:
		return KIND_bo;
	case PRINT_ORD_VM:
		return KIND_vm;
	case PRINT_ORD_MEM:
		return KIND_mem;
	case PRINT_ORD_GPU:
		return KIND_gpu;
	case PRINT_ORD_PAGE:
		return KIND_page;
	default:
		return KIND_none;
	}
}

struct ordinals *ordinals__new(void)
{
	struct ordinals *o = xcalloc(1, sizeof(*o));

	for (const struct event_desc *d = NULL; (d = event_desc__next(d));) {
		struct place *p = o->places[d->id & 0xff];
		uint16_t at = 0;

		for (unsigned int i = 0; i < d->num_fields && d->fields[i].kind == FIELD_INT; i++) {
			enum kind kind = kind_of(&d->fields[i]);

			if (kind != KIND_none && p < o->places[d->id & 0xff] + 4)
				*p++ = (struct place){
					.offset = at,
					.kind = (uint8_t)(kind + 1),
					.is_new = (d->id == EV_bo_create && kind == KIND_bo) ||
						  (d->id == EV_kfd_mem_alloc && kind == KIND_mem)};
			at = (uint16_t)(at + d->fields[i].size);
		}
	}
	return o;
}

void ordinals__free(struct ordinals *o)
{
	for (unsigned int k = 0; o && k < NUM_KINDS; k++)
		map__free(&o->numbers[k]);
	free(o);
}

void ordinals__replace(struct ordinals *o, uint16_t id, uint8_t *fixed, size_t len)
{
	for (const struct place *p = o->places[id & 0xff]; p->kind; p++) {
		unsigned int kind = p->kind - 1u;
		uint64_t value;
		uint32_t pid = 0;
		size_t number;

		if (p->offset + sizeof(value) > len)
			return;
		memcpy(&value, fixed + p->offset, sizeof(value));
		if (!value)
			continue;
		/* Nothing says when an address space is made: at least those of two processes
		 * differ. */
		if (kind == KIND_vm)
			memcpy(&pid, fixed, sizeof(pid));
		if (kind == KIND_page && o->numbers[kind].used > PAGES_MAX)
			map__free(&o->numbers[kind]);
		if (p->is_new || !map__get(&o->numbers[kind], pid, value, &number)) {
			number = ++o->last[kind];
			map__set(&o->numbers[kind], pid, value, number);
		}
		value = number;
		memcpy(fixed + p->offset, &value, sizeof(value));
	}
}
