// SPDX-License-Identifier: MIT
/*
 * Somebody else's HSA tools library, for HSA_TOOLS_LIB before and behind the agent: it replaces the entries that the
 * agent replaces, counts what passes and passes it on. At OnUnload and at the process's end the counts are
 * written to OTHER_TOOL_LOG, "NAME COUNT" each. OTHER_TOOL is a list of words:
 *
 *   refuse	OnLoad returns false, nothing replaced
 *   restore	OnUnload puts back what was in the tables at OnLoad
 *   leave	after the third allocation the tables get back what was in them, in the middle of everything
 *   no-kernarg	allocations from a pool with the kernarg flag find no memory
 *   intercept	each queue is made as an interception queue of ROCr's that passes on every packet
 *
 * Built with PRIORITY it exports HSA_AMD_TOOL_PRIORITY, as ROCr 5.3 and later want.
 */
#include "../../hsa-tools/agent/hsa_c.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT bool OnLoad(HsaApiTable *table, uint64_t runtime_version, uint64_t failed_tool_count,
		   const char *const *failed_tool_names);
EXPORT void OnUnload(void);
#ifdef PRIORITY
EXPORT extern const uint32_t HSA_AMD_TOOL_PRIORITY;
const uint32_t HSA_AMD_TOOL_PRIORITY = PRIORITY;
#endif

#define COUNTS(X)                                                                                  \
	X(loaded) X(unloaded) X(queue_create) X(queue_destroy) X(signal_store) X(dispatch)          \
	X(intercepted) X(pool_allocate) X(pool_free) X(allow_access) X(async_copy) X(executable_freeze)
#define NUMBER(name) COUNT_##name,
#define NAME(name) #name,
enum what { COUNTS(NUMBER) NUM_COUNTS };
static const char *const count_names[NUM_COUNTS] = {COUNTS(NAME)};
static uint64_t counts[NUM_COUNTS]; /* atomic */

static HsaApiTable *tables;
static CoreApiTable core; /* as they were at OnLoad */
static AmdExtTable amd;

static bool is_asked(const char *word)
{
	const char *words = getenv("OTHER_TOOL");

	return words && strstr(words, word);
}

static uint64_t count(enum what what, uint64_t n)
{
	return __atomic_add_fetch(&counts[what], n, __ATOMIC_RELAXED);
}

static void write_counts(void)
{
	const char *path = getenv("OTHER_TOOL_LOG");
	FILE *f = path ? fopen(path, "w") : NULL;

	if (!f)
		return;
	for (int i = 0; i < NUM_COUNTS; i++)
		fprintf(f, "%s %llu\n", count_names[i], (unsigned long long)counts[i]);
	fclose(f);
}

/* ---- queues ---- */

/* Of one producer each, as HIP's are. */
static struct queue {
	hsa_queue_t *q;
	uint64_t next;
} queues[64];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_dispatch(const hsa_kernel_dispatch_packet_t *p)
{
	return (p->header & 0xff) == HSA_PACKET_TYPE_KERNEL_DISPATCH;
}

static void count_packets(hsa_signal_t bell, uint64_t end)
{
	uint64_t dispatches = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < sizeof(queues) / sizeof(*queues); i++) {
		struct queue *q = &queues[i];

		if (!q->q || q->q->doorbell_signal.handle != bell.handle)
			continue;
		for (; (int64_t)(end - q->next) > 0; q->next++)
			dispatches += is_dispatch((const hsa_kernel_dispatch_packet_t *)q->q->base_address +
						  q->next % q->q->size);
	}
	pthread_mutex_unlock(&lock);
	count(COUNT_dispatch, dispatches);
}

static void store_relaxed(hsa_signal_t signal, hsa_signal_value_t value)
{
	count(COUNT_signal_store, 1);
	count_packets(signal, (uint64_t)value + 1);
	core.hsa_signal_store_relaxed_fn(signal, value);
}

static void store_screlease(hsa_signal_t signal, hsa_signal_value_t value)
{
	count(COUNT_signal_store, 1);
	count_packets(signal, (uint64_t)value + 1);
	core.hsa_signal_store_screlease_fn(signal, value);
}

static void pass_on(const void *packets, uint64_t num, uint64_t index, void *data,
		    hsa_amd_queue_intercept_packet_writer writer)
{
	uint64_t dispatches = 0;

	(void)index;
	(void)data;
	for (uint64_t i = 0; i < num; i++)
		dispatches += is_dispatch((const hsa_kernel_dispatch_packet_t *)packets + i);
	count(COUNT_intercepted, dispatches);
	writer(packets, num);
}

static void remember(hsa_queue_t *hq, hsa_queue_t *was)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < sizeof(queues) / sizeof(*queues); i++)
		if (queues[i].q == was) {
			queues[i] = (struct queue){.q = hq};
			break;
		}
	pthread_mutex_unlock(&lock);
}

