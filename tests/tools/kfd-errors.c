// SPDX-License-Identifier: MIT
/*
 * KFD ioctls with wrong arguments, broken off by signals, and across fork: each must answer as
 * kfd_chardev.c, kfd_events.c and amdgpu_amdkfd_gpuvm.c do (Linux 6.1), and leave the device working.
 * With the argument "forks": children of a process whose threads are in calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kfd_ioctl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define GPU 0x5e00
#define UNMAPPED 0x123456000ull /* no process has anything there */
#define WRITABLE (1u << 31)

static int kfd, wrong;

static void expect(const char *what, unsigned long cmd, void *arg, int err)
{
	int got = ioctl(kfd, cmd, arg) ? errno : 0;

	if (got != err) {
		printf("%s: %s, not %s\n", what, strerrorname_np(got) ?: "0", strerrorname_np(err) ?: "0");
		wrong++;
	}
}

static void alive(void)
{
	struct kfd_ioctl_create_event_args e = {.event_type = KFD_IOC_EVENT_SIGNAL};

	expect("CREATE_EVENT afterwards", AMDKFD_IOC_CREATE_EVENT, &e, 0);
}

static void alloc(const char *what, unsigned int flags, __u64 va, __u64 size, __u64 cpu, int err)
{
	struct kfd_ioctl_alloc_memory_of_gpu_args a = {
		.va_addr = va, .size = size, .gpu_id = GPU, .mmap_offset = cpu, .flags = flags};
	struct kfd_ioctl_free_memory_of_gpu_args f;

	expect(what, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &a, err);
	f.handle = a.handle;
	if (!err)
		expect("FREE_MEMORY", AMDKFD_IOC_FREE_MEMORY_OF_GPU, &f, 0);
}

static void memory(void)
{
	const unsigned int userptr = KFD_IOC_ALLOC_MEM_FLAGS_USERPTR, vram = KFD_IOC_ALLOC_MEM_FLAGS_VRAM;
	void *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u64 cpu = (unsigned long)page;

	alloc("no kind of memory", 0, 1ull << 40, 4096, 0, EINVAL);
	alloc("two kinds of memory", userptr | vram, 1ull << 40, 4096, cpu, EINVAL);
	alloc("size 0", vram, 1ull << 40, 0, 0, EINVAL);
	alloc("address within a page", vram, (1ull << 40) + 8, 4096, 0, EINVAL);
	alloc("more VRAM than there is", vram, 1ull << 40, 7ull << 30, 0, ENOMEM);
	alloc("VRAM for the host on a small BAR", vram | KFD_IOC_ALLOC_MEM_FLAGS_PUBLIC, 1ull << 40, 4096, 0,
	      EINVAL);
	alloc("past the end of the address space", vram, (1ull << 47) - 4096, 8192, 0, EINVAL);
	alloc("around the end of 64 bits", vram, -4096ull, 8192, 0, EINVAL);
	alloc("user memory that is not there", userptr | WRITABLE, 1ull << 40, 4096, UNMAPPED, EFAULT);
	alloc("user memory", userptr | WRITABLE, 1ull << 40, 8192, cpu, 0);
	munmap((char *)page + 4096, 4096);
	alloc("user memory half there", userptr | WRITABLE, 1ull << 40, 8192, cpu, EFAULT);
	mprotect(page, 4096, PROT_READ);
	alloc("read-only user memory to write", userptr | WRITABLE, 1ull << 40, 4096, cpu, EFAULT);
	alloc("read-only user memory to read", userptr, 1ull << 40, 4096, cpu, 0);
}

