// SPDX-License-Identifier: MIT
/*
 * Every way of the HSA runtime to get, register, share and move memory, each call with what a trace must have of
 * it on a line of its own:
 *
 *	NAME status=0x0 address=0x7f... size=8192 [pool=gpu-coarse] [...]
 *
 * Each object has a size of its own; host memory to read it back has the same. What can be verified is: the last
 * line is "ok: N checks". Arguments: regions pools late lock copies migrate signals ipc svm interop vmem dmabuf, any of them.
 * ipc needs --emulate=ipc, svm --emulate=svm; vmem and dmabuf are of ROCm 6.
 */
#include "hsa_check.h"

#include <drm/amdgpu_drm.h>
#include <fcntl.h>
#include <hsa/hsa_ext_amd.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ull
#define MAX_POOLS 16

struct pool {
	hsa_amd_memory_pool_t pool;
	hsa_agent_t agent;
	bool gpu;
	size_t granule;
	char name[32];
};

static struct pool pools[MAX_POOLS];
static unsigned int num_pools, checks, failures;
static size_t next_size = 8 * PAGE;

static void check(bool ok, const char *what)
{
	checks++;
	if (ok)
		return;
	failures++;
	printf("WRONG: %s\n", what);
}

/* A size that no other allocation has. */
static size_t new_size(void)
{
	return next_size += 3 * PAGE;
}

#define SAY(call, status, format, ...)                                                             \
	do {                                                                                       \
		printf(#call " status=0x%x " format "\n", (unsigned int)(status), __VA_ARGS__);    \
		fflush(stdout);                                                                    \
	} while (0)
/* The call must work. */
#define DONE(call, status, format, ...)                                                            \
	do {                                                                                       \
		hsa_status_t status_ = (status);                                                   \
                                                                                                   \
		SAY(call, status_, format, __VA_ARGS__);                                           \
		check(status_ == HSA_STATUS_SUCCESS, #call);                                       \
	} while (0)

/* ---- pools ---- */

static hsa_status_t take_pool(hsa_amd_memory_pool_t pool, void *agent)
{
	struct pool *p = &pools[num_pools];
	hsa_amd_segment_t segment;
	uint32_t flags = 0;
	bool allowed = false;

	HSA(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_SEGMENT, &segment));
	HSA(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_RUNTIME_ALLOC_ALLOWED, &allowed));
	if (segment != HSA_AMD_SEGMENT_GLOBAL || !allowed || num_pools == MAX_POOLS)
		return HSA_STATUS_SUCCESS;
	HSA(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_GLOBAL_FLAGS, &flags));
	HSA(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_RUNTIME_ALLOC_GRANULE, &p->granule));
	p->pool = pool;
	p->agent = *(hsa_agent_t *)agent;
	p->gpu = p->agent.handle == gpu.handle;
	snprintf(p->name, sizeof(p->name), "%s-%s%s", p->gpu ? "gpu" : "cpu",
		 flags & HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_KERNARG_INIT ? "kernarg-" : "",
		 flags & HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_FINE_GRAINED ? "fine" : "coarse");
	num_pools++;
	return HSA_STATUS_SUCCESS;
}

static const struct pool *pool_named(const char *name)
{
	for (unsigned int i = 0; i < num_pools; i++)
		if (!strcmp(pools[i].name, name))
			return &pools[i];
	printf("no pool %s\n", name);
	exit(1);
}

static void *pool_memory(const char *name, size_t size)
{
	void *p = NULL;

	DONE(hsa_amd_memory_pool_allocate, hsa_amd_memory_pool_allocate(pool_named(name)->pool, size, 0, &p),
	     "address=%p size=%zu pool=%s", p, size, name);
	return p;
}

static void pool_free(void *p)
{
	DONE(hsa_amd_memory_pool_free, hsa_amd_memory_pool_free(p), "address=%p", p);
}

/* Host memory that both can use. */
static uint32_t *staging(size_t size)
{
	uint32_t *p = pool_memory("cpu-fine", size);

	DONE(hsa_amd_agents_allow_access, hsa_amd_agents_allow_access(1, &gpu, NULL, p), "address=%p agents=1", (void *)p);
	return p;
}

