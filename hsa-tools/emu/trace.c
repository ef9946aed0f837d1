// SPDX-License-Identifier: MIT
/* The emu_* streams of this process. */
#include "emu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct stream service_stream; /* of the service thread: PTEs, the device */
static uint32_t service_tid;

static struct stream *service(void)
{
	if (!service_tid) {
		char tid[16];

		service_tid = (uint32_t)gettid();
		snprintf(tid, sizeof(tid), "%u", service_tid);
		stream__open(&service_stream, &emu->proc, tid, 0, 0);
	}
	return &service_stream;
}

/* A fork's child starts anew. */
void trace_reset(void)
{
	service_tid = 0;
}

static uint32_t saturate(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* Fixed part and up to one text. */
static void put(struct stream *s, uint16_t id, const void *fixed, size_t size, const char *text,
		uint32_t tid)
{
	size_t len = text ? strlen(text) : 0;
	uint8_t *at = stream__reserve(s, id, size + (text ? (len ? len : 1) + 1 : 0), tid, 0);

	if (!at)
		return;
	memcpy(at, fixed, size);
	if (text)
		stream__put_text(at + size, text, len);
	stream__commit(s);
}

/* In a stream of its own: without it a report cannot say what all else was observed on. */
void trace_device(void)
{
	struct stream s;

	if (!emu->tracing)
		return;
	stream__open(&s, &emu->proc, "device", 4096, 0);
	stream__keep(&s);
	for (uint32_t i = 0; i < emu->num_gpus; i++) {
		const struct gpu *g = &emu->gpus[i];
		struct ev_emu_device e = {
			.gfx_target_version = g->card->gfx_target_version,
			.device_id = g->card->device_id,
			.compute_units = g->card->compute_units,
			.vram_bytes = g->card->vram_bytes,
			.gpu_id = g->id,
		};

		put(&s, EV_emu_device, &e, sizeof(e), g->card->name, (uint32_t)gettid());
	}
	stream__close(&s);
}

void trace_pte(int op, const struct bo *bo, uint64_t pte)
{
	struct ev_emu_pte e = {
		.op = (uint8_t)op,
		.va = bo->va,
		.size_bytes = bo->size,
		.flags = pte,
		.handle = bo->handle,
		.alloc_flags = bo->flags,
	};

	if (emu->tracing)
		put(service(), EV_emu_pte, &e, sizeof(e), NULL, service_tid);
}

void trace_dispatch(struct worker *k, const struct dispatch *d)
{
	struct ev_emu_dispatch e = {
		.queue = d->queue_id,
		.index = d->index,
		.ring = d->ring,
		.kernel_object = d->packet.kernel_object,
		.duration_ns = now_ns() - d->start_ns,
		.workgroups = saturate(d->total),
		.waves = saturate(d->waves),
		.instructions = d->instructions,
	};

	if (emu->tracing)
		put(&k->stream, EV_emu_dispatch, &e, sizeof(e), NULL, k->tid);
}

void trace_copy(struct worker *k, const struct queue *q, uint64_t dst, uint64_t src, uint64_t size,
		uint8_t op)
{
	struct ev_emu_copy e = {
		.queue = q->id, .dst = dst, .src = src, .size_bytes = size, .op = op};

	if (emu->tracing)
		put(&k->stream, EV_emu_copy, &e, sizeof(e), NULL, k->tid);
}

static void put_fault(struct worker *k, struct ev_emu_fault e, const struct wave_fault *f,
		      const char *text)
{
	if (!emu->tracing)
		return;
	e.kind = (uint16_t)f->kind;
	e.write = f->write;
	e.va = f->va;
	e.size_bytes = f->size;
	e.lane = f->lane;
	put(&k->stream, EV_emu_fault, &e, sizeof(e), text, k->tid);
	stream__sync(&k->stream);
}

void trace_fault(struct worker *k, const struct dispatch *d, uint64_t pc, const struct wave_fault *f,
		 const char *insn)
{
	put_fault(k,
		  (struct ev_emu_fault){.queue = d->queue_id,
					.index = d->index,
					.ring = d->ring,
					.kernel_object = d->packet.kernel_object,
					.pc = pc},
		  f, insn);
}

void trace_injected(struct worker *k, const struct dispatch *d, unsigned int kind, const char *how)
{
	struct wave_fault f = {.kind = kind};

	trace_fault(k, d, 0, &f, how);
}

void trace_queue_fault(struct worker *k, const struct queue *q, const struct wave_fault *f,
		       const char *what)
{
	put_fault(k, (struct ev_emu_fault){.queue = q->id, .index = q->read, .ring = q->ring}, f, what);
}

/*
 * The end of the process: what the program asked for is right, the emulator cannot do it, and going
 * on would be pretending.
 */
void trace_gap(struct worker *k, uint64_t pc, const void *words, const char *what)
{
	struct ev_emu_gap e = {.pc = pc};
	char line[256];
	int n;

	memcpy(&e.word, words, sizeof(e.word));
	if (emu->tracing) {
		put(&k->stream, EV_emu_gap, &e, sizeof(e), what, k->tid);
		stream__sync(&k->stream);
	}
	if (pc)
		n = snprintf(line, sizeof(line), "emulator: %s at 0x%llx is not implemented\n", what,
			     (unsigned long long)pc);
	else
		n = snprintf(line, sizeof(line), "emulator: %s (0x%llx) is not implemented\n", what,
			     (unsigned long long)e.word);
	if (write(STDERR_FILENO, line, (size_t)n) < 0) {
	}
	_exit(EMU_EXIT_GAP);
}
