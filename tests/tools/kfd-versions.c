// SPDX-License-Identifier: MIT
/*
 * kfd-versions MINOR: the KFD interface 1.MINOR has what that version of <linux/kfd_ioctl.h>
 * brought and answers -ENOTTY to what came later. Own structs: Debian 12's header ends at 1.11.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kfd_ioctl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define GPU 0x5e00
#define MINOR_AVAILABLE 9
#define MINOR_DEBUG 13
#define MINOR_EVENT_AGE 14
#define MINOR_BY_ENGINE 17

struct available {
	__u64 available;
	__u32 gpu_id, pad;
};
struct runtime {
	__u64 r_debug;
	__u32 mode_mask, capabilities_mask;
};
struct dbg_trap {
	__u32 pid, op;
	__u64 args[3];
};
struct queue_1_17 {
	struct kfd_ioctl_create_queue_args q;
	__u32 sdma_engine_id, pad;
};
#define AVAILABLE_MEMORY _IOWR('K', 0x23, struct available)
#define RUNTIME_ENABLE _IOWR('K', 0x25, struct runtime)
#define DBG_TRAP _IOWR('K', 0x26, struct dbg_trap)
#define CREATE_QUEUE_1_17 _IOWR('K', 0x02, struct queue_1_17)

static int kfd, wrong;
static unsigned int minor;

static void expect(const char *what, unsigned long cmd, void *arg, int err)
{
	int got = ioctl(kfd, cmd, arg) ? errno : 0;

	if (got != err) {
		printf("%s: %s, not %s\n", what, strerrorname_np(got) ?: "0",
		       strerrorname_np(err) ?: "0");
		wrong++;
	}
}

static void expect_value(const char *what, unsigned long long got, unsigned long long want)
{
	if (got != want) {
		printf("%s: %llu, not %llu\n", what, got, want);
		wrong++;
	}
}

/* A page of ours that the GPU has at the same address. */
static void *shared_page(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kfd_ioctl_alloc_memory_of_gpu_args a = {
		.va_addr = (unsigned long)p,
		.mmap_offset = (unsigned long)p,
		.size = 4096,
		.gpu_id = GPU,
		.flags = KFD_IOC_ALLOC_MEM_FLAGS_USERPTR | 1u << 31,
	};
	__u32 gpu = GPU;
	struct kfd_ioctl_map_memory_to_gpu_args m = {.n_devices = 1,
						     .device_ids_array_ptr = (unsigned long)&gpu};

	expect("ALLOC_MEMORY", AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &a, 0);
	m.handle = a.handle;
	expect("MAP_MEMORY", AMDKFD_IOC_MAP_MEMORY_TO_GPU, &m, 0);
	return p;
}

static void available_memory(void)
{
	struct available a = {.gpu_id = GPU}, b = a, other = {.gpu_id = 7};
	struct kfd_ioctl_alloc_memory_of_gpu_args vram = {.va_addr = 1ull << 40,
							  .size = 64u << 20,
							  .gpu_id = GPU,
							  .flags = KFD_IOC_ALLOC_MEM_FLAGS_VRAM};

	if (minor < MINOR_AVAILABLE) {
		expect("AVAILABLE_MEMORY before 1.9", AVAILABLE_MEMORY, &a, ENOTTY);
		return;
	}
	expect("AVAILABLE_MEMORY", AVAILABLE_MEMORY, &a, 0);
	expect("AVAILABLE_MEMORY of no card", AVAILABLE_MEMORY, &other, EINVAL);
	expect("ALLOC_MEMORY", AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &vram, 0);
	expect("AVAILABLE_MEMORY", AVAILABLE_MEMORY, &b, 0);
	expect_value("bytes that 64 MiB take", a.available - b.available, 64u << 20);
}

static int wait_for(__u32 event, __u64 *age)
{
	struct kfd_event_data data = {.event_id = event};
	struct kfd_ioctl_wait_events_args w = {.num_events = 1, .events_ptr = (unsigned long)&data};

	memcpy(&data, age, 8);
	expect("WAIT_EVENTS", AMDKFD_IOC_WAIT_EVENTS, &w, 0);
	memcpy(age, &data, 8);
	return (int)w.wait_result;
}