static bool all_are(const uint32_t *p, size_t bytes, uint32_t value)
{
	for (size_t i = 0; i < bytes / 4; i++)
		if (p[i] != value)
			return false;
	return true;
}

/* What the device has there, through host memory of the runtime's. */
static bool device_has(const void *p, size_t bytes, uint32_t value)
{
	uint32_t *host = staging(bytes);
	bool right;

	memset(host, 0, bytes);
	DONE(hsa_memory_copy, hsa_memory_copy(host, p, bytes), "address=%p from=%p size=%zu", (void *)host, p, bytes);
	right = all_are(host, bytes, value);
	pool_free(host);
	return right;
}

static void fill(void *p, uint32_t value, size_t bytes)
{
	DONE(hsa_amd_memory_fill, hsa_amd_memory_fill(p, value, bytes / 4), "address=%p size=%zu", p, bytes);
}

static void every_pool(void)
{
	for (unsigned int i = 0; i < num_pools; i++) {
		size_t size = new_size();
		void *p = pool_memory(pools[i].name, size);
		hsa_amd_pointer_info_t info = {.size = sizeof(info)};

		DONE(hsa_amd_agents_allow_access, hsa_amd_agents_allow_access(1, &gpu, NULL, p), "address=%p agents=1", p);
		HSA(hsa_amd_pointer_info(p, &info, NULL, NULL, NULL));
		check(info.agentBaseAddress == p && info.sizeInBytes == size, "hsa_amd_pointer_info");
		fill(p, 0x1234567 + i, size);
		check(device_has(p, size, 0x1234567 + i), pools[i].name);
		pool_free(p);
	}
	DONE(hsa_amd_memory_pool_free, hsa_amd_memory_pool_free(NULL), "address=%p", NULL);
	{
		void *p = (void *)1;
		hsa_status_t status = hsa_amd_memory_pool_allocate(pool_named("gpu-coarse")->pool, 1ull << 46, 0, &p);

		SAY(hsa_amd_memory_pool_allocate, status, "address=%p size=%llu pool=gpu-coarse", NULL, 1ull << 46);
		check(status != HSA_STATUS_SUCCESS, "64 TiB");
	}
}

static hsa_status_t free_again(void *p)
{
	hsa_status_t status = hsa_amd_memory_pool_free(p);

	SAY(hsa_amd_memory_pool_free, status, "address=%p", p);
	return status;
}

/* Freed twice; more than the card has, a piece at a time; more than there may be pieces. For --late-free. */
static void late(void)
{
	const size_t large = 768ull << 20, size = new_size();
	void *p = pool_memory("gpu-coarse", size);

	pool_free(p);
	check(free_again(p) == HSA_STATUS_ERROR_INVALID_ALLOCATION, "freed again");
	check(free_again((void *)0x1000) == HSA_STATUS_ERROR_INVALID_ALLOCATION, "never allocated");
	for (int i = 0; i < 12; i++) {
		p = pool_memory("gpu-coarse", large);
		pool_free(p);
	}
	for (int i = 0; i < 5000; i++) {
		void *small = NULL;

		HSA(hsa_amd_memory_pool_allocate(pool_named("cpu-coarse")->pool, PAGE, 0, &small));
		memset(small, i, PAGE);
		HSA(hsa_amd_memory_pool_free(small));
	}
	p = pool_memory("gpu-coarse", size);
	fill(p, 0x4321, size);
	check(device_has(p, size, 0x4321), "after all of that");
	pool_free(p);
}

/* ---- the core API: regions ---- */