static void maps(void)
{
	struct kfd_ioctl_alloc_memory_of_gpu_args a = {.va_addr = 1ull << 40,
						       .size = 4096,
						       .gpu_id = GPU,
						       .flags = KFD_IOC_ALLOC_MEM_FLAGS_VRAM};
	__u32 good = GPU, bad = 7;
	struct kfd_ioctl_map_memory_to_gpu_args m = {.n_devices = 1};

	expect("ALLOC_MEMORY", AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &a, 0);
	m.handle = a.handle;
	m.device_ids_array_ptr = UNMAPPED;
	expect("MAP with a list that is not there", AMDKFD_IOC_MAP_MEMORY_TO_GPU, &m, EFAULT);
	m.device_ids_array_ptr = (unsigned long)&bad;
	expect("MAP on another device", AMDKFD_IOC_MAP_MEMORY_TO_GPU, &m, EINVAL);
	m.device_ids_array_ptr = (unsigned long)&good;
	m.n_devices = 0;
	expect("MAP on no device", AMDKFD_IOC_MAP_MEMORY_TO_GPU, &m, EINVAL);
	m.n_devices = 1;
	m.handle++;
	expect("MAP of no buffer", AMDKFD_IOC_MAP_MEMORY_TO_GPU, &m, EINVAL);
	m.handle--;
	expect("MAP", AMDKFD_IOC_MAP_MEMORY_TO_GPU, &m, 0);
	expect("FREE while mapped", AMDKFD_IOC_FREE_MEMORY_OF_GPU,
	       &(struct kfd_ioctl_free_memory_of_gpu_args){.handle = a.handle}, EBUSY);
	m.n_success = 0;
	expect("UNMAP", AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU, &m, 0);
	expect("FREE", AMDKFD_IOC_FREE_MEMORY_OF_GPU,
	       &(struct kfd_ioctl_free_memory_of_gpu_args){.handle = a.handle}, 0);
	expect("FREE again", AMDKFD_IOC_FREE_MEMORY_OF_GPU,
	       &(struct kfd_ioctl_free_memory_of_gpu_args){.handle = a.handle}, EINVAL);
}

/* dma_buf_get's errors, then kfd_ioctl_import_dmabuf's; what only AMD's driver package has is no command here. */
static void shared(void)
{
	int null = open("/dev/null", O_RDWR);
	struct kfd_ioctl_get_dmabuf_info_args info = {.dmabuf_fd = 12345};
	struct kfd_ioctl_import_dmabuf_args import = {.dmabuf_fd = 12345, .gpu_id = GPU, .va_addr = 1ull << 40};
	char ipc[48] = {0};

	expect("GET_DMABUF_INFO of no file", AMDKFD_IOC_GET_DMABUF_INFO, &info, EBADF);
	expect("IMPORT_DMABUF of no file", AMDKFD_IOC_IMPORT_DMABUF, &import, EBADF);
	info.dmabuf_fd = import.dmabuf_fd = (__u32)null;
	expect("GET_DMABUF_INFO of /dev/null", AMDKFD_IOC_GET_DMABUF_INFO, &info, EINVAL);
	expect("IMPORT_DMABUF of /dev/null", AMDKFD_IOC_IMPORT_DMABUF, &import, EINVAL);
	expect("IPC_EXPORT_HANDLE", _IOC(_IOC_READ | _IOC_WRITE, 'K', 0x81, 32), ipc, ENOTTY);
	expect("IPC_IMPORT_HANDLE", _IOC(_IOC_READ | _IOC_WRITE, 'K', 0x80, 48), ipc, ENOTTY);
	close(null);
}

