// SPDX-License-Identifier: MIT
/*
 * Kernels: from a dispatch packet to waves that run and end.
 *
 * A dispatch is a supply of workgroups. Workers take one, run it for a slice of instructions and
 * put it back if it is not done, so that a kernel that never ends stops nobody but itself. The
 * waves of a workgroup run one after another on one worker, up to barriers.
 */
#include "emu.h"
#include "memory_ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xmmintrin.h>

#define SLICE 200000u	 /* instructions of one workgroup before others get a turn */
#define WAVE_SLICE 4000u /* of one wave before the page tables are looked at again */
#define LDS_GRANULE 512u /* RDNA allocates LDS in 128 dwords */
#define LDS_MAX (64u << 10)

/* ---- one wave ---- */

static void exec_illegal(struct wave *w, const struct insn *i)
{
	(void)i;
	wave_fault(w, EMU_FAULT_illegal, 0, 0, false, NO_LANE);
}

static void exec_missing(struct wave *w, const struct insn *i)
{
	(void)i;
	wave_gap(w, NULL);
}

static void exec_bad_fetch(struct wave *w, const struct insn *i)
{
	const struct vm_range *r;

	(void)i;
	r = w->pc < CAPS_GPUVM_END ? vm_find(w->view, w->pc) : NULL;
	wave_fault(w,
		   w->pc >= CAPS_GPUVM_END ? EMU_FAULT_aperture
		   : r			   ? EMU_FAULT_permission
					   : EMU_FAULT_page,
		   w->pc, 4, false, NO_LANE);
}

static void decode_at(struct worker *k, struct insn *i, uint64_t pc)
{
	uint32_t words[INSN_MAX_DWORDS];
	unsigned int n = 0;

	for (; n < INSN_MAX_DWORDS; n++) {
		const uint8_t *host = vm_host(k->view, pc + 4 * n, 4, PTE_EXECUTABLE);

		if (!host)
			break;
		memcpy(&words[n], host, 4);
	}
	if (!n) {
		memset(i, 0, sizeof(*i));
		i->exec = exec_bad_fetch; /* dwords 0: not kept */
		return;
	}
	insn_decode(i, k->gpu->isa, words, n);
	i->exec = i->op ? exec_of(i->op) : exec_illegal;
	i->fp = (uint8_t)exec_fp(i->op);
	operand_constants(i);
	if (!i->exec)
		i->exec = exec_missing;
}

static struct code_page *code_page(struct worker *k, uint64_t va)
{
	struct code_page **slot = &k->pages[k->gpu->index][(va / CODE_PAGE) % CODE_SLOTS];

	if (!*slot) {
		*slot = calloc(1, sizeof(**slot));
		if (!*slot)
			return NULL;
		(*slot)->va = 1;
	}
	if ((*slot)->va != va) {
		for (unsigned int i = 0; i < CODE_PAGE / 4; i++)
			(*slot)->insns[i].dwords = 0;
		(*slot)->va = va;
	}
	return *slot;
}

static void forget_code(struct worker *k)
{
	for (unsigned int i = 0; i < CODE_SLOTS; i++)
		if (k->pages[k->gpu->index][i])
			k->pages[k->gpu->index][i]->va = 1;
}

/* Run until the wave stops or `budget` instructions are done; returns how many were. */
static unsigned int run_wave(struct worker *k, struct wave *w, unsigned int budget)
{
	struct code_page *page = NULL;
	struct insn *i = NULL, once; /* i: in page, NULL as long as page is */
	unsigned int n = 0;
	uint64_t va = 1, pc = ~0ull; /* of i */

	w->stop = false;
	w->view = k->view;
	k->wave = w;
	while (n < budget) {
		/* Straight on within the page; else look it up. */
		if (page && w->pc == pc + i->dwords * 4u && !((w->pc ^ pc) & ~(uint64_t)(CODE_PAGE - 1))) {
			i += i->dwords;
			pc = w->pc;
		} else {
			pc = w->pc & ~3ull;
			if ((pc & ~(uint64_t)(CODE_PAGE - 1)) != va) {
				va = pc & ~(uint64_t)(CODE_PAGE - 1);
				page = code_page(k, va);
			}
			i = page ? &page->insns[(pc & (CODE_PAGE - 1)) / 4] : &once;
		}
		if (!page || !i->dwords)
			decode_at(k, i, pc);
		w->at = pc;
		w->pc = pc + i->dwords * 4u;
		n++;
		if (__builtin_expect(w->odd_mode, 0) && i->fp) {
			_mm_setcsr(w->mxcsr[i->fp]);
			i->exec(w, i);
			_mm_setcsr(MXCSR_DEFAULT);
		} else {
			i->exec(w, i);
		}
		if (__builtin_expect(w->stop, 0)) {
			if (w->fault.kind)
				w->pc = w->at;
			break;
		}
	}
	w->executed += n;
	return n;
}

