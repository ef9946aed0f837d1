// SPDX-License-Identifier: MIT
/*
 * model_events write DIR EVENTS MIX   a trace of so many events, as a program leaves them that runs for long
 * model_events read DIR               read it and make the model: events, seconds, peak memory, on one line
 *
 * MIX: launches   kernels with four buffers each, and when they ran, layer by layer as networks do
 *      random     the same, each kernel with any buffers, of which there are 100000
 *      steady     allocations and frees, of a thousand buffers at any time
 *      live       half a million allocations that stay, then launches that use them all in turn
 *      driver     KFD's ioctls and functions, ranges of buffer objects, page-table updates
 *      mixed      launches, allocations and the driver, of ten thousand buffers
 *
 * Measured with 10 M events each on one of two cores of a virtual machine (EPYC, 1 MiB of L2): launches 7.3 M/s in
 * 11 MiB, steady 8.5 in 19, mixed 4.3 in 66, driver 3.6 in 37, live 3.3 in 141, random 2.6 in 44; babeltrace2 counts
 * 0.35 M/s of launches and 2.2 of steady (while the machine did other work, too). What is below 4 waits for memory:
 * buffers are found by their addresses, which are all over it.
 */
#include "../../hsa-tools/stream/stream.h"
#include "../../usr/analysis/model.h"

#include <fcntl.h>
#include <linux/kfd_ioctl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIVE_MAX 500000u
#define KERNELS 200u
#define CLOCK_HZ 100000000ull
#define GPU_BASE 0x7f0000000000ull

static uint64_t state = 88172645463325252ull;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static struct stream agent, timer, kernel;
static uint64_t ts = 1000000000, written, index_of[2];

struct block {
	uint64_t va, size, handle;
};
static struct block live[LIVE_MAX], bos[4096];
static size_t num_live, num_bos, layer;
static bool random_buffers;

static void put(struct stream *s, enum ev_id id, const void *e, size_t size)
{
	if (!stream__write(s, id, e, size, 7, ts += 50)) {
		fprintf(stderr, "model_events: an event was not written\n");
		exit(1);
	}
	written++;
}

/* ---- the application ---- */

static void put_alloc(void)
{
	struct block *b = &live[num_live];
	struct ev_pool_alloc_ok e = {.pool = 1, .site = (uint16_t)(1 + rnd() % 20)};

	b->size = 256 + rnd() % 64 * 256;
	/* Where it was, where the next one is: addresses are given out again. */
	b->va = b->va ? b->va : GPU_BASE + num_live * 0x4000;
	e.va = b->va;
	e.size_bytes = b->size;
	put(&agent, EV_pool_alloc_ok, &e, sizeof(e));
	num_live++;
}

static void put_free(void)
{
	size_t i = rnd() % num_live;
	struct ev_mem_free e = {.kind = MEM_KIND_pool, .va = live[i].va};
	struct block freed = live[i];

	put(&agent, EV_mem_free, &e, sizeof(e));
	live[i] = live[--num_live];
	live[num_live] = freed;
}

/* A layer has its kernel and its four buffers. */
static void put_launch(void)
{
	size_t layers = num_live / 1000 * 250, l = layer++ % layers;
	uint64_t queue = l % 2, object = 0x1000 + (random_buffers ? rnd() : l) % KERNELS * 64, args[8] = {0};
	struct ev_dispatch e = {.queue_id = queue, .index = index_of[queue]++};
	struct ev_dispatch_time t = {.queue_id = queue, .index = e.index, .signal = TIMED_BY_agent};
	struct ev_pointer pointers[4];
	uint32_t grid[3] = {64 * (1 + (uint32_t)(object >> 6 & 15)), 8, 1};
	uint8_t packet[64] = {2}, *at;

	for (size_t i = 0; i < 4; i++) {
		const struct block *b = &live[random_buffers ? rnd() % num_live : 4 * l + i];

		args[i] = b->va;
		pointers[i] = (struct ev_pointer){.at = (uint16_t)(8 * i),
						  .state = POINTER_STATE_inside,
						  .kind = MEM_KIND_pool,
						  .base = b->va,
						  .size = b->size};
	}
	memcpy(packet + 4, (uint16_t[]){64, 1, 1}, 6);
	memcpy(packet + 12, grid, sizeof(grid));
	memcpy(packet + 32, &object, 8);
	at = stream__reserve(&agent, EV_dispatch, sizeof(e) + 6 + sizeof(packet) + sizeof(args) + sizeof(pointers), 7,
			     ts += 50);
	memcpy(at, &e, sizeof(e));
	at = stream__put_bytes(at + sizeof(e), packet, sizeof(packet));
	at = stream__put_bytes(at, args, sizeof(args));
	stream__put_bytes(at, pointers, sizeof(pointers));
	stream__commit(&agent);
	written++;
	t.start = ts / 10;
	t.end = t.start + 100 + rnd() % 1000;
	put(&timer, EV_dispatch_time, &t, sizeof(t));
}