static void queues(void)
{
	__u32 mask[2] = {0};
	struct kfd_ioctl_create_queue_args q = {.gpu_id = GPU,
						.queue_type = KFD_IOC_QUEUE_TYPE_COMPUTE_AQL,
						.queue_percentage = 100,
						.ring_size = 0};
	struct kfd_ioctl_set_cu_mask_args cu = {
		.queue_id = 77, .num_cu_mask = 33, .cu_mask_ptr = (unsigned long)mask};

	expect("CREATE_QUEUE without a ring", AMDKFD_IOC_CREATE_QUEUE, &q, EINVAL);
	expect("DESTROY of no queue", AMDKFD_IOC_DESTROY_QUEUE,
	       &(struct kfd_ioctl_destroy_queue_args){.queue_id = 77}, EINVAL);
	expect("UPDATE of no queue", AMDKFD_IOC_UPDATE_QUEUE,
	       &(struct kfd_ioctl_update_queue_args){
		       .queue_id = 77, .ring_size = 4096, .ring_base_address = 4096},
	       EFAULT);
	expect("33 bits of CU mask", AMDKFD_IOC_SET_CU_MASK, &cu, EINVAL);
	cu.num_cu_mask = 32;
	expect("CU mask of no queue", AMDKFD_IOC_SET_CU_MASK, &cu, EFAULT);
	expect("memory policy 9", AMDKFD_IOC_SET_MEMORY_POLICY,
	       &(struct kfd_ioctl_set_memory_policy_args){.gpu_id = GPU, .default_policy = 9}, EINVAL);
	expect("GWS on gfx10.1", AMDKFD_IOC_ALLOC_QUEUE_GWS,
	       &(struct kfd_ioctl_alloc_queue_gws_args){.num_gws = 1}, ENODEV);
}

static void events(void)
{
	struct kfd_ioctl_create_event_args memory = {.event_type = KFD_IOC_EVENT_MEMORY};
	struct kfd_ioctl_wait_events_args *ro =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kfd_event_data none = {.event_id = 4000};
	struct kfd_ioctl_wait_events_args w = {.num_events = 1, .events_ptr = (unsigned long)&none};

	expect("CREATE_EVENT memory", AMDKFD_IOC_CREATE_EVENT, &memory, 0);
	expect("SET of a memory event", AMDKFD_IOC_SET_EVENT,
	       &(struct kfd_ioctl_set_event_args){.event_id = memory.event_id}, EINVAL);
	expect("WAIT for no event", AMDKFD_IOC_WAIT_EVENTS, &w, EINVAL);
	w.events_ptr = UNMAPPED;
	expect("WAIT with a list that is not there", AMDKFD_IOC_WAIT_EVENTS, &w, EFAULT);
	mprotect(ro, 4096, PROT_READ);
	expect("WAIT in read-only memory", AMDKFD_IOC_WAIT_EVENTS, ro, EFAULT);
	alive();
}

static void nothing(int sig)
{
	(void)sig;
}

/* As libhsakmt waits: again with the same struct after EINTR. -> how often it was broken off. */
static int wait_on(struct kfd_ioctl_wait_events_args *w)
{
	int broken = 0;

	while (ioctl(kfd, AMDKFD_IOC_WAIT_EVENTS, w) && errno == EINTR && broken < 1000)
		broken++;
	return broken;
}

/* A timeout counts on through signals; a wait for two that is broken off loses neither. */
static void interrupted(void)
{
	struct kfd_ioctl_create_event_args a = {.event_type = KFD_IOC_EVENT_SIGNAL, .auto_reset = 1}, b = a;
	const struct itimerval often = {{0, 20000}, {0, 20000}}, once = {{0, 0}, {0, 50000}};
	const struct itimerval off = {{0, 0}, {0, 0}};
	struct kfd_event_data data[2];
	struct kfd_ioctl_wait_events_args w = {.events_ptr = (unsigned long)data, .num_events = 1, .timeout = 300};
	int broken;

	memset(data, 0, sizeof(data));
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = nothing}, NULL);
	expect("CREATE_EVENT", AMDKFD_IOC_CREATE_EVENT, &a, 0);
	expect("CREATE_EVENT", AMDKFD_IOC_CREATE_EVENT, &b, 0);
	data[0].event_id = a.event_id;
	data[1].event_id = b.event_id;
	setitimer(ITIMER_REAL, &often, NULL);
	broken = wait_on(&w);
	setitimer(ITIMER_REAL, &off, NULL);
	if (!broken || broken > 100 || w.wait_result != KFD_IOC_WAIT_RESULT_TIMEOUT)
		wrong += printf("300 ms under a timer: broken off %d times, result %u\n", broken, w.wait_result) > 0;
	expect("SET_EVENT", AMDKFD_IOC_SET_EVENT, &(struct kfd_ioctl_set_event_args){.event_id = a.event_id}, 0);
	w.num_events = 2;
	w.wait_for_all = 1;
	w.timeout = 5000;
	setitimer(ITIMER_REAL, &once, NULL);
	expect("WAIT for two that a signal breaks off", AMDKFD_IOC_WAIT_EVENTS, &w, EINTR);
	w = (struct kfd_ioctl_wait_events_args){.events_ptr = (unsigned long)data, .num_events = 1};
	expect("WAIT for the one that was set", AMDKFD_IOC_WAIT_EVENTS, &w, 0);
	if (w.wait_result != KFD_IOC_WAIT_RESULT_COMPLETE)
		wrong += printf("an event is lost with the wait that was broken off\n") > 0;
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	alarm(20);
}