/* ---- starting waves (LLVM AMDGPUUsage, "Initial Kernel Execution State") ---- */

static void init_sgprs(struct dispatch *d, struct workgroup *wg, struct wave *w)
{
	uint32_t *s = w->s, wave_bytes = (d->queue.compute_tmpring_size >> 12 & 0x1fff) * 1024;
	uint32_t props = d->kernel.properties, rsrc2 = d->kernel.rsrc2;
	uint32_t scratch = (wg->scratch_slot * d->waves_per_group + w->id) * wave_bytes;
	unsigned int n = 0;

	if (props & KERNEL_PRIVATE_SEGMENT_BUFFER) {
		memcpy(&s[n], d->queue.scratch_resource_descriptor, 16);
		/* INDEX_STRIDE is "filled in by CP" (ROCr InitScratchSRD): 32 or 64 lanes. */
		s[n + 3] = (s[n + 3] & ~(3u << 21)) | (d->lanes == 32 ? 2u : 3u) << 21;
		n += 4;
	}
#define PUT64(v)                                                                                   \
	do {                                                                                       \
		s[n++] = (uint32_t)(v);                                                            \
		s[n++] = (uint32_t)((uint64_t)(v) >> 32);                                          \
	} while (0)
	if (props & KERNEL_DISPATCH_PTR)
		PUT64(d->packet_va);
	if (props & KERNEL_QUEUE_PTR)
		PUT64(d->q->amd_queue);
	if (props & KERNEL_KERNARG_SEGMENT_PTR)
		PUT64(d->packet.kernarg_address);
	if (props & KERNEL_DISPATCH_ID)
		PUT64(d->index);
	if (props & KERNEL_FLAT_SCRATCH_INIT)
		PUT64(d->queue.scratch_backing_memory_location);
	if (props & KERNEL_PRIVATE_SEGMENT_SIZE)
		s[n++] = d->packet.private_segment_size;
#undef PUT64
	n = rsrc2 >> 1 & 31; /* USER_SGPR count */
	for (unsigned int dim = 0; dim < 3; dim++)
		if (rsrc2 >> (7 + dim) & 1)
			s[n++] = wg->id[dim];
	if (rsrc2 >> 10 & 1) /* workgroup info: is this the first wave, how many are there */
		s[n++] = (w->id == 0 ? 1u << 31 : 0) | wg->num_waves;
	if (rsrc2 & 1)
		s[n++] = scratch;
}

/* Work-item ids; the lanes past the end of the workgroup stay off. */
static void init_vgprs(const struct dispatch *d, const struct workgroup *wg, struct wave *w)
{
	uint32_t size[3], total = 1, ids = d->kernel.rsrc2 >> 11 & 3;
	uint64_t exec = 0;

	for (int dim = 0; dim < 3; dim++) {
		uint32_t left =
			d->packet.grid_size[dim] - wg->id[dim] * d->packet.workgroup_size[dim];

		size[dim] =
			left < d->packet.workgroup_size[dim] ? left : d->packet.workgroup_size[dim];
		total *= size[dim];
	}
	for (uint32_t l = 0; l < w->lanes; l++) {
		uint32_t flat = w->id * w->lanes + l;

		if (flat >= total)
			break;
		exec |= 1ull << l;
		wave_vgpr(w, 0)[l] = flat % size[0];
		if (ids >= 1)
			wave_vgpr(w, 1)[l] = flat / size[0] % size[1];
		if (ids >= 2)
			wave_vgpr(w, 2)[l] = flat / size[0] / size[1];
	}
	wave_set_exec(w, exec);
}

/*
 * Memory of workgroups that have gone, for dispatches that come: a mapping made and removed for each would stop
 * the application's threads, too. What is in it is old, as in the registers of a chip. emu->lock is held.
 */
#define SPARE_BYTES (1u << 20)
#define SPARES 16u
static struct {
	uint8_t *memory;
	size_t bytes; /* 0: none */
} spare[SPARES];
static unsigned int oldest_spare;

