// SPDX-License-Identifier: MIT
/*
 * hsa-survive MODE: an HSA program that ends, or goes on, in ways that a library inside it must survive. With a tool
 * loaded and without one each mode prints the same and ends with the same status.
 */
#include "hsa_kernel.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void some_calls(int n)
{
	for (int i = 0; i < n; i++) {
		void *p = memory(4096);

		hsa_amd_memory_pool_free(p);
	}
}

/* ---- signals ---- */

static sigjmp_buf back;
static volatile int caught;
static char alternate[65536];

static void jump(int signo)
{
	caught = signo;
	siglongjmp(back, 1);
}

static void count(int signo, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	caught += signo;
	_exit(40 + signo);
}

static int *nowhere(void)
{
	return (int *)mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void segv(void)
{
	*nowhere() = 1;
}

static void bus(void)
{
	char name[] = "/tmp/hsa-survive.XXXXXX";
	int fd = mkstemp(name);
	int *p;

	unlink(name);
	if (ftruncate(fd, 4096))
		return;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ftruncate(fd, 0))
		return;
	*p = 1;
}

static void do_abort(void)
{
	abort();
}

/* A handler before hsa_init: the tool must give the signal to it. */
static void handled(void)
{
	*nowhere() = 1;
}

/* After hsa_init, a hundred times: as a language runtime does. */
static void recovered(void)
{
	struct sigaction act = {.sa_handler = jump, .sa_flags = SA_NODEFER};

	sigaction(SIGSEGV, &act, NULL);
	for (volatile int i = 0; i < 100; i++)
		if (!sigsetjmp(back, 1))
			*nowhere() = i;
	some_calls(3);
	printf("recovered from signal %d a hundred times\n", caught);
}

/* The same with a handler from before hsa_init, which the tool calls. */
static void recovered_before(void)
{
	for (volatile int i = 0; i < 100; i++)
		if (!sigsetjmp(back, 1))
			*nowhere() = i;
	some_calls(3);
	printf("recovered from signal %d a hundred times\n", caught);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winfinite-recursion"
static int deep(volatile char *p)
{
	volatile char frame[4096];

	frame[0] = *p;
	return deep(frame) + frame[0];
}
#pragma GCC diagnostic pop

static void stack(void)
{
	stack_t ss = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	char c = 1;

	sigaltstack(&ss, NULL);
	printf("%d\n", deep(&c));
}

/* A handler for one time, from before hsa_init, which lets the instruction fault again. */
static void once(int signo)
{
	caught += signo;
	if (write(1, "handled once\n", 13) != 13 || caught > 100 * signo)
		_exit(42);
}

/* Waits for the other thread's. */
static void both(int signo)
{
	static int seen;

	__atomic_fetch_add(&seen, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 500 && __atomic_load_n(&seen, __ATOMIC_SEQ_CST) < 2; i++)
		usleep(10000);
	_exit(40 + signo + __atomic_load_n(&seen, __ATOMIC_SEQ_CST));
}

static pthread_barrier_t together;

static void *crash(void *unused)
{
	pthread_barrier_wait(&together);
	segv();
	return unused;
}

static void two(void)
{
	pthread_t t;

	pthread_barrier_init(&together, NULL, 2);
	if (!pthread_create(&t, NULL, crash, NULL))
		crash(NULL);
	exit(1);
}

/* Out of the runtime, and of whatever stands before it. */
static void jumped(void)
{
	struct sigaction act = {.sa_handler = jump, .sa_flags = SA_NODEFER};
	void *p = memory(4096);

	sigaction(SIGSEGV, &act, NULL);
	if (!sigsetjmp(back, 1))
		hsa_memory_copy(nowhere(), p, 64);
	some_calls(50);
	printf("left hsa_memory_copy by signal %d\n", caught);
}

/* ---- what is no queue, no signal ---- */

static void null_queue(void)
{
	printf("destroy 0x%x\n", (unsigned int)hsa_queue_destroy(NULL));
	printf("priority 0x%x\n",
	       (unsigned int)hsa_amd_queue_set_priority(NULL, HSA_AMD_QUEUE_PRIORITY_HIGH));
	printf("profiling 0x%x\n", (unsigned int)hsa_amd_profiling_set_profiler_enabled(NULL, 1));
}

/* ---- ends ---- */

static void leave(void)
{
	some_calls(3);
	_exit(7);
}

static void run_other(void)
{
	some_calls(3);
	fflush(stdout);
	execl("/bin/echo", "echo", "another program", (char *)NULL);
}

/* ---- children ---- */

static void wait_for(pid_t pid, const char *what)
{
	int status = -1;

	waitpid(pid, &status, 0);
	printf("%s: status 0x%x\n", what, (unsigned int)status);
}

/* What an inherited runtime answers is its business; that it answers alike is ours. */
static int in_child(void)
{
	hsa_signal_t s;
	void *p = NULL;
	hsa_status_t status = hsa_amd_memory_pool_allocate(host, 4096, 0, &p);

	if (status == HSA_STATUS_SUCCESS)
		hsa_amd_memory_pool_free(p);
	return hsa_signal_create(1, 0, NULL, &s) == HSA_STATUS_SUCCESS ? 5 : 6;
}

static void do_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(in_child());
	wait_for(pid, "fork");
	some_calls(3);
}