static hsa_status_t one_region(hsa_region_t region, void *agent)
{
	const bool of_gpu = ((hsa_agent_t *)agent)->handle == gpu.handle;
	hsa_region_segment_t segment;
	size_t size = new_size();
	uint32_t flags = 0;
	bool allowed = false;
	void *p = NULL;

	HSA(hsa_region_get_info(region, HSA_REGION_INFO_SEGMENT, &segment));
	HSA(hsa_region_get_info(region, HSA_REGION_INFO_RUNTIME_ALLOC_ALLOWED, &allowed));
	HSA(hsa_region_get_info(region, HSA_REGION_INFO_GLOBAL_FLAGS, &flags));
	if (segment != HSA_REGION_SEGMENT_GLOBAL || !allowed)
		return HSA_STATUS_SUCCESS;
	DONE(hsa_memory_allocate, hsa_memory_allocate(region, size, &p), "address=%p size=%zu pool=%s-%s%s", p, size,
	     of_gpu ? "gpu" : "cpu", flags & HSA_REGION_GLOBAL_FLAG_KERNARG ? "kernarg-" : "",
	     flags & HSA_REGION_GLOBAL_FLAG_FINE_GRAINED ? "fine" : "coarse");
	DONE(hsa_memory_assign_agent, hsa_memory_assign_agent(p, gpu, HSA_ACCESS_PERMISSION_RW), "address=%p", p);
	fill(p, 0x77, size);
	check(device_has(p, size, 0x77), "region");
	DONE(hsa_memory_free, hsa_memory_free(p), "address=%p", p);
	return HSA_STATUS_SUCCESS;
}

static void regions(void)
{
	size_t size = new_size();
	void *p = aligned_alloc(PAGE, size);

	HSA(hsa_agent_iterate_regions(cpu, one_region, &cpu));
	HSA(hsa_agent_iterate_regions(gpu, one_region, &gpu));
	DONE(hsa_memory_register, hsa_memory_register(p, size), "address=%p size=%zu", p, size);
	DONE(hsa_memory_deregister, hsa_memory_deregister(p, size), "address=%p size=%zu", p, size);
	free(p);
}

/* ---- memory of the application's ---- */

static void lock(void)
{
	const struct pool *fine = pool_named("cpu-fine");
	size_t size = new_size();
	uint32_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *at = NULL;

	DONE(hsa_amd_memory_lock, hsa_amd_memory_lock(p, size, &gpu, 1, &at), "address=%p size=%zu agent_address=%p",
	     (void *)p, size, at);
	fill(at, 5, size);
	check(all_are(p, size, 5), "locked");
	DONE(hsa_amd_memory_unlock, hsa_amd_memory_unlock(p), "address=%p", (void *)p);
	/* Neither the address nor the size whole pages. */
	DONE(hsa_amd_memory_lock, hsa_amd_memory_lock(p + 3, 1000, NULL, 0, &at),
	     "address=%p size=1000 agent_address=%p", (void *)(p + 3), at);
	fill(at, 6, 1000);
	check(all_are(p + 3, 1000, 6) && p[2] == 5 && p[253] == 5, "locked in part");
	DONE(hsa_amd_memory_unlock, hsa_amd_memory_unlock(p + 3), "address=%p", (void *)(p + 3));
	DONE(hsa_amd_memory_lock_to_pool, hsa_amd_memory_lock_to_pool(p, size, &gpu, 1, fine->pool, 0, &at),
	     "address=%p size=%zu agent_address=%p pool=cpu-fine", (void *)p, size, at);
	fill(at, 7, size);
	check(all_are(p, size, 7), "locked to a pool");
	DONE(hsa_amd_memory_unlock, hsa_amd_memory_unlock(p), "address=%p", (void *)p);
	munmap(p, size);
}

/* ---- copies ---- */

static void wait_zero(hsa_signal_t s)
{
	check(!hsa_signal_wait_scacquire(s, HSA_SIGNAL_CONDITION_LT, 1, UINT64_MAX, HSA_WAIT_STATE_BLOCKED), "signal");
}

static void copy(void *to, hsa_agent_t to_agent, const void *from, hsa_agent_t from_agent, size_t size)
{
	hsa_signal_t done = new_signal(1);

	DONE(hsa_amd_memory_async_copy, hsa_amd_memory_async_copy(to, to_agent, from, from_agent, size, 0, NULL, done),
	     "address=%p from=%p size=%zu signal=0x%" PRIx64, to, from, size, done.handle);
	wait_zero(done);
	HSA(hsa_signal_destroy(done));
}