static uint8_t *take_memory(size_t bytes)
{
	uint8_t *memory;

	for (unsigned int i = 0; i < SPARES; i++) {
		if (spare[i].bytes != bytes)
			continue;
		spare[i].bytes = 0;
		return spare[i].memory;
	}
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static void give_memory(uint8_t *memory, size_t bytes)
{
	unsigned int i = 0;

	if (bytes > SPARE_BYTES) {
		munmap(memory, bytes);
		return;
	}
	while (i < SPARES && spare[i].bytes)
		i++;
	if (i == SPARES) {
		i = oldest_spare++ % SPARES;
		munmap(spare[i].memory, spare[i].bytes);
	}
	spare[i].memory = memory;
	spare[i].bytes = bytes;
}

static struct workgroup *make_workgroup(const struct dispatch *d)
{
	size_t vgpr_bytes = (size_t)d->waves_per_group * VGPR_ROWS * d->lanes * 4;
	struct workgroup *wg;
	size_t head = sizeof(*wg) + d->waves_per_group * sizeof(struct wave);
	uint8_t *memory;

	if (posix_memalign((void **)&wg, 64, head))
		return NULL;
	memset(wg, 0, head);
	memory = take_memory(vgpr_bytes + d->lds_bytes);
	if (!memory) {
		free(wg);
		return NULL;
	}
	wg->vgprs = (uint32_t *)(void *)memory;
	wg->lds = d->lds_bytes ? memory + vgpr_bytes : NULL;
	return wg;
}

static void free_workgroup(const struct dispatch *d, struct workgroup *wg)
{
	give_memory((uint8_t *)wg->vgprs, (size_t)d->waves_per_group * VGPR_ROWS * d->lanes * 4 + d->lds_bytes);
	free(wg);
}

static void start_workgroup(struct dispatch *d, struct workgroup *wg, uint64_t number)
{
	uint32_t items = 1;

	wg->d = d;
	wg->turn = 0;
	wg->id[0] = (uint32_t)(number % d->groups[0]);
	wg->id[1] = (uint32_t)(number / d->groups[0] % d->groups[1]);
	wg->id[2] = (uint32_t)(number / d->groups[0] / d->groups[1]);
	for (int dim = 0; dim < 3; dim++) {
		uint32_t left =
			d->packet.grid_size[dim] - wg->id[dim] * d->packet.workgroup_size[dim];

		items *=
			left < d->packet.workgroup_size[dim] ? left : d->packet.workgroup_size[dim];
	}
	wg->num_waves = (items + d->lanes - 1) / d->lanes;
	for (uint32_t n = 0; n < wg->num_waves; n++) {
		struct wave *w = &wg->waves[n];

		memset(w, 0, sizeof(*w));
		w->wg = wg;
		w->id = n;
		w->lanes = d->lanes;
		w->v = wg->vgprs + (size_t)n * VGPR_ROWS * d->lanes;
		w->lds = wg->lds;
		w->lds_bytes = d->lds_bytes;
		w->pc = d->entry;
		/* FLOAT_MODE, ENABLE_DX10_CLAMP, ENABLE_IEEE_MODE (LLVM AMDGPUUsage, compute_pgm_rsrc1) */
		wave_set_mode(w, (d->kernel.rsrc1 >> 12 & 0xff) | (d->kernel.rsrc1 >> 21 & 1) << 8 |
					 (d->kernel.rsrc1 >> 23 & 1) << 9);
		w->mask_stale = true;
		init_vgprs(d, wg, w);
		init_sgprs(d, wg, w);
	}
}

/* ---- the supply of workgroups; emu->lock is held in these ---- */

static int take_slot(struct dispatch *d)
{
	if (d->scratch_slots == UINT32_MAX)
		return 0;
	for (uint32_t s = 0; s < d->scratch_slots; s++)
		if (!(d->slot_used[s / 64] >> (s % 64) & 1)) {
			d->slot_used[s / 64] |= 1ull << (s % 64);
			return (int)s;
		}
	return -1;
}

static void give_slot(struct dispatch *d, uint32_t s)
{
	if (d->scratch_slots != UINT32_MAX)
		d->slot_used[s / 64] &= ~(1ull << (s % 64));
}

static uint32_t kind_of(const struct emu_injection *injected)
{
	return injected ? injected->kind : (uint32_t)EMU_INJECT_none;
}

/* Something to run of d, begun if new. */
static struct workgroup *take_workgroup(struct dispatch *d)
{
	struct workgroup *wg = NULL;
	int slot;

	if (d->cancelled || kind_of(d->injected) == EMU_INJECT_hang)
		return NULL;
	/* New ones before old ones, so that all that can be resident are: they may wait for each
	 * other. */
	if (d->next < d->total && d->resident < d->max_resident && (slot = take_slot(d)) >= 0) {
		wg = d->free;
		if (wg)
			d->free = wg->next;
		else
			wg = make_workgroup(d);
		if (wg) {
			wg->scratch_slot = (uint32_t)slot;
			start_workgroup(d, wg, d->next++);
			d->resident++;
			return wg;
		}
		give_slot(d, (uint32_t)slot);
	}
	if (d->paused) {
		wg = d->paused;
		d->paused = wg->next;
		if (!d->paused)
			d->paused_tail = &d->paused;
	}
	return wg;
}

static void put_back(struct dispatch *d, struct workgroup *wg)
{
	wg->next = NULL;
	*d->paused_tail = wg;
	d->paused_tail = &wg->next;
}

static void unlink_active(const struct dispatch *d)
{
	for (struct dispatch **p = &emu->active; *p; p = &(*p)->next_active)
		if (*p == d) {
			*p = d->next_active;
			return;
		}
}

static void free_dispatch(struct dispatch *d)
{
	struct workgroup *wg;

	struct workgroup **lists[] = {&d->free, &d->paused, &d->halted};

	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++)
		while ((wg = *lists[l])) {
			*lists[l] = wg->next;
			free_workgroup(d, wg);
		}
	free(d->slot_used);
	free(d);
}

