// SPDX-License-Identifier: MIT
/*
 * librdna1-roctx.so.1: the ROCTX API (roctx.h of roctracer, library interface 4.1), so that ranges which a
 * program names reach the trace. Each call goes to the agent, and on to a real libroctx64 behind us, whose
 * value is returned. Without one the values are ours: the same as its.
 *
 * A guest in someone else's process: libc only, no allocation. Before the runtime has loaded the agent
 * there is nobody to tell, and ranges are dropped; the depth is counted all the same.
 */
#include "../../bpf/events.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* The prototypes of roctx.h. Its macros (roctxMark, roctxRangePush, roctxRangeStart) name the ...A functions. */
EXPORT uint32_t roctx_version_major(void);
EXPORT uint32_t roctx_version_minor(void);
EXPORT void roctxMarkA(const char *message);
EXPORT int roctxRangePushA(const char *message);
EXPORT int roctxRangePop(void);
EXPORT uint64_t roctxRangeStartA(const char *message);
EXPORT void roctxRangeStop(uint64_t id);
EXPORT void roctxRegisterTracerCallback(int (*callback)(uint32_t domain, uint32_t operation, void *data));
/* What the agent exports: hsa-tools/agent. */
typedef void agent_range_fn(unsigned int op, uint64_t id, const char *name);

/* In libdl.so.2 before glibc 2.34, which is why we need that, too; an empty one since. */
__asm__(".symver dlopen,dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym,dlsym@GLIBC_2.2.5");

#define THREAD static __thread __attribute__((tls_model("initial-exec")))
THREAD int depth;  /* ranges pushed and not popped */
THREAD int inside; /* what we call may come back to us */
static uint64_t last_id; /* atomic */
static agent_range_fn *to_agent; /* atomic */

/* Whether the agent is among the libraries, and how many were ever loaded. */
struct search {
	unsigned long long adds;
	int found;
};

static int is_agent(struct dl_phdr_info *info, size_t size, void *arg)
{
	static const char name[] = "librdna1-agent.so.1";
	const char *path = info->dlpi_name ? info->dlpi_name : "", *slash = strrchr(path, '/');
	struct search *s = arg;

	(void)size;
	s->adds = info->dlpi_adds;
	s->found = !strcmp(slash ? slash + 1 : path, name);
	return s->found;
}

/*
 * Loaded by the runtime, with RTLD_LOCAL: looked for when a library has come since, and then never more. By
 * dl_iterate_phdr, which does not wait for constructors: one may be waiting for this thread.
 */
static agent_range_fn *find_agent(void)
{
	static unsigned long long adds; /* atomic */
	agent_range_fn *found = __atomic_load_n(&to_agent, __ATOMIC_ACQUIRE);
	struct search s = {0, 0};
	void *lib;

	if (found)
		return found;
	dl_iterate_phdr(is_agent, &s);
	if (!s.found || __atomic_load_n(&adds, __ATOMIC_RELAXED) == s.adds)
		return NULL;
	__atomic_store_n(&adds, s.adds, __ATOMIC_RELAXED);
	lib = dlopen("librdna1-agent.so.1", RTLD_LAZY | RTLD_NOLOAD);
	if (!lib)
		return NULL;
	found = (agent_range_fn *)dlsym(lib, "rdna1_agent_range");
	/* The reference stays: the runtime may close the agent while a thread is in it. */
	__atomic_store_n(&to_agent, found, __ATOMIC_RELEASE);
	return found;
}

static void tell(enum ev_range_op op, uint64_t id, const char *name)
{
	agent_range_fn *agent;

	if (inside)
		return;
	inside = 1;
	agent = find_agent();
	if (agent)
		agent(op, id, name ? name : "");
	inside = 0;
}

/* ---- the library behind us ---- */

enum real_fn { REAL_mark, REAL_push, REAL_pop, REAL_start, REAL_stop, REAL_callback, REAL_COUNT };

/* As RTLD_NEXT has it: what the program is linked with; one that it loads with RTLD_LOCAL is not behind us. */
static void *behind[REAL_COUNT];

__attribute__((constructor)) static void look_behind(void)
{
	static const char *const names[] = {"roctxMarkA",	"roctxRangePushA", "roctxRangePop",
					    "roctxRangeStartA", "roctxRangeStop",  "roctxRegisterTracerCallback"};

	for (int i = 0; i < REAL_COUNT; i++)
		behind[i] = dlsym(RTLD_NEXT, names[i]);
}

static void *real(enum real_fn f)
{
	return inside ? NULL : behind[f];
}

/* ---- the API ---- */

uint32_t roctx_version_major(void)
{
	return 4;
}

uint32_t roctx_version_minor(void)
{
	return 1;
}

void roctxMarkA(const char *message)
{
	void (*next)(const char *) = (void (*)(const char *))real(REAL_mark);

	tell(RANGE_OP_mark, 0, message);
	if (next)
		next(message);
}

/* The level of the range that begins: 0 for the first. */
int roctxRangePushA(const char *message)
{
	int (*next)(const char *) = (int (*)(const char *))real(REAL_push);
	int level = depth++;

	tell(RANGE_OP_push, (uint64_t)level, message);
	return next ? next(message) : level;
}

/* The level of the range that ends; -1 where none was begun. */
int roctxRangePop(void)
{
	int (*next)(void) = (int (*)(void))real(REAL_pop);
	int level = depth ? --depth : -1;

	if (level >= 0)
		tell(RANGE_OP_pop, (uint64_t)level, NULL);
	return next ? next() : level;
}

uint64_t roctxRangeStartA(const char *message)
{
	uint64_t (*next)(const char *) = (uint64_t (*)(const char *))real(REAL_start);
	uint64_t id = next ? next(message) : __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);

	tell(RANGE_OP_start, id, message);
	return id;
}

void roctxRangeStop(uint64_t id)
{
	void (*next)(uint64_t) = (void (*)(uint64_t))real(REAL_stop);

	tell(RANGE_OP_stop, id, NULL);
	if (next)
		next(id);
}

/* For roctracer: it hears what the library behind us hears, or nothing. */
void roctxRegisterTracerCallback(int (*callback)(uint32_t domain, uint32_t operation, void *data))
{
	void (*next)(int (*)(uint32_t, uint32_t, void *)) =
		(void (*)(int (*)(uint32_t, uint32_t, void *)))real(REAL_callback);

	if (next)
		next(callback);
}