static void *call_for_ever(void *unused)
{
	struct kfd_ioctl_get_version_args v;

	for (;;)
		ioctl(kfd, AMDKFD_IOC_GET_VERSION, &v);
	return unused;
}

/* Children of a process whose threads are in calls: a device of their own that answers. */
static void forks(void)
{
	pthread_t thread;

	for (int i = 0; i < 2; i++)
		pthread_create(&thread, NULL, call_for_ever, NULL);
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();
		int status;

		if (!child) {
			struct kfd_ioctl_get_version_args v;
			int inherited = ioctl(kfd, AMDKFD_IOC_GET_VERSION, &v) ? errno : 0;
			int own = open("/dev/kfd", O_RDWR | O_CLOEXEC);

			alarm(10);
			_exit(inherited != EBADF || ioctl(own, AMDKFD_IOC_GET_VERSION, &v));
		}
		if (waitpid(child, &status, 0) != child || status)
			wrong += printf("child %d: status 0x%x\n", i, (unsigned int)status) > 0;
	}
}

/* A caller built against another header has a struct of another size. */
static void sizes(void)
{
	struct __attribute__((packed)) {
		__u64 first;
		__u32 behind;
	} small;
	struct {
		struct kfd_ioctl_get_clock_counters_args a;
		__u64 more;
	} large = {.a.gpu_id = GPU, .more = 5};

	memset(&small, 0xaa, sizeof(small));
	expect("8 bytes of GET_CLOCK_COUNTERS", _IOWR('K', 5, __u64), &small, 0);
	if (small.behind != 0xaaaaaaaa)
		wrong += printf("written past the caller's struct\n") > 0;
	expect("a larger GET_CLOCK_COUNTERS", _IOWR('K', 5, large), &large, 0);
	if (!large.a.gpu_clock_counter || large.more != 5)
		wrong += printf("a larger struct is not accepted\n") > 0;
	expect("no struct", AMDKFD_IOC_GET_CLOCK_COUNTERS, NULL, EFAULT);
	expect("a number beyond the last", _IOWR('K', 0x82, large), &large, ENOTTY);
	alive();
}

int main(int argc, char **argv)
{
	struct kfd_ioctl_acquire_vm_args vm = {.gpu_id = GPU};

	kfd = open("/dev/kfd", O_RDWR | O_CLOEXEC);
	vm.drm_fd = (__u32)open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
	alarm(20);
	expect("ACQUIRE_VM of no render node", AMDKFD_IOC_ACQUIRE_VM,
	       &(struct kfd_ioctl_acquire_vm_args){.drm_fd = 1, .gpu_id = GPU}, EINVAL);
	expect("ACQUIRE_VM", AMDKFD_IOC_ACQUIRE_VM, &vm, 0);
	if (argc > 1 && !strcmp(argv[1], "forks")) {
		forks();
		return wrong != 0;
	}
	memory();
	maps();
	shared();
	queues();
	events();
	sizes();
	interrupted();
	if (!wrong)
		puts("every error as the driver's");
	return wrong != 0;
}
