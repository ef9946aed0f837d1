// SPDX-License-Identifier: MIT
/* What rdna1-trace run is asked for. */
#include "cmd_run.h"
#include "base/called.h"
#include "base/log.h"
#include "record/hooks.h"

#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"rdna1-trace records what a program does to an AMD GPU: the kernel driver's side by eBPF, the\n"
	"program's own side by an HSA tools agent, and shows it.\n"
	"\n"
	"usage: rdna1-trace [run] [OPTIONS] -- COMMAND [ARGUMENTS]   record COMMAND\n"
	"       rdna1-trace [run] [OPTIONS] -p PID[,PID...]          record what runs already\n"
	"       rdna1-trace report [OPTIONS] [DIR]                   the verdict, and what happened\n"
	"       rdna1-trace rules [ID]                               what the report judges by\n"
	"       rdna1-trace dump [--format text|json] [DIR]          every event, one line each\n"
	"       rdna1-trace info [--json] [DIR]                      the machine, and what it lacks\n"
	"       rdna1-trace check [--emulate] [--profile | --run]    is this machine set up for ROCm\n"
	"       rdna1-trace scan [OPTIONS] FILE...                   hazards of gfx1010 in compiled kernels\n"
	"       rdna1-trace recover [-o NEWDIR] DIR                  copy what is whole of a damaged one\n"
	"       rdna1-trace explain [-f FILE] [TEXT...]              what error messages mean\n"
	"       rdna1-trace pack [-o FILE] [DIR]                     one file for a bug report\n"
	"       rdna1-trace compare [--all] A B                      what differs between two\n"
	"       rdna1-trace quarantine [ACTION]                      what failed before, and is avoided\n"
	"\n"
	"Options of run:\n"
	"  -o, --output DIR    trace directory, made new (rdna1-trace-COMMAND-TIME-PID)\n"
	"  -p, --pid PID       record a process that runs already, and the children it has and makes, until\n"
	"                      they have ended or Ctrl-C; the kernel's side only. Several with commas\n"
	"      --emulate       run COMMAND on an emulated RX 5600 XT; no AMD GPU is needed\n"
	"      --emulate=WHAT  the same with other cards and drivers; WHAT is a list with commas of\n"
	"                        gfx1010 gfx1011 gfx1012 gfx1030   the card, each name one more (gfx1010)\n"
	"                        2, 3, 4        so many cards, behind their names\n"
	"                        large-bar      the CPU reaches all of the card's memory\n"
	"                        svm            the driver offers shared virtual memory\n"
	"                        ipc            AMD's driver package, which can share memory of the card\n"
	"                                       between processes; Linux's cannot\n"
	"                        kfd:1.N        the driver's interface version, 1.8 to 1.23 (1.8)\n"
	"                        fault:KIND@N   the Nth dispatch of a process goes wrong: hang, page,\n"
	"                                       permission, aperture, illegal, trap, reset; several\n"
	"                                       are possible, and the runtime's own copies count\n"
	"      --emulate=list  print which instructions the emulated cards execute, and end\n"
	"      --trace LIST    what to record of the kernel's side, with commas (kfd,vm,bo,fault,queue):\n"
	"                        kfd     ioctls, and KFD's allocations and mappings\n"
	"                        vm      page tables, VMIDs and PASIDs\n"
	"                        bo      buffer objects\n"
	"                        fault   interrupts, faults, evictions, resets\n"
	"                        queue   hardware queues\n"
	"                        hip, miopen, rocblas, hsa   calls of these libraries, by uprobes: each\n"
	"                                costs 5 to 25 us, in every process that makes it\n"
	"                        default, all\n"
	"      --callsite      record which code of the program allocates, not which ROCm library\n"
	"      --timing=WHAT   when kernels ran, as the device says: off, sampled:N (one of N) or all\n"
	"      --code-objects=WHAT  which code objects the trace keeps: used (those that are dispatched,\n"
	"                      the default), all or off\n"
	"      --watchdog=SECONDS  call a queue hung that makes no progress for so long (10; 0: never)\n"
	"      --on-hang=WHAT  what follows: report (the default), abort, or signal:N to the process\n"
	"      --dispatch=WHAT  where dispatches are read: doorbell (the default) or intercept (ROCr's\n"
	"                      intercept queue, which costs more and sees every queue)\n"
	"      --override=RULE[,RULE...]  make allocations in other memory than COMMAND asks for; a RULE is\n"
	"                      SELECTOR[+SELECTOR...]:TARGET, the first whose selectors all hold counts:\n"
	"                        vram, system, fine, coarse   the memory that is asked for\n"
	"                        >=SIZE, <SIZE, SIZE-SIZE     bytes (64K, 1M, 2G), both ends included\n"
	"                        from=GLOB                    file name of the library that calls\n"
	"                        nth=N, nth=N-, nth=N-M       which of those that the rest holds of\n"
	"                        targets: coarse, fine, uncached, leave\n"
	"      --late-free     keep what COMMAND frees for a while, until 256M of later frees are kept, too:\n"
	"                      a kernel that still uses it finds it unharmed\n"
	"      --late-free=SIZE  the same with another size (64K, 1G)\n"
	"      --fallback=WHAT  kernels that fail run otherwise: off (the default), auto (those that the\n"
	"                      quarantine has), native (all convolutions of known kinds, by kernels of\n"
	"                      rdna1-trace's own for gfx1010) or host (all of them on the CPU); with these\n"
	"                      two, --late-free as well\n"
	"      --replace RULE  'PATTERN=TARGET': kernels of names that match PATTERN (or sha256:DIGITS, of\n"
	"                      their code object) become a kernel of a file (FILE.co[:SYMBOL]), native, host,\n"
	"                      or stay (off); may be given several times, the first that matches counts\n"
	"      --replace-hazardous  the same, native, for kernels in which a scan found hazards of gfx1010\n"
	"      --quarantine=FILE  where kernels that failed are written down; off: nowhere\n"
	"                      (~/.local/state/rdna1-trace/quarantine)\n"
	"      --roctx         record the ranges that COMMAND names with roctxRangePush and its kin\n"
	"      --as-root       under sudo, run COMMAND as root and not as the calling user\n"
	"      --wait=WHAT     what to wait for: COMMAND (command, the default), or all that it starts (all)\n"
	"      --sync SECONDS  write the trace back to disk this often (5; 0: never)\n"
	"      --max-size=SIZE  keep the newest events only, so that the trace stays within SIZE (2M to 64G;\n"
	"                      not set: all events): half for the program, half for the kernel's side,\n"
	"                      see the man page; each further process that uses the GPU adds its part\n"
	"      --ring-mb N     size of the kernel's event ring, a power of two (16)\n"
	"  -v, --verbose       say more\n"
	"  -q, --quiet         say nothing but errors\n"
	"  -h, --help          this text\n"
	"  -V, --version       version\n"
	"\n"
	"Recording the kernel's side needs root (sudo rdna1-trace -- COMMAND) or CAP_BPF and CAP_PERFMON.\n"
	"rdna1-trace ends as COMMAND does: with its status, or by the signal that killed it; with -p, with 0.\n";