/* ---- the driver ---- */

static void put_ioctl(uint32_t cmd, const void *arg, uint16_t len)
{
	struct ev_kfd_ioctl e = {.pid = (uint32_t)getpid(), .begin_dt = 40, .fd = -1, .cmd = cmd};
	uint8_t *at = stream__reserve(&kernel, EV_kfd_ioctl, sizeof(e) + 6u + len, 7, ts += 50);

	memcpy(at, &e, sizeof(e));
	at = stream__put_bytes(at + sizeof(e), arg, len);
	stream__put_bytes(stream__put_bytes(at, NULL, 0), NULL, 0);
	stream__commit(&kernel);
	written++;
}

/* What one buffer is from its beginning to its mapping: four events. */
static void put_bo(void)
{
	static uint64_t handles;
	struct block *b = &bos[num_bos];
	uint32_t pid = (uint32_t)getpid();

	b->size = 2 << 20;
	b->handle = ++handles;
	b->va = GPU_BASE + num_bos * (2ull << 20);
	put(&kernel, EV_kfd_mem_alloc,
	    &(struct ev_kfd_mem_alloc){.pid = pid, .begin_dt = 30, .va = b->va, .size_bytes = b->size, .flags = 1,
				       .mem = b->handle, .bo = b->handle, .domain = 4},
	    sizeof(struct ev_kfd_mem_alloc));
	put_ioctl(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU,
		  &(struct kfd_ioctl_alloc_memory_of_gpu_args){
			  .va_addr = b->va, .size = b->size, .handle = b->handle, .flags = 1},
		  sizeof(struct kfd_ioctl_alloc_memory_of_gpu_args));
	put(&kernel, EV_vm_bo_map,
	    &(struct ev_vm_bo_map){.pid = pid, .bo = b->handle, .vm = 1, .start = b->va >> 12,
				   .last = (b->va + b->size - 1) >> 12},
	    sizeof(struct ev_vm_bo_map));
	put(&kernel, EV_vm_update_ptes,
	    &(struct ev_vm_update_ptes){.pid = pid, .start = b->va >> 12, .end = (b->va + b->size) >> 12,
					.flags = 0x71 | (rnd() % 4 ? 0 : 3ull << 48), .vm_ctx = 7},
	    sizeof(struct ev_vm_update_ptes));
	num_bos++;
}

static void put_bo_free(void)
{
	const struct block *b = &bos[--num_bos];
	uint32_t pid = (uint32_t)getpid();

	put(&kernel, EV_vm_bo_unmap,
	    &(struct ev_vm_bo_unmap){.pid = pid, .bo = b->handle, .vm = 1, .start = b->va >> 12,
				     .last = (b->va + b->size - 1) >> 12},
	    sizeof(struct ev_vm_bo_unmap));
	put(&kernel, EV_vm_update_ptes,
	    &(struct ev_vm_update_ptes){.pid = pid, .start = b->va >> 12, .end = (b->va + b->size) >> 12, .vm_ctx = 7},
	    sizeof(struct ev_vm_update_ptes));
	put(&kernel, EV_kfd_mem, &(struct ev_kfd_mem){.pid = pid, .begin_dt = 20, .op = MEM_OP_free, .mem = b->handle},
	    sizeof(struct ev_kfd_mem));
	put_ioctl(AMDKFD_IOC_FREE_MEMORY_OF_GPU, &(struct kfd_ioctl_free_memory_of_gpu_args){.handle = b->handle},
		  sizeof(struct kfd_ioctl_free_memory_of_gpu_args));
}

/* ---- mixes ---- */

static void mix_launches(uint64_t events)
{
	while (num_live < 1000)
		put_alloc();
	while (written < events)
		put_launch();
}

static void mix_random(uint64_t events)
{
	random_buffers = true;
	while (num_live < 100000)
		put_alloc();
	while (written < events)
		put_launch();
}

static void steady(void)
{
	if (num_live < 500 || (num_live < 1500 && rnd() & 1))
		put_alloc();
	else
		put_free();
}

static void mix_steady(uint64_t events)
{
	while (written < events)
		steady();
}