static void event_age(void)
{
	struct kfd_ioctl_create_event_args e = {.event_type = KFD_IOC_EVENT_SIGNAL,
						.auto_reset = 1};
	bool have = minor >= MINOR_EVENT_AGE;
	__u64 age = 0;

	expect("CREATE_EVENT", AMDKFD_IOC_CREATE_EVENT, &e, 0);
	expect("SET_EVENT", AMDKFD_IOC_SET_EVENT,
	       &(struct kfd_ioctl_set_event_args){.event_id = e.event_id}, 0);
	expect_value("wait after a signal", wait_for(e.event_id, &age),
		     KFD_IOC_WAIT_RESULT_COMPLETE);
	expect_value("age of a caller without one", age, 0);
	expect_value("wait again", wait_for(e.event_id, &age), KFD_IOC_WAIT_RESULT_TIMEOUT);
	age = 1;
	expect_value("wait with an age gone by", wait_for(e.event_id, &age),
		     have ? KFD_IOC_WAIT_RESULT_COMPLETE : KFD_IOC_WAIT_RESULT_TIMEOUT);
	expect_value("the age now", age, have ? 2 : 1);
	age = 2;
	expect_value("wait with today's age", wait_for(e.event_id, &age),
		     KFD_IOC_WAIT_RESULT_TIMEOUT);
}

static void debugger(void)
{
	struct runtime on = {.mode_mask = 1}, off = {0};
	struct dbg_trap self = {.pid = (__u32)getpid()}, gone = {.pid = 1u << 22},
			parent = {.pid = (__u32)getppid()};

	if (minor < MINOR_DEBUG) {
		expect("RUNTIME_ENABLE before 1.13", RUNTIME_ENABLE, &on, ENOTTY);
		expect("DBG_TRAP before 1.13", DBG_TRAP, &self, ENOTTY);
		return;
	}
	expect("RUNTIME_ENABLE", RUNTIME_ENABLE, &on, 0);
	expect("RUNTIME_ENABLE again", RUNTIME_ENABLE, &on, EBUSY);
	expect("RUNTIME_ENABLE off", RUNTIME_ENABLE, &off, 0);
	expect("RUNTIME_ENABLE off again", RUNTIME_ENABLE, &off, 0);
	expect("DBG_TRAP of itself", DBG_TRAP, &self, EINVAL);
	expect("DBG_TRAP of nobody", DBG_TRAP, &gone, ESRCH);
	expect("DBG_TRAP of another", DBG_TRAP, &parent, EPERM);
}

/* The words of amd_queue_t and amd_signal_t that the packet processor looks at (amd_hsa_queue.h).
 */
enum { WRITE_DISPATCH_ID = 56, READ_DISPATCH_ID = 128, INACTIVE_SIGNAL = 192, SIGNAL_VALUE = 8 };