bool run__number(const char *text, unsigned int max, unsigned int *out)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (!text[0] || *end || text[0] == '-' || v > max)
		return false;
	*out = (unsigned int)v;
	return true;
}

/* Beside the command, as it is built, or where make install puts it. */
char *run__find_library(const char *name)
{
	static const char *const places[] = {"", "../lib/rdna1-trace/"};
	char exe[4096], *path, *found, *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < 0)
		return NULL;
	exe[n] = 0;
	slash = strrchr(exe, '/');
	*slash = 0;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		path = xasprintf("%s/%s%s", exe, places[i], name);
		found = access(path, R_OK) ? NULL : realpath(path, NULL);
		free(path);
		if (found)
			return found;
	}
	log_err("%s is not beside %s/%s, nor in %s/../lib/rdna1-trace: make, or make install, puts it there", name, exe,
		slash + 1, exe);
	return NULL;
}

/* The device is a library; only it knows what it executes. */
static int list_instructions(void)
{
	char *path = run__find_library("librdna1-emu.so");
	void *lib = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	void (*list)(FILE *out);

	if (!path)
		return 1;
	list = lib ? (void (*)(FILE *))dlsym(lib, EMU_LIST_SYMBOL) : NULL;
	if (!list) {
		log_err("cannot load %s: %s", path, dlerror());
		return 1;
	}
	list(stdout);
	return 0;
}

enum { OPT_EMULATE = 256, OPT_AS_ROOT, OPT_WAIT, OPT_SYNC, OPT_RING, OPT_TRACE, OPT_MAX_SIZE, OPT_ROCTX, OPT_AGENT };

/* "4711" or "4711,4712" */
static bool add_pids(struct run *r, const char *list)
{
	char *copy = xstrdup(list), *save = NULL;
	unsigned int pid = 0;
	bool ok = list[0] && list[strlen(list) - 1] != ',';

	for (char *word = strtok_r(copy, ",", &save); word && ok; word = strtok_r(NULL, ",", &save)) {
		ok = run__number(word, INT_MAX, &pid) && pid;
		*VEC_PUSH(&r->pids) = (int)pid;
	}
	free(copy);
	return ok && pid;
}

