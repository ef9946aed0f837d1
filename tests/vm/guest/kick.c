// SPDX-License-Identifier: MIT
/*
 * kick [--types FILE] SCRIPT: drives /dev/kick (tests/vm/kick) by the names of the running driver's types, and
 * /dev/kfd as a program would; FILE has the types where the driver has none. One command a line; '#' begins a
 * comment.
 *
 *   new VAR TYPE                a zeroed object of that struct
 *   open                        /dev/kfd
 *   process VAR                 VAR is the driver's kfd_process of the opened file
 *   VAR.PATH = VALUE            VALUE: a number, &VAR.PATH, $VAR.PATH (what it holds), $pid, "idr" or "xa" to
 *                               initialise one
 *   trace[*N] NAME ARG...       the tracepoint amdgpu_NAME; ARG: as VALUE
 *   call FUNCTION NAME=ARG...   parameters by name, the others 0; prints what it returned
 *   worker LINE, irq LINE       trace or call from a kernel worker, or from an interrupt
 *   stub FUNCTION RET [copy NAME VAR] [poke NAME VAR.PATH]... [store NAME VALUE] [inside trace...]
 *                               from now on it returns RET; inside: at each call the tracepoint fires first
 *   unstub
 *   drm CMD HEX                 amdgpu_drm_ioctl with these bytes as its struct, as a render node would
 *   show VAR.PATH               prints it
 *   get_version | alloc VA SIZE GPU FLAGS | map | unmap | free | wait MS
 *                               ioctls, on what was allocated last; prints struct and result
 *   child LINE                  the line in a child that inherits the descriptors
 *   say TEXT, sleep MS, clock (prints "seconds N" since the last one), include SCRIPT (beside this one),
 *   repeat LINE (for ever, every 20 ms)
 *   ?TYPE.PATH LINE             only if the type has that field; ?FUNCTION() LINE, !FUNCTION() LINE: if the
 *                               driver has (not) that function
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <bpf/btf.h>
#include <linux/kfd_ioctl.h>

#define VARS 64

static struct btf *kernel, *driver;
static struct {
	char name[32], type[64];
} vars[VARS];
static int num_vars, dev = -1, kfd = -1, line_number;
static uint64_t handle;
static uint32_t gpu;

static void disarm(void);

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "kick: line %d: ", line_number);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	disarm();
	exit(1);
}

/* ---- names to numbers ---- */

static const struct btf_type *resolve(const struct btf_type *t)
{
	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = btf__type_by_id(driver, t->type);
	return t;
}

static const struct btf_type *find_type(const char *name)
{
	int id = btf__find_by_name_kind(driver, name, BTF_KIND_STRUCT);

	return id > 0 ? btf__type_by_id(driver, (uint32_t)id) : NULL;
}

/* Member by name, also inside anonymous members; adds its offset. */
static const struct btf_type *member(const struct btf_type *t, const char *name, size_t len,
				     uint32_t *off)
{
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		const char *is = btf__name_by_offset(driver, m->name_off);
		const struct btf_type *type = resolve(btf__type_by_id(driver, m->type)), *in;
		uint32_t at = btf_member_bit_offset(t, (uint32_t)i) / 8;

		if (strlen(is) == len && !strncmp(is, name, len)) {
			*off += at;
			return type;
		}
		if (is[0] || !btf_is_composite(type))
			continue;
		in = member(type, name, len, off);
		if (in) {
			*off += at;
			return in;
		}
	}
	return NULL;
}

/* "tbo.base.size", "pdds[0]": offset and size; false when there is no such field. */
static bool find_field(const char *type, const char *path, uint32_t *off, uint32_t *size)
{
	const struct btf_type *t = find_type(type);

	*off = 0;
	while (t && *path) {
		size_t len = strcspn(path, ".[");

		if (!btf_is_composite(t))
			return false;
		t = member(t, path, len, off);
		path += len;
		if (t && *path == '[') {
			uint32_t i = (uint32_t)strtoul(path + 1, (char **)&path, 0);

			t = resolve(btf__type_by_id(driver, btf_array(t)->type));
			*off += i * (btf_is_ptr(t) ? 8 : t->size);
			path++;
		}
		path += *path == '.';
	}
	if (!t)
		return false;
	*size = btf_is_ptr(t) ? 8 : btf_is_array(t) ? 0 : t->size;
	return true;
}