static void end_dispatch(struct dispatch *d)
{
	d->q->active = NULL;
	free_dispatch(d);
}

void dispatch_cancel(struct dispatch *d)
{
	d->cancelled = true;
	unlink_active(d);
	if (!d->running)
		end_dispatch(d);
}

/* ---- faults that were asked for ---- */

static const struct {
	unsigned int fault;
	uint64_t va;
	const char *name;
} injections[] = {
	[EMU_INJECT_hang] = {EMU_FAULT_hang, 0, "hang"},
	[EMU_INJECT_page] = {EMU_FAULT_page, 0xdead000, "page"},
	[EMU_INJECT_permission] = {EMU_FAULT_permission, 0xdead000, "permission"},
	[EMU_INJECT_aperture] = {EMU_FAULT_aperture, 0xdead000000000000, "aperture"},
	[EMU_INJECT_illegal] = {EMU_FAULT_illegal, 0, "illegal"},
	[EMU_INJECT_trap] = {EMU_FAULT_trap, 0, "trap"},
	[EMU_INJECT_reset] = {EMU_FAULT_reset, 0, "reset"},
};

/* What is to happen at the dispatch that begins now. */
static const struct emu_injection *injection(void)
{
	uint64_t n = ++emu->num_dispatches;

	for (uint32_t i = 0; i < emu->config.num_injections; i++)
		if (emu->config.injections[i].dispatch == n)
			return &emu->config.injections[i];
	return NULL;
}

static void injected_text(const struct dispatch *d, char *text, size_t size)
{
	snprintf(text, size, "injected by --emulate=fault:%s@%u", injections[d->injected->kind].name,
		 d->injected->dispatch);
}

/* Hang and reset are no fault of a wave. True when d is not to run at all. */
static bool inject_whole(struct worker *k, struct dispatch *d)
{
	char text[64];

	if (kind_of(d->injected) != EMU_INJECT_hang && kind_of(d->injected) != EMU_INJECT_reset)
		return false;
	injected_text(d, text, sizeof(text));
	trace_injected(k, d, injections[d->injected->kind].fault, text);
	return d->injected->kind == EMU_INJECT_reset;
}

/* ---- slices ---- */

/* Release the barrier when every wave that lives has come to it. */
static void release_barrier(struct workgroup *wg)
{
	for (uint32_t n = 0; n < wg->num_waves; n++)
		if (wg->waves[n].state == WAVE_RUNNING || wg->waves[n].state == WAVE_HALTED)
			return;
	for (uint32_t n = 0; n < wg->num_waves; n++)
		if (wg->waves[n].state == WAVE_BARRIER)
			wg->waves[n].state = WAVE_RUNNING;
}

static bool all_done(const struct workgroup *wg)
{
	for (uint32_t n = 0; n < wg->num_waves; n++)
		if (wg->waves[n].state != WAVE_DONE)
			return false;
	return true;
}