static void copies(void)
{
	size_t size = new_size();
	uint32_t *host = staging(size), *device = pool_memory("gpu-coarse", size);
	hsa_signal_t done = new_signal(1), gate = new_signal(1);
	const hsa_pitched_ptr_t from = {host, 256, 256 * 16}, to = {device, 512, 512 * 8};
	const hsa_dim3_t zero = {0, 0, 0}, range = {128, 8, 1};

	for (size_t i = 0; i < size / 4; i++)
		host[i] = 9;
	DONE(hsa_amd_memory_async_copy, hsa_amd_memory_async_copy(device, gpu, host, cpu, size, 0, NULL, done),
	     "address=%p from=%p size=%zu signal=0x%" PRIx64, (void *)device, (void *)host, size, done.handle);
	wait_zero(done);
	check(device_has(device, size, 9), "copied to the device");
	/* One that waits for another signal first. */
	memset(host, 0, size);
	hsa_signal_store_relaxed(done, 1);
	DONE(hsa_amd_memory_async_copy, hsa_amd_memory_async_copy(host, cpu, device, gpu, size, 1, &gate, done),
	     "address=%p from=%p size=%zu signal=0x%" PRIx64, (void *)host, (void *)device, size, done.handle);
	usleep(10000);
	check(hsa_signal_load_relaxed(done) == 1 && all_are(host, size, 0), "waits for its dependency");
	hsa_signal_store_screlease(gate, 0);
	wait_zero(done);
	check(all_are(host, size, 9), "copied back");
	for (size_t i = 0; i < size / 4; i++)
		host[i] = 10;
	hsa_signal_store_relaxed(done, 1);
	DONE(hsa_amd_memory_async_copy_rect,
	     hsa_amd_memory_async_copy_rect(&to, &zero, &from, &zero, &range, gpu, hsaHostToDevice, 0, NULL, done),
	     "address=%p from=%p size=%u signal=0x%" PRIx64, (void *)device, (void *)host,
	     range.x * range.y * range.z, done.handle);
	wait_zero(done);
	for (unsigned int y = 0; y < 8; y++)
		check(device_has(device + y * 128, 128, 10) && device_has(device + y * 128 + 32, 512 - 128, 9), "rectangle");
#if HSA_AMD_INTERFACE_VERSION_MINOR >= 2
	hsa_signal_store_relaxed(done, 1);
	DONE(hsa_amd_memory_async_copy_on_engine,
	     hsa_amd_memory_async_copy_on_engine(device, gpu, host, cpu, size, 0, NULL, done, HSA_AMD_SDMA_ENGINE_0, true),
	     "address=%p from=%p size=%zu signal=0x%" PRIx64 " engine=%d", (void *)device, (void *)host, size,
	     done.handle, HSA_AMD_SDMA_ENGINE_0);
	wait_zero(done);
	check(device_has(device, size, 10), "copied by engine 0");
#endif
	pool_free(device);
	pool_free(host);
	HSA(hsa_signal_destroy(done));
	HSA(hsa_signal_destroy(gate));
}

/* ROCr 5.2.3 and 6.4: "not implemented yet". */
static void migrate(void)
{
	void *p = pool_memory("gpu-coarse", new_size());
	hsa_status_t status = hsa_amd_memory_migrate(p, pool_named("cpu-fine")->pool, 0);

	SAY(hsa_amd_memory_migrate, status, "address=%p pool=cpu-fine", p);
	pool_free(p);
}

static void signals(void)
{
	hsa_signal_t s;

	for (int i = 0; i < 3; i++) {
		DONE(hsa_signal_create, hsa_signal_create(i, 0, NULL, &s), "signal=0x%" PRIx64 " value=%d", s.handle, i);
		DONE(hsa_signal_destroy, hsa_signal_destroy(s), "signal=0x%" PRIx64, s.handle);
	}
	DONE(hsa_signal_create, hsa_signal_create(7, 1, &gpu, &s), "signal=0x%" PRIx64 " value=7", s.handle);
	DONE(hsa_signal_destroy, hsa_signal_destroy(s), "signal=0x%" PRIx64, s.handle);
	DONE(hsa_amd_signal_create, hsa_amd_signal_create(8, 0, NULL, HSA_AMD_SIGNAL_AMD_GPU_ONLY, &s),
	     "signal=0x%" PRIx64 " value=8", s.handle);
	DONE(hsa_signal_destroy, hsa_signal_destroy(s), "signal=0x%" PRIx64, s.handle);
}

/* ---- between processes ---- */