static const struct btf_type *find_function(const char *name)
{
	int id = btf__find_by_name_kind(driver, name, BTF_KIND_FUNC);
	const struct btf_type *t = id > 0 ? btf__type_by_id(driver, (uint32_t)id) : NULL;

	return t ? btf__type_by_id(driver, t->type) : NULL;
}

static int parameter(const char *function, const char *name, size_t len)
{
	const struct btf_type *t = find_function(function);

	if (!t)
		die("the driver has no function %s", function);
	for (int i = 0; i < btf_vlen(t); i++) {
		const char *is = btf__name_by_offset(driver, btf_params(t)[i].name_off);

		if (strlen(is) == len && !strncmp(is, name, len))
			return i;
	}
	return -1;
}

static int find_var(const char *name, size_t len)
{
	for (int i = 0; i < num_vars; i++)
		if (strlen(vars[i].name) == len && !strncmp(vars[i].name, name, len))
			return i;
	die("no variable %.*s", (int)len, name);
	return -1;
}

/* "VAR.PATH" */
static int place(const char *text, uint32_t *off, uint32_t *size)
{
	size_t len = strcspn(text, ".");
	int v = find_var(text, len);

	if (!find_field(vars[v].type, text[len] ? text + len + 1 : "", off, size))
		die("%s has no %s", vars[v].type, text + len);
	return v;
}

static void kick(const char *fmt, ...);

static uint64_t answer(void)
{
	char text[32] = "";

	if (read(dev, text, sizeof(text) - 1) <= 0)
		die("no answer");
	return strtoull(text, NULL, 16);
}

/* A number, or "&VAR.PATH" as the module writes it. */
static const char *value(const char *text)
{
	static char out[32][48];
	static int next;
	char *at = out[next++ % 32];
	uint32_t off, size;

	if (!strcmp(text, "$pid")) {
		snprintf(at, 48, "%d", getpid());
		return at;
	}
	if (*text == '$') {
		int v = place(text + 1, &off, &size);

		kick("get %d %u %u", v, off, size);
		snprintf(at, 48, "0x%llx", (unsigned long long)answer());
		return at;
	}
	if (*text != '&')
		return text;
	snprintf(at, 48, "@%d", place(text + 1, &off, &size));
	snprintf(at + strlen(at), 48 - strlen(at), "+%u", off);
	return at;
}

/* ---- the module ---- */

static void kick(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (write(dev, line, (size_t)n) != n)
		die("%s: %s", line, strerror(errno));
}

/* A process must not end with a device that is not there. */
static void disarm(void)
{
	uint32_t off, size;

	for (int i = 0; i < num_vars && dev >= 0; i++)
		if (!strcmp(vars[i].type, "kfd_process") &&
		    find_field("kfd_process", "n_pdds", &off, &size))
			dprintf(dev, "set %d %u %u 0", i, off, size);
}

static void do_new(const char *name, const char *type)
{
	const struct btf_type *t = find_type(type);

	if (!t || num_vars == VARS)
		die("no type %s", type);
	snprintf(vars[num_vars].name, sizeof(vars[0].name), "%s", name);
	snprintf(vars[num_vars].type, sizeof(vars[0].type), "%s", type);
	kick("buf %d %u", num_vars++, t->size);
}

static void do_set(char *left, const char *right)
{
	uint32_t off, size, off2, size2;
	int v = place(left, &off, &size);

	if (!strcmp(right, "idr") || !strcmp(right, "xa")) {
		kick("%s %d %u", right, v, off);
	} else if (*right == '&') {
		int v2 = place(right + 1, &off2, &size2);

		kick("ptr %d %u %d %u", v, off, v2, off2);
	} else if (size && size <= 8) {
		kick("set %d %u %u %s", v, off, size, value(right));
	} else {
		die("%s has %u bytes", left, size);
	}
}