/* A wave has halted itself, and every other has ended, halted too, or waits for it at the barrier. */
static bool stuck(const struct workgroup *wg)
{
	bool halted = false;

	for (uint32_t n = 0; n < wg->num_waves; n++) {
		if (wg->waves[n].state == WAVE_RUNNING)
			return false;
		halted |= wg->waves[n].state == WAVE_HALTED;
	}
	return halted;
}

static void refresh(struct worker *k)
{
	uint64_t gen = __atomic_load_n(&emu->code_gen, __ATOMIC_ACQUIRE);

	vm_view_refresh(k->view);
	if (gen != k->code_gen[k->gpu->index]) {
		forget_code(k);
		k->code_gen[k->gpu->index] = gen;
	}
}

/* Run wg for a slice. Returns the wave that faulted, or NULL. */
static struct wave *run_workgroup(struct worker *k, struct workgroup *wg)
{
	unsigned int left = SLICE;

	if (__builtin_expect(wg->d->injected != NULL, 0)) {
		struct wave *w = &wg->waves[0];

		w->at = w->pc;
		wave_fault(w, injections[wg->d->injected->kind].fault,
			   injections[wg->d->injected->kind].va, 4,
			   wg->d->injected->kind == EMU_INJECT_permission, NO_LANE);
		return w;
	}
	/* In turn, across slices too: a wave may wait in a loop for another of its workgroup. */
	while (left && !all_done(wg) && !stuck(wg)) {
		struct wave *w = &wg->waves[wg->turn++ % wg->num_waves];
		unsigned int budget = left < WAVE_SLICE ? left : WAVE_SLICE;

		if (w->state == WAVE_BARRIER)
			release_barrier(wg);
		if (w->state != WAVE_RUNNING)
			continue;
		left -= run_wave(k, w, budget);
		if (w->fault.kind)
			return w;
		refresh(k);
		if (__atomic_load_n(&wg->d->cancelled, __ATOMIC_RELAXED))
			return NULL;
	}
	return NULL;
}

/* d has not ended, since a worker is in it: its queue is there. */
static void report_fault(struct worker *k, struct dispatch *d, const struct wave *w)
{
	struct insn i;
	struct guard g;
	uint32_t error;
	char text[64];

	if (!GUARDED(&g))
		decode_at(k, &i, w->pc & ~3ull);
	else
		memset(&i, 0, sizeof(i)); /* the code is gone meanwhile */
	guard_leave(&g);
	if (__atomic_load_n(&d->cancelled, __ATOMIC_RELAXED) ||
	    __atomic_exchange_n(&d->faulted, true, __ATOMIC_ACQ_REL))
		return; /* the queue is going, or another wave was first */
	if (w->fault.kind == WAVE_GAP) {
		trace_gap(k, w->pc, i.words, w->fault.what ? w->fault.what : op_name(i.op));
		return; /* does not come back */
	}
	snprintf(text, sizeof(text), "%s", i.dwords ? op_name(i.op) : "instruction fetch");
	if (!i.op && i.dwords) {
		uint32_t words[2];

		memcpy(words, i.words, sizeof(words));
		snprintf(text, sizeof(text), ".long 0x%08x 0x%08x", words[0], words[1]);
	}
	if (d->injected)
		injected_text(d, text, sizeof(text));
	trace_fault(k, d, w->pc, &w->fault, text);
	switch (w->fault.kind) {
	case EMU_FAULT_aperture:
		error = QUEUE_ERROR_APERTURE;
		break;
	case EMU_FAULT_illegal:
		error = QUEUE_ERROR_ILLEGAL;
		break;
	case EMU_FAULT_trap:
		/* llvm.trap */
		error = !d->injected && (i.imm & 0xff) == 2 ? QUEUE_ERROR_ABORT : QUEUE_ERROR_TRAP;
		break;
	default:
		error = QUEUE_ERROR_MEMORY; /* TRAPSTS.XNACK_ERROR */
		break;
	}
	queue_fault(k, d->q, error);
	if (error == QUEUE_ERROR_MEMORY) /* page and permission faults */
		event_memory_fault(d->q->gpu, w->fault.va, fault_reason(w->fault.kind, w->fault.write));
}

/*
 * The runtime had so little memory left that this kernel's scratch is for one dispatch only (ROCr
 * DynamicScratchHandler, "Large scratch reclaim"): say that it is done, and wait until it has gone.
 */