/* The other process: what the handle names is 11, and is 12 afterwards. */
static int attach(const char *hex, size_t size)
{
	hsa_amd_ipc_memory_t handle;
	void *p = NULL;

	for (int i = 0; i < 8; i++)
		sscanf(hex + 8 * i, "%8x", &handle.handle[i]);
	DONE(hsa_amd_ipc_memory_attach, hsa_amd_ipc_memory_attach(&handle, size, 1, &gpu, &p), "address=%p size=%zu", p, size);
	if (!p)
		return 1;
	check(device_has(p, size, 11), "what the other process has written");
	fill(p, 12, size);
	check(device_has(p, size, 12), "what was filled here");
	DONE(hsa_amd_ipc_memory_detach, hsa_amd_ipc_memory_detach(p), "address=%p", p);
	return failures != 0;
}

static int run_attach(const hsa_amd_ipc_memory_t *handle, size_t size)
{
	char hex[65], bytes[32];
	int status = -1;
	pid_t pid;

	for (int i = 0; i < 8; i++)
		sprintf(hex + 8 * i, "%08x", handle->handle[i]);
	snprintf(bytes, sizeof(bytes), "%zu", size);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		execl("/proc/self/exe", "hsa-memory", "attach", hex, bytes, NULL);
		_exit(9);
	}
	return pid < 0 || waitpid(pid, &status, 0) != pid ? -1 : status;
}

static void ipc(void)
{
	/* Cut from a block of 2 MiB, and a buffer of its own. */
	const size_t sizes[] = {new_size(), (4u << 20) + new_size()};

	for (int i = 0; i < 2; i++) {
		void *p = pool_memory("gpu-coarse", sizes[i]);
		hsa_amd_ipc_memory_t handle = {{0}};

		fill(p, 11, sizes[i]);
		DONE(hsa_amd_ipc_memory_create, hsa_amd_ipc_memory_create(p, sizes[i], &handle), "address=%p size=%zu", p,
		     sizes[i]);
		check(!run_attach(&handle, sizes[i]), "the other process");
		check(device_has(p, sizes[i], 12), "what the other process has left");
		pool_free(p);
	}
}

/* ---- shared virtual memory ---- */

static void svm(void)
{
	size_t size = new_size();
	uint32_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hsa_amd_svm_attribute_pair_t set[] = {{HSA_AMD_SVM_ATTRIB_AGENT_ACCESSIBLE, gpu.handle},
					      {HSA_AMD_SVM_ATTRIB_GLOBAL_FLAG, HSA_AMD_SVM_GLOBAL_FLAG_FINE_GRAINED}};
	hsa_amd_svm_attribute_pair_t get[] = {{HSA_AMD_SVM_ATTRIB_ACCESS_QUERY, gpu.handle},
					      {HSA_AMD_SVM_ATTRIB_GLOBAL_FLAG, 0}};
	hsa_signal_t done = new_signal(1);
	void *device;

	memset(p, 0, size);
	DONE(hsa_amd_svm_attributes_set, hsa_amd_svm_attributes_set(p, size, set, 2), "address=%p size=%zu attributes=2",
	     (void *)p, size);
	DONE(hsa_amd_svm_attributes_get, hsa_amd_svm_attributes_get(p, size, get, 2), "address=%p size=%zu attributes=2",
	     (void *)p, size);
	check(get[0].attribute == HSA_AMD_SVM_ATTRIB_AGENT_ACCESSIBLE, "accessible");
	DONE(hsa_amd_svm_prefetch_async, hsa_amd_svm_prefetch_async(p, size, gpu, 0, NULL, done),
	     "address=%p size=%zu signal=0x%" PRIx64, (void *)p, size, done.handle);
	wait_zero(done);
	/* hsa_amd_memory_fill takes only what the runtime has allocated. */
	device = pool_memory("gpu-coarse", size);
	fill(device, 13, size);
	copy(p, gpu, device, gpu, size);
	check(all_are(p, size, 13), "copied there by the device");
	HSA(hsa_signal_destroy(done));
	pool_free(device);
	munmap(p, size);
}

/* ---- dma-bufs ---- */