static void do_vfork(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(9);
	}
	wait_for(pid, "vfork");
	some_calls(3);
}

/* The child shares the memory, and calls before it ends. */
static int shared_child(void *unused)
{
	(void)unused;
	return in_child();
}

static void do_clone_vm(void)
{
	char *child_stack = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid = clone(shared_child, child_stack + (1 << 20), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);

	wait_for(pid, "clone with shared memory");
	some_calls(3);
}

/* Past libc: no handler of pthread_atfork runs. */
static void do_raw_clone(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (!pid)
		_exit(in_child());
	wait_for(pid, "raw clone");
	some_calls(3);
}

/* Threads that have our locks, and a child that has them for ever. */
static volatile int stop;

static void *busy_thread(void *unused)
{
	char page[8192];

	while (!stop)
		if (hsa_memory_register(page, 4096) == HSA_STATUS_SUCCESS)
			hsa_memory_deregister(page, 4096);
	return unused;
}

static void forks(void)
{
	pthread_t t[2];
	int stuck = 0;

	for (int i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, busy_thread, NULL))
			exit(1);
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();
		int status, waited = 0;

		if (!pid) {
			if (freopen("/dev/null", "w", stderr))
				hsa_shut_down();
			_exit(0);
		}
		while (!waitpid(pid, &status, WNOHANG) && ++waited < 10000)
			usleep(1000);
		if (waited == 10000) {
			stuck++;
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
		}
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	printf("%d of 40 children did not end\n", stuck);
}

/* ---- threads, libraries ---- */

static volatile int returned;

/* Cancelled before a call that is no cancellation point. */
static void *cancelled_thread(void *unused)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	pthread_cancel(pthread_self());
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
	hsa_signal_destroy((hsa_signal_t){0});
	hsa_memory_copy(unused, (char *)unused + 64, 64);
	returned = 1;
	pthread_testcancel();
	return unused;
}

static void cancelled(void)
{
	void *p = memory(4096);
	pthread_t t;

	if (pthread_create(&t, NULL, cancelled_thread, p))
		exit(1);
	pthread_join(t, NULL);
	printf("the call returned: %d\n", returned);
}

/* Calls from the destructor of a key: the thread's other ends have run. */
static pthread_key_t key;

static void free_at_end(void *p)
{
	hsa_amd_memory_pool_free(p);
}

static void *key_thread(void *unused)
{
	pthread_setspecific(key, memory(4096));
	return unused;
}

static void keys(void)
{
	pthread_key_create(&key, free_at_end);
	for (int i = 0; i < 200; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, key_thread, NULL))
			exit(1);
		pthread_join(t, NULL);
	}
	printf("200 threads that free at their end\n");
}

static void *one_thread(void *unused)
{
	some_calls(2);
	return unused;
}

static void threads(void)
{
	for (int i = 0; i < 300; i++) {
		pthread_t t[4];

		for (int j = 0; j < 4; j++)
			if (pthread_create(&t[j], NULL, one_thread, NULL))
				exit(1);
		for (int j = 0; j < 4; j++)
			pthread_join(t[j], NULL);
	}
	printf("1200 threads\n");
}