/* A packet of a type there is none of: where does the error show? */
static void queue_error(bool enabled)
{
	struct kfd_ioctl_create_event_args e = {.event_type = KFD_IOC_EVENT_SIGNAL,
						.auto_reset = 1};
	char *queue = shared_page(), *signal = shared_page(), *cwsr = malloc(4096);
	__u16 *ring = shared_page();
	volatile __u64 reason = 1u << 7, *value = (void *)(signal + SIGNAL_VALUE);
	struct kfd_ioctl_create_queue_args q = {
		.gpu_id = GPU,
		.queue_type = KFD_IOC_QUEUE_TYPE_COMPUTE_AQL,
		.queue_percentage = 100,
		.ring_base_address = (unsigned long)ring,
		.ring_size = 4096,
		.read_pointer_address = (unsigned long)(queue + READ_DISPATCH_ID),
		.write_pointer_address = (unsigned long)(queue + WRITE_DISPATCH_ID),
		.ctx_save_restore_address = (unsigned long)cwsr,
		.ctx_save_restore_size = 4096,
	};
	struct runtime on = {.mode_mask = 1};
	volatile __u64 *bell;
	int complete = 0;

	if (enabled)
		expect("RUNTIME_ENABLE", RUNTIME_ENABLE, &on, 0);
	expect("CREATE_EVENT", AMDKFD_IOC_CREATE_EVENT, &e, 0);
	/* struct kfd_context_save_area_header */
	memset(cwsr, 0, 4096);
	*(__u64 *)(void *)(cwsr + 24) = (unsigned long)&reason;
	*(__u32 *)(void *)(cwsr + 32) = e.event_id;
	*(__u64 *)(void *)(queue + INACTIVE_SIGNAL) = (unsigned long)signal;
	*(__u64 *)(void *)(queue + WRITE_DISPATCH_ID) = 1;
	ring[0] = 200;
	expect("CREATE_QUEUE", AMDKFD_IOC_CREATE_QUEUE, &q, 0);
	if (enabled)
		expect("RUNTIME_ENABLE with a queue", RUNTIME_ENABLE, &on, EBUSY);
	bell = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, kfd,
		    (off_t)(q.doorbell_offset & ~8191ull));
	bell[(q.doorbell_offset & 8191) / 8] = 0;
	for (int i = 0; i < 500 && !complete && !*value; i++) {
		__u64 age = 0;

		complete = wait_for(e.event_id, &age) == KFD_IOC_WAIT_RESULT_COMPLETE;
		poll(NULL, 0, 10);
	}
	/* EC_QUEUE_PACKET_UNSUPPORTED is 20; 32 is an invalid AQL packet (ROCr amd_aql_queue.cpp)
	 */
	expect_value("the exception's event", complete, enabled);
	expect_value("ErrorReason", reason, enabled ? 1u << 19 | 1u << 7 : 1u << 7);
	expect_value("queue_inactive_signal", *value, enabled ? 0 : 32);
	expect("DESTROY_QUEUE", AMDKFD_IOC_DESTROY_QUEUE,
	       &(struct kfd_ioctl_destroy_queue_args){.queue_id = q.queue_id}, 0);
}

static void enable_after_queue(void)
{
	char *page = shared_page();
	struct queue_1_17 q = {.q = {.gpu_id = GPU,
				     .queue_type = 4, /* SDMA_BY_ENG_ID */
				     .ring_base_address = (unsigned long)page,
				     .ring_size = 4096,
				     .read_pointer_address = (unsigned long)page + 8,
				     .write_pointer_address = (unsigned long)page + 16}};
	struct runtime on = {.mode_mask = 1};

	if (minor < MINOR_BY_ENGINE) {
		expect("SDMA queue by engine before 1.17", CREATE_QUEUE_1_17, &q, EINVAL);
		q.q.queue_type = KFD_IOC_QUEUE_TYPE_SDMA;
	} else {
		q.sdma_engine_id = 2;
		expect("SDMA queue on an engine there is none of", CREATE_QUEUE_1_17, &q, EINVAL);
		q.sdma_engine_id = 1;
	}
	expect("SDMA queue", CREATE_QUEUE_1_17, &q, 0);
	if (minor >= MINOR_DEBUG)
		expect("RUNTIME_ENABLE with a queue", RUNTIME_ENABLE, &on, EEXIST);
}

int main(int argc, char **argv)
{
	struct kfd_ioctl_get_version_args v;
	char unknown[64] = {0};

	minor = argc == 2 ? (unsigned int)atoi(argv[1]) : 0;
	kfd = open("/dev/kfd", O_RDWR);
	expect("GET_VERSION", AMDKFD_IOC_GET_VERSION, &v, 0);
	expect_value("major version", v.major_version, 1);
	expect_value("minor version", v.minor_version, minor);
	available_memory();
	expect("a command there is none of", _IOWR('K', 0x7f, unknown), unknown, ENOTTY);
	event_age();
	debugger();
	queue_error(false);
	if (minor >= MINOR_DEBUG) {
		queue_error(true);
		expect("RUNTIME_ENABLE off", RUNTIME_ENABLE, &(struct runtime){0}, 0);
	}
	enable_after_queue();
	printf("%s: interface 1.%u\n", wrong ? "FAILED" : "ok", minor);
	return wrong != 0;
}
