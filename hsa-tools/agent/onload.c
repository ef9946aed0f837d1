// SPDX-License-Identifier: MIT
/*
 * Where ROCr comes in: OnLoad when it starts, OnUnload when it shuts down.
 *
 * Tables are hooked only where their layout is known: the core table has been the same since ROCr
 * 5.2; the AMD extension table has had functions inserted in its middle, so only the layouts of
 * layout.def are touched. Anything else is left alone, with one line.
 */
#include "image.h"
#include "late_free.h"
#include "override.h"
#include "steer.h"

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
#define CORE_NEEDED                                                                                \
	(offsetof(CoreApiTable, hsa_executable_iterate_agent_symbols_fn) + sizeof(void *))

#define MAX_VALUE 4096u /* of a variable, bytes */

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

/* Before the destructors of libraries that were loaded before us. */
static void exit_begins(void)
{
	struct thread *t;

	agent.exiting = true;
	/* A forked child has the queues, and of their threads none. */
	if (agent.steering && stream_proc__mine(&agent.proc))
		steer_exit();
	/* What has ended since somebody waited; the runtime is still there, or its signals are
	 * forgotten. */
	t = agent.options.timing_every ? agent_enter() : NULL;
	if (!t)
		return;
	timing_sweep(t);
	agent_leave(t);
}

static bool start_recording(void)
{
	const char *text = getenv("RDNA1_TRACE_OPTIONS");
	char path[4096];
	int err;

	options_parse(&agent.options, text);
	agent.dir_fd = session_open(&agent.options, path, sizeof(path));
	if (agent.dir_fd < 0) {
		agent_say("cannot record to %s: %s; the application runs on without a trace", path,
			  error_text(agent.dir_fd));
		return false;
	}
	if (!realpath(path, agent.dir_path))
		agent.dir_path[0] = 0;
	err = stream_proc__open(&agent.proc, agent.dir_fd, SOURCE_agent, "agent");
	if (!err)
		stream_proc__use_tsc(&agent.proc);
	if (!err && agent.options.buffer_bytes)
		err = stream_proc__limit(&agent.proc, agent.options.buffer_bytes);
	if (err == -ENOMEM)
		agent.options.buffer_bytes = err = 0; /* it appends */
	if (!err && agent.options.buffer_bytes)
		facts_open();
	if (!err) {
		threads_init();
		atexit(exit_begins);
		module_init();
		if (!peek_init())
			agent_say("this process may not read its own memory by process_vm_readv or "
				  "/proc/self/mem: hangs are not noticed, and of a crash less is "
				  "known");
	}
	if (err)
		agent_say("cannot record to %s: %s; the application runs on without a trace", path,
			  error_text(err));
	else if (!agent.proc.map)
		agent_say("no room in %s for the counters: what is lost will not be counted", path);
	return !err;
}

/* What the runtime reads: a command may have set variables that the recorder does not see. */
static void record_environment(struct thread *t)
{
	for (char **e = environ; *e; e++) {
		const char *eq = strchr(*e, '=');
		size_t name, value;
		uint8_t *at;

		if (!eq || !stream_env__keep(*e) || !strncmp(*e, "PATH=", 5))
			continue;
		name = (size_t)(eq - *e);
		value = strlen(eq + 1);
		value = value < MAX_VALUE ? value : MAX_VALUE;
		at = fact_reserve(t, EV_environment, name + 1 + (value ?: 1) + 1);
		if (!at)
			continue; /* counted */
		at = stream__put_text(at, *e, name);
		stream__put_text(at, eq + 1, value);
		fact_commit(t);
	}
}

/* known: the tables behind the root may be read. */
static void record_start(const HsaApiTable *table, uint64_t runtime_version, uint32_t hooked,
			 bool known)
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
		.hooked = hooked,
	};
	if (known) {
		e.core_major = table->core_->version.major_id;
		e.core_minor = table->core_->version.minor_id;
		e.amd_ext_major = table->amd_ext_->version.major_id;
		e.amd_ext_minor = table->amd_ext_->version.minor_id;
	}
	at = fact_reserve(t, EV_agent_start,
			  sizeof(e) + (exe_len ?: 1) + 1 + (options_len ?: 1) + 1);
	if (at) {
		memcpy(at, &e, sizeof(e));
		at = stream__put_text(at + sizeof(e), exe, exe_len);
		stream__put_text(at, options, options_len);
		fact_commit(t);
	}
	record_environment(t);
	agent.steering = hooked && steer_start(t);
	agent_leave(t);
}