static void mix_live(uint64_t events)
{
	while (num_live < LIVE_MAX)
		put_alloc();
	while (written < events)
		put_launch();
}

static void driver(void)
{
	if (num_bos < 1000 || (num_bos < 4000 && rnd() & 1))
		put_bo();
	else
		put_bo_free();
}

static void mix_driver(uint64_t events)
{
	while (written < events)
		driver();
}

static void mix_mixed(uint64_t events)
{
	while (num_live < 10500)
		put_alloc();
	while (written < events) {
		for (size_t i = 0; i < 6; i++)
			put_launch();
		num_live > 10500 ? put_free() : put_alloc();
		num_live > 10500 ? put_free() : put_alloc();
		if (rnd() % 4 == 0)
			driver();
	}
}

static void begin(void)
{
	static const char target[] = "k";

	put(&agent, EV_hsa_clock, &(struct ev_hsa_clock){.frequency_hz = CLOCK_HZ}, sizeof(struct ev_hsa_clock));
	put(&agent, EV_hsa_pool, &(struct ev_hsa_pool){.pool = 9, .flags = 4, .id = 1}, sizeof(struct ev_hsa_pool));
	for (uint16_t i = 1; i <= 20; i++)
		put(&agent, EV_call_site, &(struct ev_call_site){.id = i, .addr = 0x5000 + i}, sizeof(struct ev_call_site));
	for (uint64_t q = 0; q < 2; q++)
		put(&agent, EV_queue_create, &(struct ev_queue_create){.queue_id = q, .size = 16384, .base = 0x5000 + q},
		    sizeof(struct ev_queue_create));
	for (uint64_t k = 0; k < KERNELS; k++) {
		struct ev_kernel_symbol e = {.kernel_object = 0x1000 + k * 64};
		uint8_t *at = stream__reserve(&agent, EV_kernel_symbol, sizeof(e) + sizeof(target), 7, ts += 50);

		memcpy(at, &e, sizeof(e));
		stream__put_text(at + sizeof(e), target, sizeof(target) - 1);
		stream__commit(&agent);
		written++;
	}
}

static int write_trace(const char *dir, uint64_t events, const char *mix)
{
	static const struct {
		const char *name;
		void (*put)(uint64_t events);
	} mixes[] = {{"launches", mix_launches}, {"random", mix_random}, {"steady", mix_steady},
		     {"live", mix_live},	 {"driver", mix_driver}, {"mixed", mix_mixed}};
	static struct stream_proc agent_proc, kernel_proc;
	struct stream_meta meta;
	int fd;

	if (mkdir(dir, 0755) || (fd = open(dir, O_RDONLY | O_DIRECTORY)) < 0) {
		perror(dir);
		return 1;
	}
	stream_meta__init(&meta);
	if (stream_dir__create(fd, &meta) || stream_proc__open(&agent_proc, fd, SOURCE_agent, "agent") ||
	    stream_proc__open(&kernel_proc, fd, SOURCE_kernel, "kernel"))
		return 1;
	stream__open(&agent, &agent_proc, "1", 0, 0);
	stream__open(&timer, &agent_proc, "2", 0, 0);
	stream__open(&kernel, &kernel_proc, "0", 0, 0);
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(mixes); i++)
		if (!strcmp(mixes[i].name, mix))
			mixes[i].put(events);
	stream__close(&agent);
	stream__close(&timer);
	stream__close(&kernel);
	stream_proc__close(&agent_proc);
	stream_proc__close(&kernel_proc);
	return 0;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int read_trace(const char *dir)
{
	static struct model m;
	struct rusage usage;
	double begin, end;
	struct trace *t;
	char err[256];

	begin = seconds();
	t = trace__open(dir, err, sizeof(err));
	if (!t || model__read(&m, t, 0)) {
		fprintf(stderr, "%s\n", t ? dir : err);
		return 1;
	}
	end = seconds();
	getrusage(RUSAGE_SELF, &usage);
	printf("%llu events, %.3f s of one core, %.2f M/s, peak %ld MiB\n", (unsigned long long)m.stats.events, end - begin,
	       (double)m.stats.events / (end - begin) / 1e6, usage.ru_maxrss / 1024);
	trace__close(t);
	model__free(&m);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "write"))
		return write_trace(argv[2], strtoull(argv[3], NULL, 10), argv[4]);
	if (argc == 3 && !strcmp(argv[1], "read"))
		return read_trace(argv[2]);
	fprintf(stderr, "usage: model_events write NEW_DIR EVENTS launches|random|steady|live|driver|mixed\n"
			"       model_events read DIR\n");
	return 2;
}