static void give_scratch_back(struct worker *k, struct dispatch *d)
{
	const struct abi_queue *queue;
	volatile uint64_t signal = 0;
	struct guard g;

	if (d->scratch_slots == UINT32_MAX)
		return;
	queue = (const void *)vm_host(k->view, d->q->amd_queue, sizeof(*queue), PTE_READABLE);
	if (!GUARDED(&g) && queue && queue->queue_properties & QUEUE_PROPERTY_USE_SCRATCH_ONCE)
		signal = queue->queue_inactive_signal;
	guard_leave(&g);
	if (!signal)
		return;
	d->q->scratch_wait = true;
	signal_store(k->view, signal, QUEUE_RECLAIM_SCRATCH);
}

/* Account for wg after a slice; finish the dispatch when it was the last. */
static void after_slice(struct worker *k, struct dispatch *d, struct workgroup *wg, bool done,
			uint64_t executed)
{
	bool finished = false;

	pthread_mutex_lock(&emu->lock);
	d->instructions += executed;
	if (done) {
		d->waves += wg->num_waves;
		give_slot(d, wg->scratch_slot);
		d->resident--;
		wg->next = d->free;
		d->free = wg;
		finished = ++d->done == d->total && !d->cancelled;
	} else if (stuck(wg)) {
		wg->next = d->halted;
		d->halted = wg;
	} else {
		put_back(d, wg);
	}
	if (finished) {
		unlink_active(d);
		/* Still counted as running, so that the queue's end does not free it under us. */
		pthread_mutex_unlock(&emu->lock);
		trace_dispatch(k, d);
		give_scratch_back(k, d);
		packet_complete(k, d->q, d->packet.completion_signal, d->start_clock);
		pthread_mutex_lock(&emu->lock);
		d->cancelled = true;
	}
	if (!--d->running && d->cancelled)
		end_dispatch(d);
	pthread_mutex_unlock(&emu->lock);
}

/* ---- the packet ---- */

/* The queue's error code for a packet that cannot be launched, 0 when it can. */
static uint32_t check_packet(const struct abi_dispatch *p, const struct abi_kernel *kernel)
{
	unsigned int dims = p->setup & 3;
	uint32_t items = 1;

	if (dims < 1 || dims > 3)
		return QUEUE_ERROR_DIM;
	for (unsigned int dim = 0; dim < 3; dim++) {
		if (!p->workgroup_size[dim] || !p->grid_size[dim])
			return QUEUE_ERROR_DIM;
		if (dim >= dims && (p->workgroup_size[dim] != 1 || p->grid_size[dim] != 1))
			return QUEUE_ERROR_DIM;
		items *= p->workgroup_size[dim];
		if (items > 1024)
			return QUEUE_ERROR_WORKGROUP_SIZE;
	}
	if (p->group_segment_size > LDS_MAX)
		return QUEUE_ERROR_GROUP_MEMORY;
	if (!kernel)
		return QUEUE_ERROR_CODE;
	return 0;
}

/*
 * Whether the queue has scratch for this kernel. If not, the packet processor stores the request
 * into queue_inactive_signal and waits; the runtime allocates and stores 0.
 */
static bool enough_scratch(const struct abi_dispatch *p, const struct abi_kernel *kernel,
			   const struct abi_queue *queue, uint32_t lanes)
{
	uint64_t have = (uint64_t)queue->scratch_wave64_lane_byte_size * 64 / lanes;

	return !(kernel->rsrc2 & 1) || !p->private_segment_size ||
	       (have >= p->private_segment_size && (queue->compute_tmpring_size & 0xfff));
}

/*
 * Waves that a SIMD holds at once: it has 20 slots (16 on gfx10.3) and 1024 rows of 32 lanes (RDNA
 * whitepaper, "Compute unit"). rsrc1: blocks of 8 VGPRs (wave32) or 4 (wave64), less 1; a wave64
 * register is two rows.
 */
static uint32_t waves_per_simd(const struct caps_card *card, uint32_t rsrc1)
{
	uint32_t rows = ((rsrc1 & 63) + 1) * 8, waves = 1024 / rows;

	return waves < card->max_waves_per_simd ? waves : card->max_waves_per_simd;
}