/* Returns -1 to go on, else the exit status. */
int run__parse(struct run *r, int argc, char **argv)
{
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'},
		{"pid", required_argument, NULL, 'p'},
		{"emulate", optional_argument, NULL, OPT_EMULATE},
		{"trace", required_argument, NULL, OPT_TRACE},
		{"as-root", no_argument, NULL, OPT_AS_ROOT},
		{"wait", required_argument, NULL, OPT_WAIT},
		{"sync", required_argument, NULL, OPT_SYNC},
		{"max-size", required_argument, NULL, OPT_MAX_SIZE},
		{"ring-mb", required_argument, NULL, OPT_RING},
		{"callsite", no_argument, NULL, OPT_AGENT + AGENT_callsite},
		{"timing", required_argument, NULL, OPT_AGENT + AGENT_timing},
		{"code-objects", required_argument, NULL, OPT_AGENT + AGENT_code_objects},
		{"watchdog", required_argument, NULL, OPT_AGENT + AGENT_watchdog},
		{"on-hang", required_argument, NULL, OPT_AGENT + AGENT_on_hang},
		{"dispatch", required_argument, NULL, OPT_AGENT + AGENT_dispatch},
		{"override", required_argument, NULL, OPT_AGENT + AGENT_override},
		{"late-free", optional_argument, NULL, OPT_AGENT + AGENT_late_free},
		{"fallback", required_argument, NULL, OPT_AGENT + AGENT_fallback},
		{"replace", required_argument, NULL, OPT_AGENT + AGENT_replace},
		{"replace-hazardous", no_argument, NULL, OPT_AGENT + AGENT_replace_hazardous},
		{"quarantine", required_argument, NULL, OPT_AGENT + AGENT_quarantine},
		{"roctx", no_argument, NULL, OPT_ROCTX},
		{"verbose", no_argument, NULL, 'v'},
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0}};
	const char *takes;
	char error[128];
	int c, at;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:o:p:vqhV", options, &at)) != -1) {
		switch (c) {
		case 'o':
			r->output = optarg;
			break;
		case 'p':
			if (!add_pids(r, optarg))
				return usage_error("-p takes numbers of processes, with commas between "
						   "them, not '%s'", optarg);
			break;
		case OPT_EMULATE:
			if (optarg && !strcmp(optarg, "list")) {
				if (r->emulate || optind < argc)
					return usage_error("--emulate=list stands alone: it runs no command");
				return list_instructions();
			}
			if (optarg && r->emulate_what)
				return usage_error("--emulate= stands there twice: join the two with a comma, "
						   "--emulate=%s,%s", r->emulate_what, optarg);
			r->emulate = true;
			if (optarg && emu_config__parse(&r->emu_config, optarg, error, sizeof(error)))
				return usage_error("--emulate=%s: %s", optarg, error);
			if (optarg)
				r->emulate_what = optarg;
			break;
		case OPT_TRACE:
			if (hook_groups__parse(optarg, &r->groups, error, sizeof(error))) {
				char *all = hook_groups__name(UINT32_MAX);

				return usage_error("--trace knows no '%s': it takes a list with commas of %s,"
						   "default,all", error, all);
			}
			break;
		case OPT_AS_ROOT:
			r->as_root = true;
			break;
		case OPT_WAIT:
			r->wait_all = !strcmp(optarg, "all");
			if (!r->wait_all && strcmp(optarg, "command"))
				return usage_error("--wait takes command or all, not '%s'", optarg);
			break;
		case OPT_SYNC:
			if (!run__number(optarg, 86400, &r->sync_seconds))
				return usage_error("--sync takes seconds (0 to 86400), not '%s'", optarg);
			break;
		case OPT_MAX_SIZE:
			if (!run__parse_max_size(r, optarg))
				return usage_error("--max-size takes a size from 2M to 64G (64M, 2G), not '%s'",
						   optarg);
			break;
		case OPT_RING:
			if (!run__number(optarg, 1024, &r->ring_mb) || !r->ring_mb ||
			    (r->ring_mb & (r->ring_mb - 1)))
				return usage_error("--ring-mb takes a power of two (1 to 1024), not '%s'",
						   optarg);
			break;
		case OPT_ROCTX:
			r->roctx = true;
			break;
		case OPT_AGENT ... OPT_AGENT + AGENT_OPTIONS - 1:
			takes = run__agent_option(r, (enum agent_key)(c - OPT_AGENT), optarg);
			if (takes && c == OPT_AGENT + AGENT_override)
				return usage_error("--override: %s", takes);
			if (takes && c == OPT_AGENT + AGENT_replace)
				return usage_error("--replace '%s': %s", optarg, takes);
			if (takes)
				return usage_error("--%s takes %s, not '%s'", options[at].name, takes, optarg);
			break;
		case 'v':
			log_level = 1;
			break;
		case 'q':
			log_level = -1;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case 'V':
			puts("rdna1-trace " RDNA1_VERSION);
			return 0;
		case ':':
			return usage_error("option %s needs a value", bad_option(argv));
		default:
			return usage_error("unknown option %s", bad_option(argv));
		}
	}
	r->argv = argv + optind;
	if (r->pids.n && optind < argc)
		return usage_error("-p records what runs already: it takes no command");
	if (r->pids.n && r->emulate)
		return usage_error("-p records what runs already: it cannot be put on the emulated device");
	if (r->pids.n && (r->wait_all || r->as_root))
		return usage_error("%s is about a command: with -p there is none", r->wait_all ? "--wait=all" : "--as-root");
	if (r->pids.n && (r->roctx || run__agent_option_given(r)))
		return usage_error("--%s is for the agent: with -p there is none",
				   r->roctx ? "roctx" : run__agent_option_given(r));
	if (!r->pids.n && optind == argc)
		return usage_error("no command to record: %s -- COMMAND", called());
	return -1;
}