/* As a graphics API would: a GEM object of the render node, exported. */
static int gem_dmabuf(size_t size)
{
	int render = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
	union drm_amdgpu_gem_create create = {
		.in = {.bo_size = size, .alignment = PAGE, .domains = AMDGPU_GEM_DOMAIN_VRAM}};
	struct drm_prime_handle prime = {.flags = DRM_CLOEXEC | DRM_RDWR};
	struct drm_gem_close close_gem = {0};

	check(render >= 0 && !ioctl(render, DRM_IOCTL_AMDGPU_GEM_CREATE, &create), "AMDGPU_GEM_CREATE");
	close_gem.handle = prime.handle = create.out.handle;
	check(!ioctl(render, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), "PRIME_HANDLE_TO_FD");
	check(!ioctl(render, DRM_IOCTL_GEM_CLOSE, &close_gem), "GEM_CLOSE");
	close(render);
	return prime.fd;
}

/* A buffer by its dma-buf, filled and read here, must be what `same` is, too. */
static void map_dmabuf(int fd, size_t want, void *same)
{
	const void *metadata = NULL;
	size_t size = 0, metadata_size = 0;
	void *p = NULL;

	DONE(hsa_amd_interop_map_buffer,
	     hsa_amd_interop_map_buffer(1, &gpu, fd, 0, &size, &p, &metadata_size, &metadata),
	     "address=%p size=%zu fd=%d", p, size, fd);
	if (!p)
		return;
	check(size >= want, "size of the buffer");
	fill(p, 14, want);
	check(device_has(same ? same : p, want, 14), "filled by way of the dma-buf");
	DONE(hsa_amd_interop_unmap_buffer, hsa_amd_interop_unmap_buffer(p), "address=%p", p);
}

static void interop(void)
{
	size_t size = new_size();
	int fd = gem_dmabuf(size), null = open("/dev/null", O_RDWR);
	void *p;

	map_dmabuf(fd, size, NULL);
	map_dmabuf(fd, size, NULL);
	close(fd);
	SAY(hsa_amd_interop_map_buffer, hsa_amd_interop_map_buffer(1, &gpu, null, 0, &size, &p, NULL, NULL), "fd=%d", null);
	close(null);
}

#if HSA_AMD_INTERFACE_VERSION_MINOR >= 1
static void dmabuf(void)
{
	size_t size = (2u << 20) + new_size();
	void *p = pool_memory("gpu-coarse", size);
	uint64_t offset = 0;
	int fd = -1;

	DONE(hsa_amd_portable_export_dmabuf, hsa_amd_portable_export_dmabuf(p, size, &fd, &offset),
	     "address=%p size=%zu offset=%" PRIu64 " fd=%d", p, size, offset, fd);
	if (fd >= 0) {
		map_dmabuf(fd, size, p);
		DONE(hsa_amd_portable_close_dmabuf, hsa_amd_portable_close_dmabuf(fd), "fd=%d", fd);
	}
	pool_free(p);
}
#endif

#if HSA_AMD_INTERFACE_VERSION_MINOR >= 6
/* Addresses, then memory there. */
static void *reserve_and_map(hsa_amd_vmem_alloc_handle_t handle, size_t size)
{
	const hsa_amd_memory_access_desc_t access = {HSA_ACCESS_PERMISSION_RW, gpu};
	hsa_access_permission_t permission = HSA_ACCESS_PERMISSION_NONE;
	void *va = NULL;

	DONE(hsa_amd_vmem_address_reserve, hsa_amd_vmem_address_reserve(&va, size, 0, 0), "address=%p size=%zu", va, size);
	DONE(hsa_amd_vmem_map, hsa_amd_vmem_map(va, size, 0, handle, 0), "address=%p size=%zu handle=0x%" PRIx64, va,
	     size, handle.handle);
	DONE(hsa_amd_vmem_set_access, hsa_amd_vmem_set_access(va, size, &access, 1), "address=%p size=%zu agents=1", va,
	     size);
	HSA(hsa_amd_vmem_get_access(va, &permission, gpu));
	check(permission == HSA_ACCESS_PERMISSION_RW, "access");
	return va;
}

static void unmap_and_release(void *va, hsa_amd_vmem_alloc_handle_t handle, size_t size)
{
	DONE(hsa_amd_vmem_unmap, hsa_amd_vmem_unmap(va, size), "address=%p size=%zu", va, size);
	DONE(hsa_amd_vmem_handle_release, hsa_amd_vmem_handle_release(handle), "handle=0x%" PRIx64, handle.handle);
	DONE(hsa_amd_vmem_address_free, hsa_amd_vmem_address_free(va, size), "address=%p size=%zu", va, size);
}