/* The tables as they are, saved, then ours put in front. Returns ev_agent_start.hooked. */
static uint32_t hook(HsaApiTable *table)
{
	struct amd_table hooks, *amd = NULL;
	CoreApiTable core;

	core_table__read(&agent.core, table->core_);
	core = agent.core;
	agent.has_amd = amd_table__functions(table->amd_ext_) != 0;
	amd_table__read(&agent.amd, table->amd_ext_);
	if (agent.has_amd) {
		hooks = agent.amd;
		amd = &hooks;
	} else {
		agent_say("this ROCr's AMD extension table has version %u and %u bytes, which this "
			  "agent "
			  "does not know: memory pools are not recorded",
			  table->amd_ext_->version.major_id, table->amd_ext_->version.minor_id);
	}
	memory_hook(amd, &core);
	vmem_hook(amd, &core);
	copy_hook(amd, &core);
	queue_hook(amd, &core);
	timing_hook(amd, &core);
	code_hook(&core);
	if (amd)
		amd_table__write(table->amd_ext_, amd);
	core_table__write(table->core_, &core);
	return amd ? 3 : 1;
}

static bool loaded; /* by the runtime there is: from OnLoad to OnUnload */

bool OnLoad(HsaApiTable *table, uint64_t runtime_version, uint64_t failed_tool_count,
	    const char *const *failed_tool_names)
{
	char twin[4096];
	bool known = table->version.major_id >= 1 && table->version.major_id <= 3 &&
		     table->version.minor_id >= offsetof(HsaApiTable, finalizer_ext_);

	(void)failed_tool_count;
	(void)failed_tool_names;
	/* Named twice, by one path or by two, with others' between them: once is enough. */
	if (loaded || (known && queue_hooked(table->core_)))
		return true;
	loaded = true;
	if (module_twin(twin, sizeof(twin))) {
		agent_say("%s is loaded already and records; this one does not", twin);
		return true;
	}
	/* hsa_init after hsa_shut_down comes here again, with the first run's streams still open.
	 */
	if (!agent.recording && !start_recording())
		return true;
	agent.recording = true;

	if (!known || table->core_->version.minor_id < CORE_NEEDED) {
		agent_say("this ROCr has HSA API table %u.%u, core table of %u bytes, which this "
			  "agent "
			  "does not know: nothing is recorded",
			  table->version.major_id, table->version.minor_id,
			  known ? table->core_->version.minor_id : 0);
		record_start(table, runtime_version, 0, known);
		return true;
	}
	record_start(table, runtime_version, hook(table), true);
	signals_hook();
	return true;
}

/* hsa_init after this comes to OnLoad again, with a runtime that knows nothing of the first. */
void OnUnload(void)
{
	struct thread *t;
	struct ev_agent_stop e = {
		.dispatches = queue_dispatches(),
		.pool_allocs = __atomic_load_n(&agent.pool_allocs, __ATOMIC_RELAXED),
	};

	loaded = false;
	/* A forked child has the runtime's tables, and of our locks those that were held. */
	if (!agent.recording || !stream_proc__mine(&agent.proc))
		return;
	watchdog_pause();
	t = agent_enter();
	if (t) {
		if (agent.options.timing_every)
			timing_sweep(t);
		code_store_last(t);
		queue_note_unread(t, false);
		late_free_all(t);
		agent_event(t, EV_agent_stop, &e, sizeof(e));
		agent_leave(t);
	}
	if (agent.steering)
		steer_forget();
	queue_forget();
	device_forget();
	timing_forget();
	code_forget();
	vmem_forget();
	memory_forget();
	override_forget();
	inventory_forget();
	module_forget();
	watchdog_resume();
}

/* The process ends without hsa_shut_down, as HIP programs do. */
__attribute__((destructor)) static void at_exit(void)
{
	struct thread *t = stream_proc__mine(&agent.proc) ? agent_enter() : NULL;

	if (!t)
		return;
	code_store_last(t);
	queue_note_unread(t, true);
	agent_leave(t);
	prepare_stop();
}
