/* SPDX-License-Identifier: MIT */
/* Traces that no device would give in one run, for tests of what is made of them. */
#ifndef RDNA1_TESTS_SYNTHETIC_H
#define RDNA1_TESTS_SYNTHETIC_H

#include "trace_dir.h"
#include "../../usr/analysis/model.h"

#include <linux/kfd_ioctl.h>
#include <unistd.h>

static struct stream_proc agent, kernel, emu, recorder;
static struct stream a, k, e, r;
static char *dir;
static uint32_t ioctl_ns; /* time that calls took which eBPF saw; 0 not known */

static inline void begin(void)
{
	int fd = t_trace_dir(&dir);

	CHECK_EQ(stream_proc__open(&agent, fd, SOURCE_agent, "agent"), 0);
	CHECK_EQ(stream_proc__open(&kernel, fd, SOURCE_kernel, "kernel"), 0);
	CHECK_EQ(stream_proc__open(&emu, fd, SOURCE_emu, "emu"), 0);
	CHECK_EQ(stream_proc__open(&recorder, fd, SOURCE_recorder, "recorder"), 0);
	stream__open(&r, &recorder, "1", 0, 0);
	stream__open(&a, &agent, "1", 0, 0);
	stream__open(&k, &kernel, "0", 0, 0);
	stream__open(&e, &emu, "1", 0, 0);
	close(fd);
}

/* gfx_target_version: as session.json would have it. */
static inline struct model end_of(unsigned int gfx_target_version)
{
	struct trace *t;
	struct model m;
	char err[256];

	stream__close(&r);
	stream__close(&a);
	stream__close(&k);
	stream__close(&e);
	stream_proc__close(&recorder);
	stream_proc__close(&agent);
	stream_proc__close(&kernel);
	stream_proc__close(&emu);
	t = trace__open(dir, err, sizeof(err));
	CHECK(t);
	CHECK_EQ(model__read(&m, t, gfx_target_version), 0);
	trace__close(t);
	return m;
}

static inline struct model end(void)
{
	return end_of(0);
}

static inline void put_alloc(uint64_t va, uint64_t size, uint64_t ts)
{
	struct ev_pool_alloc x = {.size_bytes = size, .va = va, .pool = 9};

	stream__write(&a, EV_pool_alloc, &x, sizeof(x), 1, ts);
}

static inline void put_free(uint64_t va, uint64_t ts)
{
	struct ev_pool_free x = {.va = va};

	stream__write(&a, EV_pool_free, &x, sizeof(x), 1, ts);
}

/* An ioctl as eBPF (from_ebpf) or the emulated device's own log has it. */
static inline void put_ioctl(bool from_ebpf, uint32_t pid, uint32_t cmd, const void *arg,
			     uint16_t len, int64_t ret, uint64_t ts)
{
	struct ev_kfd_ioctl x = {.pid = pid, .begin_dt = ioctl_ns, .cmd = cmd, .ret = ret};
	struct ev_emu_ioctl y = {.pid = pid, .caller = pid, .cmd = cmd, .ret = ret};
	struct stream *s = from_ebpf ? &k : &e;
	size_t fixed = from_ebpf ? sizeof(x) : sizeof(y);
	uint8_t *at = stream__reserve(s, from_ebpf ? EV_kfd_ioctl : EV_emu_ioctl, fixed + 6u + len,
				      pid, ts);

	memcpy(at, from_ebpf ? (void *)&x : (void *)&y, fixed);
	at = stream__put_bytes(at + fixed, arg, len);
	at = stream__put_bytes(at, NULL, 0);
	stream__put_bytes(at, NULL, 0);
	stream__commit(s);
}

static inline void put_bo_flags(bool from_ebpf, uint32_t pid, uint64_t handle, uint64_t va,
				uint64_t size, uint32_t flags, uint64_t ts)
{
	struct kfd_ioctl_alloc_memory_of_gpu_args x = {
		.va_addr = va, .size = size, .handle = handle, .flags = flags};

	put_ioctl(from_ebpf, pid, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &x, sizeof(x), 0, ts);
}

static inline void put_bo(bool from_ebpf, uint32_t pid, uint64_t handle, uint64_t va, uint64_t size,
			  uint64_t ts)
{
	put_bo_flags(from_ebpf, pid, handle, va, size, 1, ts);
}

static inline void put_bo_free(bool from_ebpf, uint32_t pid, uint64_t handle, uint64_t ts)
{
	struct kfd_ioctl_free_memory_of_gpu_args x = {.handle = handle};

	put_ioctl(from_ebpf, pid, AMDKFD_IOC_FREE_MEMORY_OF_GPU, &x, sizeof(x), 0, ts);
}

/* A page-table update as the driver's tracepoint has it. */
static inline void put_ptes(uint32_t pid, uint64_t start, uint64_t end, uint64_t flags, uint64_t ts)
{
	struct ev_vm_update_ptes x = {
		.pid = pid, .start = start, .end = end, .flags = flags, .vm_ctx = 7};

	stream__write(&k, EV_vm_update_ptes, &x, sizeof(x), 1, ts);
}

/* A hook; on 0: off, for a reason. */
static inline void put_hook(const char *name, uint8_t on, const char *reason)
{
	struct ev_hook x = {.on = on};
	uint8_t *at =
		stream__reserve(&r, EV_hook, sizeof(x) + strlen(name) + strlen(reason) + 4, 1, 1);

	memcpy(at, &x, sizeof(x));
	at = stream__put_text(at + sizeof(x), name, strlen(name));
	at = stream__put_text(at, reason, strlen(reason));
	stream__put_text(at, "-", 1);
	stream__commit(&r);
}

/* gfx10: VALID, EXECUTABLE, READABLE, WRITEABLE with a memory type. */
#define PTE_OF(mtype) (0x71ull | (uint64_t)(mtype) << 48)
#define PTE_HOST 6ull /* SYSTEM, SNOOPED */

#endif