/* The same memory by a file descriptor, at other addresses. */
static void import(hsa_amd_vmem_alloc_handle_t handle, uint32_t *to, size_t size)
{
	hsa_amd_vmem_alloc_handle_t imported = {0};
	int fd = -1;
	void *va;

	DONE(hsa_amd_vmem_export_shareable_handle, hsa_amd_vmem_export_shareable_handle(&fd, handle, 0),
	     "handle=0x%" PRIx64 " fd=%d", handle.handle, fd);
	DONE(hsa_amd_vmem_import_shareable_handle, hsa_amd_vmem_import_shareable_handle(fd, &imported),
	     "handle=0x%" PRIx64 " fd=%d", imported.handle, fd);
	close(fd);
	if (!imported.handle)
		return;
	va = reserve_and_map(imported, size);
	memset(to, 0, size);
	copy(to, cpu, va, gpu, size);
	check(all_are(to, size, 15), "the same by way of its dma-buf");
	unmap_and_release(va, imported, size);
}

static void vmem(void)
{
	const struct pool *pool = pool_named("gpu-coarse");
	size_t size = (new_size() + pool->granule - 1) / pool->granule * pool->granule;
	hsa_amd_vmem_alloc_handle_t handle = {0};
	void *va, *aligned = NULL;
	uint32_t *from, *to;

	DONE(hsa_amd_vmem_address_reserve_align, hsa_amd_vmem_address_reserve_align(&aligned, size, 0, 2u << 20, 0),
	     "address=%p size=%zu", aligned, size);
	DONE(hsa_amd_vmem_address_free, hsa_amd_vmem_address_free(aligned, size), "address=%p size=%zu", aligned, size);
	DONE(hsa_amd_vmem_handle_create, hsa_amd_vmem_handle_create(pool->pool, size, MEMORY_TYPE_NONE, 0, &handle),
	     "handle=0x%" PRIx64 " size=%zu pool=%s", handle.handle, size, pool->name);
	if (!handle.handle)
		return;
	va = reserve_and_map(handle, size);
	/* Neither hsa_amd_memory_fill nor hsa_memory_copy knows such an address. */
	from = staging(size);
	to = staging(size);
	for (size_t i = 0; i < size / 4; i++)
		from[i] = 15;
	copy(va, gpu, from, cpu, size);
	copy(to, cpu, va, gpu, size);
	check(all_are(to, size, 15), "copied there and back");
	import(handle, to, size);
	pool_free(from);
	pool_free(to);
	unmap_and_release(va, handle, size);
}
#endif

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{"regions", regions}, {"pools", every_pool}, {"late", late}, {"lock", lock}, {"copies", copies},   {"migrate", migrate},
	{"signals", signals}, {"ipc", ipc},	     {"svm", svm},   {"interop", interop},
#if HSA_AMD_INTERFACE_VERSION_MINOR >= 1
	{"dmabuf", dmabuf},
#endif
#if HSA_AMD_INTERFACE_VERSION_MINOR >= 6
	{"vmem", vmem},
#endif
};

static bool run(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(modes[i].name, name)) {
			modes[i].run();
			return true;
		}
	return false;
}

int main(int argc, char **argv)
{
	int status = 0;

	HSA(hsa_init());
	HSA(hsa_iterate_agents(take_agent, NULL));
	HSA(hsa_amd_agent_iterate_memory_pools(cpu, take_pool, &cpu));
	HSA(hsa_amd_agent_iterate_memory_pools(gpu, take_pool, &gpu));
	if (argc == 4 && !strcmp(argv[1], "attach")) {
		status = attach(argv[2], strtoull(argv[3], NULL, 0));
	} else {
		for (int i = 1; i < argc; i++)
			if (!run(argv[i])) {
				fprintf(stderr, "hsa-memory: no '%s' here\n", argv[i]);
				return 2;
			}
	}
	HSA(hsa_shut_down());
	if (failures || !checks)
		printf("WRONG: %u of %u checks\n", failures, checks);
	else
		printf("ok: %u checks\n", checks);
	return status || failures || !checks;
}