/* "NAME ARG..." as the module reads it. */
static void trace_line(char *line, size_t len, char *rest)
{
	char *arg;

	line[0] = 0;
	while ((arg = strsep(&rest, " ")))
		if (*arg)
			snprintf(line + strlen(line), len - strlen(line), " %s", value(arg));
}

static void do_trace(const char *prefix, const char *count, char *rest)
{
	char line[900];

	trace_line(line, sizeof(line), rest);
	kick("%strace %s%s", prefix, count, line);
}

static void do_call(const char *prefix, char *rest)
{
	char line[900] = "", *name = strsep(&rest, " "), *arg;
	const struct btf_type *t = find_function(name);
	const char *values[16] = {0};

	if (!t)
		die("the driver has no function %s", name);
	while ((arg = strsep(&rest, " "))) {
		char *eq = strchr(arg, '=');
		int i = eq ? parameter(name, arg, (size_t)(eq - arg)) : -1;

		if (i >= 0 && i < 16)
			values[i] = value(eq + 1);
		else if (*arg && !eq)
			die("%s: NAME=VALUE", arg);
	}
	for (int i = 0; i < btf_vlen(t); i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " %s", values[i] ?: "0");
	kick("%scall %s%s", prefix, name, line);
	printf("called %s -> 0x%llx\n", name, (unsigned long long)answer());
}

static void do_stub(char *rest)
{
	char line[900] = "", *name = strsep(&rest, " "), *ret = strsep(&rest, " "), *w;

	while ((w = strsep(&rest, " "))) {
		char *param, *what;

		if (!strcmp(w, "inside")) {
			size_t n = strlen(line);

			snprintf(line + n, sizeof(line) - n, " t trace 1");
			trace_line(line + n + 10, sizeof(line) - n - 10, rest);
			break;
		}
		param = strsep(&rest, " ");
		what = strsep(&rest, " ");
		uint32_t off, size;
		int i;

		i = what ? parameter(name, param, strlen(param)) : -1;
		if (i < 0)
			die("%s has no parameter %s", name, param);
		if (!strcmp(w, "copy")) {
			snprintf(line + strlen(line), sizeof(line) - strlen(line), " c %d %d", i,
				 find_var(what, strlen(what)));
		} else if (!strcmp(w, "poke")) {
			place(what, &off, &size);
			snprintf(line + strlen(line), sizeof(line) - strlen(line), " p %d %u %u", i,
				 off, size);
		} else {
			snprintf(line + strlen(line), sizeof(line) - strlen(line), " s %d %s", i,
				 what);
		}
	}
	kick("stub %s %s%s", name, ret, line);
}

/* ---- as a program would ---- */

static void say_ioctl(const char *name, unsigned long cmd, const void *arg, int ret)
{
	const uint8_t *p = arg;

	ret = ret ? -errno : 0;
	printf("ioctl %s 0x%lx %d ", name, cmd, ret);
	for (unsigned int i = 0; i < _IOC_SIZE(cmd); i++)
		printf("%02x", p[i]);
	putchar('\n');
}

