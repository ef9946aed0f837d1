// SPDX-License-Identifier: MIT
/*
 * Where ROCr comes in: OnLoad when it starts, OnUnload when it shuts down.
 *
 * Tables are hooked only where their layout is known: the core table has been the same since ROCr
 * 5.2; the AMD extension table has had functions inserted in its middle, so only the layouts of
 * layout.def are touched. Anything else is left alone, with one line.
 */
#include "agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT bool OnLoad(HsaApiTable *table, uint64_t runtime_version, uint64_t failed_tool_count,
		   const char *const *failed_tool_names);
EXPORT void OnUnload(void);
/* ROCr 5.3 and later runs libraries that export this, after those of HSA_TOOLS_LIB, ascending. */
EXPORT extern const uint32_t HSA_AMD_TOOL_PRIORITY;
const uint32_t HSA_AMD_TOOL_PRIORITY = 50;

/* Core functions up to the last one that is called or replaced. */
#define CORE_NEEDED (offsetof(CoreApiTable, hsa_executable_iterate_agent_symbols_fn) + sizeof(void *))

static const char *error_text(int err)
{
	switch (err) {
	case -EPROTO:
		return "it is not a trace of this version";
	case -EXDEV:
		return "it is a trace of another kind of device (emulated or not)";
	case -EFBIG:
		return "the file size limit is too small";
	default:
		return strerror(-err);
	}
}

static bool start_recording(void)
{
	const char *text = getenv("RDNA1_TRACE_OPTIONS");
	char path[4096];
	struct options o;
	int err;

	options_parse(&o, text);
	agent.dir_fd = session_open(&o, path, sizeof(path));
	if (agent.dir_fd < 0) {
		agent_say("cannot record to %s: %s; the application runs on without a trace", path,
			  error_text(agent.dir_fd));
		return false;
	}
	err = stream_proc__open(&agent.proc, agent.dir_fd, SOURCE_agent, "agent");
	if (err)
		agent_say("cannot record to %s: %s; the application runs on without a trace", path,
			  error_text(err));
	else if (!agent.proc.map)
		agent_say("no room in %s for the counters: what is lost will not be counted", path);
	return !err;
}

static void record_start(const HsaApiTable *table, uint64_t runtime_version, uint32_t hooked)
{
	const char *options = getenv("RDNA1_TRACE_OPTIONS") ?: "";
	struct thread *t = agent_enter();
	char exe[4096] = "";
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	size_t exe_len = n > 0 ? (size_t)n : 0, options_len = strlen(options);
	struct ev_agent_start e;
	uint8_t *at;

	if (!t)
		return;
	e = (struct ev_agent_start){
		.runtime_version = runtime_version,
		.root_major = table->version.major_id,
		.root_minor = table->version.minor_id,
		.core_major = table->core_->version.major_id,
		.core_minor = table->core_->version.minor_id,
		.amd_ext_major = table->amd_ext_->version.major_id,
		.amd_ext_minor = table->amd_ext_->version.minor_id,
		.hooked = hooked,
	};
	at = agent_reserve(t, EV_agent_start,
			   sizeof(e) + (exe_len ?: 1) + 1 + (options_len ?: 1) + 1);
	if (at) {
		memcpy(at, &e, sizeof(e));
		at = stream__put_text(at + sizeof(e), exe, exe_len);
		stream__put_text(at, options, options_len);
		agent_commit(t);
	}
	agent_leave(t);
}

bool OnLoad(HsaApiTable *table, uint64_t runtime_version, uint64_t failed_tool_count,
	    const char *const *failed_tool_names)
{
	char twin[4096];
	uint32_t hooked = 0;

	(void)failed_tool_count;
	(void)failed_tool_names;
	/* Named twice, by one path or by two: once is enough. */
	if (table->version.major_id >= 1 && table->version.major_id <= 3 && queue_hooked(table->core_))
		return true;
	if (module_twin(twin, sizeof(twin))) {
		agent_say("%s is loaded already and records; this one does not", twin);
		return true;
	}
	/* hsa_init after hsa_shut_down comes here again, with the first run's streams still open. */
	if (!agent.recording && !start_recording())
		return true;
	agent.recording = true;

	if (table->version.major_id < 1 || table->version.major_id > 3 ||
	    table->version.minor_id < offsetof(HsaApiTable, finalizer_ext_) ||
	    table->core_->version.minor_id < CORE_NEEDED) {
		agent_say("this ROCr has HSA API table %u.%u, core table of %u bytes, which this agent "
			  "does not know: nothing is recorded",
			  table->version.major_id, table->version.minor_id,
			  table->core_->version.minor_id);
		record_start(table, runtime_version, 0);
		return true;
	}
	memcpy(&agent.core, table->core_,
	       table->core_->version.minor_id < sizeof(agent.core) ? table->core_->version.minor_id
								   : sizeof(agent.core));
	agent.has_amd = amd_table__known(table->amd_ext_);
	if (agent.has_amd) {
		struct amd_table hooks;

		amd_table__read(&agent.amd, table->amd_ext_);
		hooks = agent.amd;
		memory_hook(&hooks);
		amd_table__write(table->amd_ext_, &hooks);
		hooked |= 2;
	} else {
		agent_say("this ROCr's AMD extension table has version %u and %u bytes, which this agent "
			  "does not know: memory pools are not recorded",
			  table->amd_ext_->version.major_id, table->amd_ext_->version.minor_id);
	}
	queue_hook(table->core_);
	code_hook(table->core_);
	hooked |= 1;
	record_start(table, runtime_version, hooked);
	return true;
}

/* hsa_init after this comes to OnLoad again, with a runtime that knows nothing of the first. */
void OnUnload(void)
{
	struct thread *t = agent_enter();
	struct ev_agent_stop e = {
		.dispatches = __atomic_load_n(&agent.dispatches, __ATOMIC_RELAXED),
		.pool_allocs = __atomic_load_n(&agent.pool_allocs, __ATOMIC_RELAXED),
	};

	if (t) {
		queue_note_unread(t, false);
		agent_event(t, EV_agent_stop, &e, sizeof(e));
		agent_leave(t);
	}
	queue_forget();
	memory_forget();
	code_forget();
	inventory_forget();
}

/* The process ends without hsa_shut_down, as HIP programs do. */
__attribute__((destructor)) static void at_exit(void)
{
	struct thread *t = agent_enter();

	if (!t)
		return;
	queue_note_unread(t, true);
	agent_leave(t);
}