/* A workgroup must fit on one CU, or on the two of a WGP (rsrc1 bit 29, LLVM "WGP_MODE"). */
static bool enough_vgprs(const struct caps_card *card, const struct abi_dispatch *p, uint32_t rsrc1,
			 uint32_t lanes)
{
	uint32_t items = (uint32_t)p->workgroup_size[0] * p->workgroup_size[1] * p->workgroup_size[2];
	uint32_t simds = card->simd_per_cu * (rsrc1 >> 29 & 1 ? 2 : 1);

	return (items + lanes - 1) / lanes <= waves_per_simd(card, rsrc1) * simds;
}

/* How many workgroups of d the card holds at once, by waves and by LDS. They may wait for each other. */
static uint32_t max_resident(const struct dispatch *d)
{
	const struct caps_card *card = d->q->gpu->card;
	const uint32_t cus = card->compute_units;
	uint32_t groups;

	groups = waves_per_simd(card, d->kernel.rsrc1) * card->simd_per_cu * cus / d->waves_per_group;
	if (d->lds_bytes && LDS_MAX / d->lds_bytes * cus < groups)
		groups = LDS_MAX / d->lds_bytes * cus;
	return groups ? groups : 1;
}

static struct dispatch *make_dispatch(struct queue *q, const struct abi_dispatch *p,
				      uint64_t packet_va, const struct abi_kernel *kernel,
				      const struct abi_queue *queue)
{
	struct dispatch *d = calloc(1, sizeof(*d));
	uint32_t items = 1, waves = queue->compute_tmpring_size & 0xfff;

	if (!d)
		return NULL;
	d->q = q;
	d->queue_id = q->id;
	d->ring = q->ring;
	d->index = q->read;
	d->packet = *p;
	d->packet_va = packet_va;
	d->kernel = *kernel;
	d->queue = *queue;
	d->entry = p->kernel_object + (uint64_t)kernel->entry_offset;
	d->lanes = kernel->properties & KERNEL_WAVE32 ? 32 : 64;
	d->total = 1;
	for (int dim = 0; dim < 3; dim++) {
		d->groups[dim] =
			(uint32_t)(((uint64_t)p->grid_size[dim] + p->workgroup_size[dim] - 1) /
				   p->workgroup_size[dim]);
		d->total *= d->groups[dim];
		items *= p->workgroup_size[dim];
	}
	d->waves_per_group = (items + d->lanes - 1) / d->lanes;
	d->lds_bytes = (p->group_segment_size + LDS_GRANULE - 1) & ~(LDS_GRANULE - 1);
	d->scratch_slots = UINT32_MAX;
	if (kernel->rsrc2 & 1 && p->private_segment_size) {
		d->scratch_slots = waves / d->waves_per_group;
		if (!d->scratch_slots)
			d->scratch_slots = 1;
		d->slot_used = calloc(d->scratch_slots / 64 + 1, 8);
		if (!d->slot_used) {
			free(d);
			return NULL;
		}
	}
	d->injected = injection();
	d->max_resident = max_resident(d);
	d->paused_tail = &d->paused;
	d->start_ns = now_ns();
	d->start_clock = device_clock();
	return d;
}

enum begin dispatch_begin(struct worker *k, struct queue *q, const struct abi_dispatch *p,
			  uint64_t packet_va)
{
	const struct abi_kernel *kernel =
		(const void *)vm_host(k->view, p->kernel_object, sizeof(*kernel), PTE_READABLE);
	const struct abi_queue *queue =
		(const void *)vm_host(k->view, q->amd_queue, sizeof(*queue), PTE_READABLE);
	uint32_t lanes, error = check_packet(p, kernel);
	struct dispatch *d;

	if (!queue)
		error = QUEUE_ERROR_PACKET;
	if (error) {
		queue_bad_packet(k, q, packet_va, error, "AQL dispatch packet");
		return BEGIN_FAULT;
	}
	lanes = kernel->properties & KERNEL_WAVE32 ? 32 : 64;
	if (!enough_vgprs(q->gpu->card, p, kernel->rsrc1, lanes)) {
		queue_bad_packet(k, q, packet_va, QUEUE_ERROR_VGPRS,
				 "AQL dispatch packet of a workgroup with more VGPRs than there are");
		return BEGIN_FAULT;
	}
	if (!enough_scratch(p, kernel, queue, lanes)) {
		signal_store(k->view, queue->queue_inactive_signal,
			     lanes == 32 ? QUEUE_ERROR_SCRATCH_WAVE32 : QUEUE_ERROR_SCRATCH_WAVE64);
		return BEGIN_SCRATCH;
	}
	d = make_dispatch(q, p, packet_va, kernel, queue);
	if (!d)
		return BEGIN_LATER;
	if (inject_whole(k, d)) {
		free_dispatch(d);
		service_tell_reset(q->gpu);
		card_reset(q->gpu);
		return BEGIN_FAULT;
	}
	pthread_mutex_lock(&emu->lock);
	if (q->halted) { /* a reset came in between */
		pthread_mutex_unlock(&emu->lock);
		free_dispatch(d);
		return BEGIN_FAULT;
	}
	q->active = d;
	d->next_active = emu->active;
	emu->active = d;
	pthread_mutex_unlock(&emu->lock);
	return BEGIN_DONE;
}