#define IOCTL(name, arg)                                                                           \
	say_ioctl(#name, AMDKFD_IOC_##name, arg, ioctl(kfd, AMDKFD_IOC_##name, arg))

static bool do_ioctl(const char *what, char *rest)
{
	struct kfd_ioctl_alloc_memory_of_gpu_args alloc = {0};
	struct kfd_ioctl_map_memory_to_gpu_args map = {.handle = handle, .n_devices = 1};
	struct kfd_ioctl_unmap_memory_from_gpu_args unmap = {.handle = handle, .n_devices = 1};
	struct kfd_ioctl_free_memory_of_gpu_args release = {.handle = handle};
	struct kfd_ioctl_get_version_args version = {0};
	struct kfd_event_data event = {0};
	struct kfd_ioctl_wait_events_args events = {.num_events = 1};
	struct kfd_ioctl_create_event_args create = {.event_type = KFD_IOC_EVENT_SIGNAL};

	if (!strcmp(what, "get_version")) {
		IOCTL(GET_VERSION, &version);
	} else if (!strcmp(what, "alloc")) {
		alloc.va_addr = strtoull(strsep(&rest, " "), NULL, 0);
		alloc.size = strtoull(strsep(&rest, " "), NULL, 0);
		alloc.gpu_id = gpu = (uint32_t)strtoul(strsep(&rest, " "), NULL, 0);
		alloc.flags = (uint32_t)strtoul(rest, NULL, 0);
		IOCTL(ALLOC_MEMORY_OF_GPU, &alloc);
		handle = alloc.handle;
	} else if (!strcmp(what, "map")) {
		map.device_ids_array_ptr = (uintptr_t)&gpu;
		IOCTL(MAP_MEMORY_TO_GPU, &map);
	} else if (!strcmp(what, "unmap")) {
		unmap.device_ids_array_ptr = (uintptr_t)&gpu;
		IOCTL(UNMAP_MEMORY_FROM_GPU, &unmap);
	} else if (!strcmp(what, "free")) {
		IOCTL(FREE_MEMORY_OF_GPU, &release);
	} else if (!strcmp(what, "ioctls")) {
		for (unsigned long n = strtoul(rest, NULL, 0); n; n--)
			if (ioctl(kfd, AMDKFD_IOC_GET_VERSION, &version))
				die("GET_VERSION: %s", strerror(errno));
	} else if (!strcmp(what, "wait")) {
		IOCTL(CREATE_EVENT, &create);
		event.event_id = create.event_id;
		events.events_ptr = (uintptr_t)&event;
		events.timeout = (uint32_t)strtoul(rest ?: "0", NULL, 0);
		IOCTL(WAIT_EVENTS, &events);
	} else {
		return false;
	}
	return true;
}

/* There is no render node here: the driver's function with a struct of this process, as the DRM
 * core calls it. */
static void do_drm(char *rest)
{
	uint8_t arg[128] = {0};
	const char *cmd = strsep(&rest, " ");
	unsigned int n = 0;

	for (; rest && rest[0] && rest[1] && n < sizeof(arg); rest += 2)
		sscanf(rest, "%2hhx", &arg[n++]);
	kick("call amdgpu_drm_ioctl 0 %s %llu", cmd, (unsigned long long)(uintptr_t)arg);
	printf("drm %s -> 0x%llx\n", cmd, (unsigned long long)answer());
}

/* ---- lines ---- */

/* "?TYPE.PATH LINE", "?FUNCTION() LINE", "!FUNCTION() LINE": the line, or NULL when it is not for
 * here. */
static char *condition(char *line)
{
	bool wanted = *line == '?', there;
	char *what = line + 1, *paren, *dot;
	uint32_t off, size;

	line = strchr(line, ' ');
	if (!line)
		die("a condition without a line");
	*line++ = 0;
	paren = strstr(what, "()");
	dot = strchr(what, '.');
	if (paren) {
		*paren = 0;
		there = find_function(what) != NULL;
	} else {
		if (dot)
			*dot = 0;
		there = dot ? find_field(what, dot + 1, &off, &size) : find_type(what) != NULL;
	}
	return there == wanted ? line : NULL;
}

static void include(const char *name);

static void run(char *line, const char *prefix)
{
	char *what, *rest, *eq, name[1024];

	while (line && (*line == '?' || *line == '!'))
		line = condition(line);
	if (!line)
		return;
	eq = strstr(line, " = ");
	if (eq && strncmp(line, "call ", 5)) {
		*eq = 0;
		do_set(line, eq + 3);
		return;
	}
	rest = line;
	what = strsep(&rest, " ");
	if (!strcmp(what, "new")) {
		char *var = strsep(&rest, " ");

		do_new(var, rest);
	} else if (!strcmp(what, "open")) {
		kfd = open("/dev/kfd", O_RDWR | O_CLOEXEC);
		if (kfd < 0)
			die("/dev/kfd: %s", strerror(errno));
	} else if (!strcmp(what, "process")) {
		snprintf(vars[num_vars].name, sizeof(vars[0].name), "%s", rest);
		strcpy(vars[num_vars].type, "kfd_process");
		kick("file %d %d", num_vars++, kfd);
	} else if (!strncmp(what, "trace", 5)) {
		do_trace(prefix, what[5] == '*' ? what + 6 : "1", rest);
	} else if (!strcmp(what, "call")) {
		do_call(prefix, rest);
	} else if (!strcmp(what, "worker") || !strcmp(what, "irq")) {
		run(rest, *what == 'w' ? "worker " : "irq ");
	} else if (!strcmp(what, "stub")) {
		do_stub(rest);
	} else if (!strcmp(what, "unstub")) {
		kick("unstub");
	} else if (!strcmp(what, "drm")) {
		do_drm(rest);
	} else if (!strcmp(what, "show")) {
		printf("%s = %s\n", rest, value(strcat(strcpy(name, "$"), rest)));
	} else if (!strcmp(what, "child")) {
		if (!fork()) {
			run(rest, prefix);
			fflush(stdout);
			_exit(0); /* exit would move our place in the script, which is its file, too */
		}
		wait(NULL);
	} else if (!strcmp(what, "clock")) {
		static struct timespec last;
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		if (last.tv_sec)
			printf("seconds %.6f\n",
			       (double)(now.tv_sec - last.tv_sec) +
				       (double)(now.tv_nsec - last.tv_nsec) / 1e9);
		last = now;
	} else if (!strcmp(what, "include")) {
		include(rest);
	} else if (!strcmp(what, "repeat")) {
		for (;; usleep(20000)) {
			snprintf(name, sizeof(name), "%s", rest);
			run(name, prefix);
		}
	} else if (!strcmp(what, "say")) {
		puts(rest);
	} else if (!strcmp(what, "sleep")) {
		usleep((useconds_t)atoi(rest) * 1000);
	} else if (!do_ioctl(what, rest)) {
		die("unknown: %s", what);
	}
}

static void run_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[1024];

	if (!f)
		die("%s: %s", path, strerror(errno));
	for (line_number = 0; fgets(line, sizeof(line), f);) {
		char *at = line + strspn(line, " \t"), *end;

		line_number++;
		at[strcspn(at, "#\n")] = 0;
		for (end = at + strlen(at); end > at && isspace((unsigned char)end[-1]);)
			*--end = 0;
		if (*at)
			run(at, "");
	}
	fclose(f);
}

