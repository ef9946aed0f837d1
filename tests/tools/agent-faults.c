// SPDX-License-Identifier: MIT
/*
 * LD_PRELOAD: calls into libc that come from librdna1-agent.so.1 fail, those of everybody else pass.
 *
 *   AGENT_FAULTS_LOG=FILE	append a line "N NAME +OFFSET passed|ERRNO" for each call, in order; OFFSET is the
 *				caller's in the agent
 *   AGENT_FAULTS_NTH=N		the N-th call of the process fails, from 1
 *   AGENT_FAULTS_FROM=N	the N-th and all behind it fail
 *   AGENT_FAULTS_CALL=NAME	all calls of NAME fail (of syscall: all that can)
 *
 * With one of the last three only calls that failed are logged. What the agent says on stderr passes: else silence
 * would mean nothing. The library must stand before libraries that have the same
 * functions (the emulated device), or the caller is not seen. A call that the agent makes last in a function
 * that libc or ROCr called is not seen either.
 *
 * The functions are those of agent-faults.def. Each is a stub that keeps every register of its arguments, so
 * that one piece of code serves them all, with any number of arguments.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum result { NOTHING = 0, ZERO = 0, MINUS_ONE = -1, THE_ERRNO = 1 };

static const struct call {
	const char *name;
	enum result result;
	int errnos[4];
} calls[] = {
#define CALL(name, result, ...) {#name, result, {__VA_ARGS__}},
#define SYSCALL(number, ...)
#define SURE(name)
#include "agent-faults.def"
#undef CALL
#undef SYSCALL
	{"syscall", MINUS_ONE, {0}},
};

static const struct {
	long number;
	const char *name;
	int errnos[4];
} syscalls[] = {
#define CALL(name, result, ...)
#define SYSCALL(number, ...) {number, #number, {__VA_ARGS__}},
#include "agent-faults.def"
#undef CALL
#undef SYSCALL
};

enum {
#define CALL(name, result, ...) CALL_##name,
#define SYSCALL(number, ...)
#include "agent-faults.def"
#undef CALL
	CALL_syscall,
	NUM_CALLS,
};

static void *next[NUM_CALLS]; /* atomic */
static uint64_t agent_base, agent_lo, agent_hi; /* atomic: where it is loaded, its text */
static uint64_t count;				/* atomic */
static uint64_t nth, from;
static bool ready; /* before, the loader may still be at work */
static const char *wanted, *log_path;

/* ---- who calls ---- */