/* The host faulted at va under the wave's instruction: who accessed what there? */
static void unmapped_fault(struct worker *k, struct wave *w, uint64_t va)
{
	struct insn i = {0};
	uint32_t bytes, lane;
	struct guard g;
	const char *name;

	if (!GUARDED(&g))
		decode_at(k, &i, w->at);
	guard_leave(&g);
	name = op_name(i.op);
	lane = memory_lane_at(w, &i, va, &bytes);
	wave_fault(w, EMU_FAULT_page, va, bytes, strstr(name, "store") || strstr(name, "atomic"), lane);
}

static struct wave *run_guarded(struct worker *k, struct workgroup *wg)
{
	struct wave *bad;

	if (GUARDED(&k->guard)) {
		/* Mapped for the GPU, but the application has unmapped it: a page fault. */
		bad = k->wave;
		bad->pc = bad->at;
		unmapped_fault(k, bad, vm_guest_address(k->view, guard_address()));
	} else {
		bad = run_workgroup(k, wg);
	}
	guard_leave(&k->guard);
	return bad;
}

/* A workgroup to run, of the dispatch whose turn it is. */
static struct workgroup *next_workgroup(void)
{
	struct workgroup *wg = NULL;
	struct dispatch *d, **p;

	pthread_mutex_lock(&emu->lock);
	for (d = emu->active; d && !wg; d = d->next_active) {
		if (d->q && d->q->suspended)
			continue;
		wg = take_workgroup(d);
		if (!wg)
			continue;
		d->running++;
		/* Round robin among dispatches: to the end. */
		unlink_active(d);
		for (p = &emu->active; *p; p = &(*p)->next_active)
			;
		*p = d;
		d->next_active = NULL;
		break;
	}
	pthread_mutex_unlock(&emu->lock);
	return wg;
}

static uint64_t executed(const struct workgroup *wg)
{
	uint64_t sum = 0;

	for (uint32_t n = 0; n < wg->num_waves; n++)
		sum += wg->waves[n].executed;
	return sum;
}

__attribute__((visibility("default"))) uint64_t rdna1_emu_ns_per_1k_insns;

#define SPEED_INSNS 1000u /* fewer say more of the start of a wave than of its speed */
#define SPEED_KEEP 7u	  /* of 8: what the latest counts less than those before it */

/* A running mean. Workers may overwrite each other's: each of them is right. */
static void measure_speed(struct worker *k, uint64_t ns, uint64_t insns)
{
	uint64_t before, latest;

	k->slice_ns += ns;
	k->slice_insns += insns;
	if (k->slice_insns < SPEED_INSNS)
		return;
	latest = k->slice_ns * 1000 / k->slice_insns;
	before = __atomic_load_n(&rdna1_emu_ns_per_1k_insns, __ATOMIC_RELAXED);
	if (before)
		latest = (before * SPEED_KEEP + latest) / (SPEED_KEEP + 1);
	__atomic_store_n(&rdna1_emu_ns_per_1k_insns, latest ? latest : 1, __ATOMIC_RELAXED);
	k->slice_ns = 0;
	k->slice_insns = 0;
}

bool dispatch_run(struct worker *k)
{
	struct workgroup *wg = next_workgroup();
	uint64_t before, insns, begin_ns;
	struct wave *bad;

	if (!wg)
		return false;
	worker_use(k, wg->d->q->gpu);
	refresh(k);
	before = executed(wg);
	begin_ns = now_ns();
	bad = run_guarded(k, wg);
	insns = executed(wg) - before;
	measure_speed(k, now_ns() - begin_ns, insns);
	if (bad)
		report_fault(k, wg->d, bad);
	after_slice(k, wg->d, wg, !bad && all_done(wg), insns);
	return true;
}