static const char *script;

static void include(const char *name)
{
	const char *slash = strrchr(script, '/');
	int line = line_number;
	char path[256];

	snprintf(path, sizeof(path), "%.*s%s", slash ? (int)(slash + 1 - script) : 0, script, name);
	run_file(path);
	line_number = line;
}

int main(int argc, char **argv)
{
	cpu_set_t cpu = {0};
	bool given = argc == 4 && !strcmp(argv[1], "--types");

	if (argc != 2 && !given) {
		fprintf(stderr, "usage: kick [--types FILE] SCRIPT\n");
		return 2;
	}
	/* Interrupts then always come to the other. */
	CPU_SET(0, &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
	setvbuf(stdout, NULL, _IOLBF, 0);
	script = argv[argc - 1];
	kernel = btf__load_vmlinux_btf();
	if (given)
		driver = btf__parse_split(argv[2], kernel);
	else
		driver = kernel ? btf__load_module_btf("amdgpu", kernel) : NULL;
	dev = open("/dev/kick", O_RDWR | O_CLOEXEC);
	if (!driver || dev < 0) {
		fprintf(stderr, "kick: needs /dev/kick and the types of amdgpu\n");
		return 1;
	}
	printf("pid %d\n", getpid());
	run_file(script);
	puts("done");
	return 0;
}