static hsa_status_t queue_create(hsa_agent_t on, uint32_t size, hsa_queue_type32_t type,
				 void (*fn)(hsa_status_t, hsa_queue_t *, void *), void *data, uint32_t private_size,
				 uint32_t group_size, hsa_queue_t **queue)
{
	bool intercept = is_asked("intercept");
	hsa_status_t status;

	count(COUNT_queue_create, 1);
	status = (intercept ? amd.hsa_amd_queue_intercept_create_fn : core.hsa_queue_create_fn)(
		on, size, type, fn, data, private_size, group_size, queue);
	if (status == HSA_STATUS_SUCCESS && intercept)
		status = amd.hsa_amd_queue_intercept_register_fn(*queue, pass_on, NULL);
	if (status == HSA_STATUS_SUCCESS)
		remember(*queue, NULL);
	return status;
}

static hsa_status_t queue_destroy(hsa_queue_t *queue)
{
	count(COUNT_queue_destroy, 1);
	remember(NULL, queue);
	return core.hsa_queue_destroy_fn(queue);
}

/* ---- the rest ---- */

static void restore(void)
{
	memcpy(tables->core_, &core, sizeof(core));
	memcpy(tables->amd_ext_, &amd, sizeof(amd));
}

static bool is_kernarg(hsa_amd_memory_pool_t pool)
{
	uint32_t flags = 0;

	amd.hsa_amd_memory_pool_get_info_fn(pool, HSA_AMD_MEMORY_POOL_INFO_GLOBAL_FLAGS, &flags);
	return flags & HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_KERNARG_INIT;
}

static hsa_status_t pool_allocate(hsa_amd_memory_pool_t pool, size_t size, uint32_t flags, void **ptr)
{
	if (is_asked("no-kernarg") && is_kernarg(pool))
		return HSA_STATUS_ERROR_OUT_OF_RESOURCES;
	if (count(COUNT_pool_allocate, 1) == 3 && is_asked("leave"))
		restore();
	return amd.hsa_amd_memory_pool_allocate_fn(pool, size, flags, ptr);
}

static hsa_status_t pool_free(void *ptr)
{
	count(COUNT_pool_free, 1);
	return amd.hsa_amd_memory_pool_free_fn(ptr);
}

static hsa_status_t allow_access(uint32_t n, const hsa_agent_t *agents, const uint32_t *flags, const void *ptr)
{
	count(COUNT_allow_access, 1);
	return amd.hsa_amd_agents_allow_access_fn(n, agents, flags, ptr);
}

static hsa_status_t async_copy(void *dst, hsa_agent_t dst_agent, const void *src, hsa_agent_t src_agent, size_t size,
			       uint32_t num_deps, const hsa_signal_t *deps, hsa_signal_t completion)
{
	count(COUNT_async_copy, 1);
	return amd.hsa_amd_memory_async_copy_fn(dst, dst_agent, src, src_agent, size, num_deps, deps, completion);
}

static hsa_status_t executable_freeze(hsa_executable_t executable, const char *options)
{
	count(COUNT_executable_freeze, 1);
	return core.hsa_executable_freeze_fn(executable, options);
}

bool OnLoad(HsaApiTable *table, uint64_t runtime_version, uint64_t failed_tool_count,
	    const char *const *failed_tool_names)
{
	(void)runtime_version;
	(void)failed_tool_count;
	(void)failed_tool_names;
	if (is_asked("refuse"))
		return false;
	/* It knows the tables it was built with, and no others. */
	if (table->core_->version.minor_id != sizeof(core) || table->amd_ext_->version.minor_id != sizeof(amd)) {
		fprintf(stderr, "other-tool: core table of %u bytes, AMD table of %u bytes: not built for this ROCr\n",
			table->core_->version.minor_id, table->amd_ext_->version.minor_id);
		return false;
	}
	count(COUNT_loaded, 1);
	tables = table;
	core = *table->core_;
	amd = *table->amd_ext_;
	memset(queues, 0, sizeof(queues));
	table->core_->hsa_queue_create_fn = queue_create;
	table->core_->hsa_queue_destroy_fn = queue_destroy;
	table->core_->hsa_signal_store_relaxed_fn = store_relaxed;
	table->core_->hsa_signal_store_screlease_fn = store_screlease;
	table->core_->hsa_executable_freeze_fn = executable_freeze;
	table->amd_ext_->hsa_amd_memory_pool_allocate_fn = pool_allocate;
	table->amd_ext_->hsa_amd_memory_pool_free_fn = pool_free;
	table->amd_ext_->hsa_amd_agents_allow_access_fn = allow_access;
	table->amd_ext_->hsa_amd_memory_async_copy_fn = async_copy;
	return true;
}

void OnUnload(void)
{
	count(COUNT_unloaded, 1);
	if (is_asked("restore"))
		restore();
	write_counts();
}

__attribute__((destructor)) static void at_exit(void)
{
	write_counts();
}