/* The runtime comes and goes with the library that has it. */
static void library(void)
{
	for (int i = 0; i < 5; i++) {
		void *lib = dlopen("libhsa-runtime64.so.1", RTLD_NOW | RTLD_LOCAL);
		hsa_status_t (*init)(void) = (hsa_status_t(*)(void))dlsym(lib, "hsa_init");
		hsa_status_t (*down)(void) = (hsa_status_t(*)(void))dlsym(lib, "hsa_shut_down");

		if (init() || down() || dlclose(lib))
			exit(1);
	}
	printf("initialised five times\n");
}

static void many_inits(void)
{
	for (int i = 0; i < 3; i++)
		HSA(hsa_init());
	some_calls(2);
	for (int i = 0; i < 3; i++)
		HSA(hsa_shut_down());
	some_calls(2);
	printf("four times on, three times off\n");
}

static int in_constructor[2]; /* begun, done */

static void *allocate_meanwhile(void *unused)
{
	while (!__atomic_load_n(&in_constructor[0], __ATOMIC_SEQ_CST))
		usleep(100);
	some_calls(2);
	__atomic_store_n(&in_constructor[1], 1, __ATOMIC_SEQ_CST);
	return unused;
}

/* A library's constructor holds the loader's lock and waits for a thread that has never called before. */
static void constructor(void)
{
	char path[4096], at[32];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	pthread_t t;

	if (n < 0)
		exit(1);
	path[n] = 0;
	snprintf(strrchr(path, '/'), 64, "/preload_constructor.so");
	snprintf(at, sizeof(at), "%p", (void *)in_constructor);
	setenv("WAIT_FOR", at, 1);
	if (pthread_create(&t, NULL, allocate_meanwhile, NULL) || !dlopen(path, RTLD_NOW))
		exit(1);
	pthread_join(t, NULL);
	printf("the constructor has waited for a thread that allocates\n");
}

static void *all_of_it(void *unused)
{
	start_hsa();
	some_calls(3);
	HSA(hsa_shut_down());
	return unused;
}

/* The runtime takes its tools away; what they left behind is still there to be called. */
static void unloaded(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, all_of_it, NULL))
		exit(1);
	pthread_join(t, NULL);
	sleep(1); /* for what they left running */
	printf("gone\n");
	fflush(stdout);
	segv();
}

static const struct {
	const char *name;
	void (*fn)(void);
	int before; /* signal with a handler from before hsa_init; negative: one that jumps */
} modes[] = {
	{"segv", segv, 0},
	{"bus", bus, 0},
	{"abort", do_abort, 0},
	{"handled", handled, SIGSEGV},
	{"handled-abort", do_abort, SIGABRT},
	{"recovered", recovered, 0},
	{"recovered-before", recovered_before, -SIGSEGV},
	{"resethand", segv, SIGSEGV},
	{"two", two, SIGSEGV},
	{"jumped", jumped, 0},
	{"null-queue", null_queue, 0},
	{"forks", forks, 0},
	{"cancelled", cancelled, 0},
	{"keys", keys, 0},
	{"stack", stack, 0},
	{"_exit", leave, 0},
	{"exec", run_other, 0},
	{"fork", do_fork, 0},
	{"vfork", do_vfork, 0},
	{"clone-vm", do_clone_vm, 0},
	{"raw-clone", do_raw_clone, 0},
	{"threads", threads, 0},
	{"many-inits", many_inits, 0},
	{"constructor", constructor, 0},
	{"library", library, 0},
	{"unloaded", unloaded, SIGSEGV},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		if (modes[i].fn == segv && modes[i].before)
			sigaction(modes[i].before,
				  &(struct sigaction){.sa_handler = once, .sa_flags = SA_RESETHAND}, NULL);
		else if (modes[i].fn == two)
			sigaction(modes[i].before, &(struct sigaction){.sa_handler = both}, NULL);
		else if (modes[i].before > 0)
			sigaction(modes[i].before,
				  &(struct sigaction){.sa_sigaction = count, .sa_flags = SA_SIGINFO}, NULL);
		if (modes[i].before < 0)
			sigaction(-modes[i].before, &(struct sigaction){.sa_handler = jump}, NULL);
		if (modes[i].fn != library && modes[i].fn != unloaded) {
			start_hsa();
			some_calls(3);
		}
		printf("%s\n", argv[1]);
		fflush(stdout);
		modes[i].fn();
		if (modes[i].fn != library && modes[i].fn != unloaded)
			hsa_shut_down();
		return 0;
	}
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		printf("%s\n", modes[i].name);
	return 2;
}