static int visit(struct dl_phdr_info *info, size_t size, void *unused)
{
	const char *slash = strrchr(info->dlpi_name ? info->dlpi_name : "", '/');

	(void)size;
	(void)unused;
	if (!slash || strcmp(slash + 1, "librdna1-agent.so.1"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		__atomic_store_n(&agent_base, info->dlpi_addr, __ATOMIC_RELAXED);
		__atomic_store_n(&agent_lo, info->dlpi_addr + p->p_vaddr, __ATOMIC_RELAXED);
		__atomic_store_n(&agent_hi, info->dlpi_addr + p->p_vaddr + p->p_memsz, __ATOMIC_RELEASE);
	}
	return 1;
}

static bool in_text(uint64_t addr)
{
	return addr < __atomic_load_n(&agent_hi, __ATOMIC_ACQUIRE) &&
	       addr >= __atomic_load_n(&agent_lo, __ATOMIC_RELAXED);
}

/* The loader is asked once for each page of code: libraries come and go, but seldom to the same place. */
static bool from_agent(uint64_t addr)
{
	static uint64_t others[1 << 16]; /* atomic: pages, by hash */
	uint64_t page = addr >> 12, *other = &others[(page ^ page >> 16) & 0xffff];

	if (in_text(addr))
		return true;
	if (__atomic_load_n(other, __ATOMIC_RELAXED) == page)
		return false;
	if (!ready)
		return false;
	dl_iterate_phdr(visit, NULL);
	if (in_text(addr))
		return true;
	__atomic_store_n(other, page, __ATOMIC_RELAXED);
	return false;
}

/* ---- what becomes of the call ---- */

/* Straight to the kernel: this may be a call to write. */
static long raw(long number, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return ret;
}

static void log_call(uint64_t n, const char *name, uint64_t caller, bool fails, int err)
{
	char line[256];
	int len;
	long fd;

	if (!log_path)
		return;
	len = snprintf(line, sizeof(line), "%llu %s +0x%llx %s\n", (unsigned long long)n, name,
		       (unsigned long long)caller, fails ? strerrorname_np(err) ?: "fails" : "passed");
	fd = raw(SYS_open, (long)log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644, 0);
	if (fd < 0)
		return;
	raw(SYS_write, fd, (long)line, len, 0);
	raw(SYS_close, fd, 0, 0, 0);
}

static int pick(const int errnos[4], uint64_t n)
{
	int num = 0;

	while (num < 4 && errnos[num])
		num++;
	return num ? errnos[n % (unsigned int)num] : 0;
}

static bool is_wanted(const char *name, uint64_t n)
{
	return (nth && n == nth) || (from && n >= from) || (wanted && !strcmp(wanted, name));
}

/* dlsym is one of the stubs. */
static void *real_call(const char *name)
{
	static void *(*find)(void *, const char *);

	if (!find)
		find = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
	return find(RTLD_NEXT, name);
}

struct verdict {
	void *next; /* the real function; NULL: return value */
	long value;
};

static struct verdict fail(const struct call *c, const char *name, const int errnos[4], uint64_t caller, void *real)
{
	uint64_t n = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
	bool fails = is_wanted(c->name, n);
	int err = pick(errnos, n), before = errno;

	if (fails || !(nth || from || wanted))
		log_call(n, name, caller, fails, err);
	errno = fails && c->result != THE_ERRNO ? err : before;
	if (!fails)
		return (struct verdict){.next = real};
	return (struct verdict){.value = c->result == THE_ERRNO ? err : c->result};
}

/* args: as they stand in registers; the first is args[0]. */
__attribute__((used)) static struct verdict decide(unsigned int which, uint64_t caller, const long *args)
{
	const struct call *c = &calls[which];
	void *real = __atomic_load_n(&next[which], __ATOMIC_RELAXED);

	if (!real) {
		real = real_call(c->name);
		__atomic_store_n(&next[which], real, __ATOMIC_RELAXED);
	}
	if (!from_agent(caller) || (which == CALL_write && args[0] == STDERR_FILENO))
		return (struct verdict){.next = real};
	caller -= __atomic_load_n(&agent_base, __ATOMIC_RELAXED);
	if (which != CALL_syscall)
		return fail(c, c->name, c->errnos, caller, real);
	for (size_t i = 0; i < sizeof(syscalls) / sizeof(*syscalls); i++)
		if (syscalls[i].number == args[0])
			return syscalls[i].errnos[0] ? fail(c, syscalls[i].name, syscalls[i].errnos, caller, real)
						     : (struct verdict){.next = real};
	log_call((uint64_t)args[0], "UNKNOWN-SYSCALL", caller, false, 0);
	return (struct verdict){.next = real};
}

/* rax, 6 arguments and 8 vector registers are kept; r11 says which function it is. */
__asm__(".text\n"
	"agent_faults_common:\n"
	"	push %rbp\n"
	"	mov %rsp, %rbp\n"
	"	push %r11\n"
	"	push %rax\n"
	"	push %r9\n"
	"	push %r8\n"
	"	push %rcx\n"
	"	push %rdx\n"
	"	push %rsi\n"
	"	push %rdi\n"
	"	sub $128, %rsp\n"
	"	movups %xmm0, (%rsp)\n"
	"	movups %xmm1, 16(%rsp)\n"
	"	movups %xmm2, 32(%rsp)\n"
	"	movups %xmm3, 48(%rsp)\n"
	"	movups %xmm4, 64(%rsp)\n"
	"	movups %xmm5, 80(%rsp)\n"
	"	movups %xmm6, 96(%rsp)\n"
	"	movups %xmm7, 112(%rsp)\n"
	"	mov %r11d, %edi\n"
	"	mov 8(%rbp), %rsi\n"
	"	lea 128(%rsp), %rdx\n"
	"	call decide\n"
	"	mov %rax, %r11\n"
	"	mov %rdx, %r10\n"
	"	movups (%rsp), %xmm0\n"
	"	movups 16(%rsp), %xmm1\n"
	"	movups 32(%rsp), %xmm2\n"
	"	movups 48(%rsp), %xmm3\n"
	"	movups 64(%rsp), %xmm4\n"
	"	movups 80(%rsp), %xmm5\n"
	"	movups 96(%rsp), %xmm6\n"
	"	movups 112(%rsp), %xmm7\n"
	"	add $128, %rsp\n"
	"	pop %rdi\n"
	"	pop %rsi\n"
	"	pop %rdx\n"
	"	pop %rcx\n"
	"	pop %r8\n"
	"	pop %r9\n"
	"	pop %rax\n"
	"	leave\n"
	"	test %r11, %r11\n"
	"	jz 1f\n"
	"	jmp *%r11\n"
	"1:	mov %r10, %rax\n"
	"	ret\n");

#define STUB(name)                                                                                 \
	__asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n"                 \
		"	mov $%c0, %%r11d\n	jmp agent_faults_common\n.size " #name ", .-" #name "\n"  \
		: : "i"(CALL_##name))

/* Operands need a function around them; nobody calls it. */
__attribute__((used, naked)) static void stubs(void)
{
#define CALL(name, result, ...) STUB(name);
#include "agent-faults.def"
	STUB(syscall);
}

static uint64_t number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void set_up(void)
{
	for (unsigned int i = 0; i < NUM_CALLS; i++)
		next[i] = real_call(calls[i].name);
	nth = number("AGENT_FAULTS_NTH");
	from = number("AGENT_FAULTS_FROM");
	wanted = getenv("AGENT_FAULTS_CALL");
	log_path = getenv("AGENT_FAULTS_LOG");
	ready = true;
}
