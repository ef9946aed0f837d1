// SPDX-License-Identifier: MIT
/* rdna1-trace scan: what GPU code would do on gfx1010 silicon. */
#include "cmd.h"
#include "cmd_scan.h"
#include "base/log.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_HAZARDS = 1, EXIT_UNREADABLE = 2 };

/* ---- progress: on a terminal soon and often, elsewhere after a while and seldom ---- */

static double seconds_since(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - t->tv_sec) + (double)(now.tv_nsec - t->tv_nsec) / 1e9;
}

static void clear_progress(const struct scan_run *r)
{
	if (r->terminal && r->told_once)
		fputs("\r\033[K", stderr);
}

static void progress(void *ctx, uint64_t bytes)
{
	struct scan_run *r = ctx;

	r->code_read += bytes;
	if (log_level < 0 || seconds_since(&r->began) < (r->terminal ? 0.5 : 2) ||
	    (r->told_once && seconds_since(&r->told) < (r->terminal ? 0.2 : 10)))
		return;
	clock_gettime(CLOCK_MONOTONIC, &r->told);
	if (!r->terminal) {
		log_info("%llu MB of code read, at %s", (unsigned long long)(r->code_read / 1000000),
			 r->file ? r->file->path : "");
	} else {
		clear_progress(r);
		fprintf(stderr, "%llu MB of code read: %.50s", (unsigned long long)(r->code_read / 1000000),
			r->file ? r->file->path : "");
		fflush(stderr);
	}
	r->told_once = true;
}

/* ---- what was found ---- */

static void add_object(struct totals *t, const struct scan_object *o)
{
	const uint64_t *from = (const uint64_t *)&o->total;

	for (size_t i = 0; i < sizeof(o->total) / sizeof(uint64_t); i++)
		((uint64_t *)&t->counts)[i] += from[i];
	t->objects++;
	t->kernels += o->num_kernels;
	t->functions += o->num_functions;
	t->code_bytes += o->code_bytes;
	for (size_t k = 0; k < o->num_kernels + o->num_functions; k++) {
		for (int i = 0; i < SCAN_NUM_HAZARDS; i++)
			t->kernels_hit[i] += o->kernels[k].counts.hazard[i] > 0;
		t->kernels_any += scan_counts__hazards(&o->kernels[k].counts) > 0;
	}
}

static struct isa_totals *isa_totals(struct file_result *f, const struct scan_object *o)
{
	struct isa_totals *isa;

	for (size_t i = 0; i < f->isas.n; i++)
		if (!strcmp(f->isas.v[i].isa, o->isa))
			return &f->isas.v[i];
	isa = VEC_PUSH(&f->isas);
	strcpy(isa->isa, o->isa);
	isa->native = o->native;
	isa->gfx10 = o->gfx10;
	return isa;
}

static void add_compiler(struct isa_totals *isa, const char *compiler)
{
	for (size_t i = 0; i < isa->compilers.n; i++)
		if (!strcmp(isa->compilers.v[i], compiler))
			return;
	if (*compiler)
		*VEC_PUSH(&isa->compilers) = xstrdup(compiler);
}

static void add_undecoded(struct isa_totals *isa, const struct scan_object *o)
{
	for (size_t i = 0; i < o->num_kernels + o->num_functions; i++) {
		if (!o->kernels[i].counts.family[SCAN_UNDECODED])
			continue;
		if (!isa->undecoded_kernels++)
			isa->undecoded_in = xstrdup(o->kernels[i].name);
	}
}

static void skip(struct file_result *f, const char *isa)
{
	struct skipped *s;

	for (size_t i = 0; i < f->skipped.n; i++) {
		if (!strcmp(f->skipped.v[i].isa, isa)) {
			f->skipped.v[i].n++;
			return;
		}
	}
	s = VEC_PUSH(&f->skipped);
	snprintf(s->isa, sizeof(s->isa), "%s", isa);
	s->n = 1;
}

/* An RDNA1 card takes its own code, and with HSA_OVERRIDE_GFX_VERSION other code of gfx10. */
static bool wanted(const struct scan_run *r, const char *isa)
{
	for (size_t i = 0; i < r->archs.n; i++)
		if (!strcmp(r->archs.v[i], isa))
			return true;
	return !r->archs.n && (r->all_targets || !strncmp(isa, "gfx10", 5));
}

void scan_error(struct scan_run *r, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clear_progress(r);
	log_err("%s: %s", r->file->path, text);
	*VEC_PUSH(&r->file->errors) = xstrdup(text);
}

static const char *reason(int err)
{
	return err == -EINVAL	? "no code object for AMD GPUs" :
	       err == -EBADMSG	? "damaged" :
	       err == -ENOEXEC	? "not linked yet: link it with ld.lld -shared" :
	       err == -ENOTSUP	? "of an ISA that libamd_comgr does not disassemble" :
				  strerror(-err);
}

/* By other definitions than the newest it is another question. */
static void keep_verdict(struct scan_run *r, const struct scan_object *object, const void *data, size_t len)
{
	int err;

	if (r->no_store || r->o.llvm || !object->gfx10)
		return;
	err = store_verdict(r, object, data, len);
	if (!err || r->store_failed)
		return;
	r->store_failed = true;
	log_warn("what was found cannot be kept for --replace-hazardous: %s%s", strerror(-err),
		 err == -ENOENT ? ": set HOME or XDG_CACHE_HOME" : "");
}

void scan_code_object(struct scan_run *r, const void *data, size_t len, const char *part)
{
	struct scan_object *object;
	struct isa_totals *isa;
	uint32_t e_flags;
	const char *name;
	int err;

	memcpy(&e_flags, (const char *)data + 48, sizeof(e_flags)); /* of an ELF header that was seen */
	name = scan_isa_name(e_flags);
	if (!name || !wanted(r, name)) {
		skip(r->file, name ?: "an unknown GPU");
		return;
	}
	err = scan__object(r->scan, data, len, &r->o, &object);
	if (err) {
		scan_error(r, "%s%s%s", part ?: "", part ? ": " : "", reason(err));
		return;
	}
	keep_verdict(r, object, data, len);
	isa = isa_totals(r->file, object);
	add_object(&isa->t, object);
	add_object(&r->total, object);
	add_compiler(isa, object->compiler);
	add_undecoded(isa, object);
	if (r->json)
		put_json_object(r, object, part);
	else if (r->kernels || r->sites)
		put_text_kernels(r, object, part);
	scan_object__free(object);
}

void begin_file(struct scan_run *r, struct file_result *f, const char *path, const char *kind)
{
	f->path = path;
	f->kind = kind;
	r->file = f;
}

static void free_file(struct file_result *f)
{
	for (size_t i = 0; i < f->isas.n; i++) {
		for (size_t k = 0; k < f->isas.v[i].compilers.n; k++)
			free(f->isas.v[i].compilers.v[k]);
		free(f->isas.v[i].compilers.v);
		free(f->isas.v[i].undecoded_in);
	}
	for (size_t i = 0; i < f->errors.n; i++)
		free(f->errors.v[i]);
	free(f->isas.v);
	free(f->skipped.v);
	free(f->errors.v);
	buf__free(&f->details);
}

void end_file(struct scan_run *r)
{
	struct file_result *f = r->file;
	uint64_t hazards = 0;

	for (size_t i = 0; i < f->isas.n; i++)
		hazards += scan_counts__hazards(&f->isas.v[i].t.counts);
	r->files++;
	r->with_hazards += hazards > 0;
	r->unreadable += f->errors.n > 0;
	clear_progress(r);
	if (!r->verdicts)
		(r->json ? put_json_file : put_text_file)(r, f);
	free_file(f);
}

/* ---- the command ---- */

static const char help[] =
	"usage: rdna1-trace scan [OPTION]... FILE...\n"
	"\n"
	"Read GPU code and find the places at which gfx1010 silicon (RX 5500 to 5700) is documented\n"
	"to go wrong. FILE is a code object, an offload bundle, a library or program with such in it,\n"
	"a kernel database of MIOpen (.kdb, .ukdb), a trace, or a directory with any of them.\n"
	"The status is 0 when there is no such place, 1 when there are, 2 when a FILE cannot be read.\n"
	"\n"
	"      --kernels        each kernel: registers, instructions, hazards\n"
	"      --sites          each place, with its address and instructions\n"
	"      --sites=N        the same, at most N of a class and kernel\n"
	"      --arch ISA       only code for this GPU (gfx1030); give it again for more\n"
	"      --all-targets    code for any AMD GPU; without, for gfx10, which such a card can be made\n"
	"                       to load\n"
	"      --llvm N         hazards as version N of LLVM defines them\n"
	"      --no-store       do not keep verdicts for run --replace-hazardous\n"
	"      --verdict        keep verdicts and print nothing; the status is 0 when they are kept\n"
	"      --format FORMAT  text (the default) or json\n"
	"  -q, --quiet          no progress\n"
	"  -h, --help           this text\n";

static bool read_number(const char *text, unsigned long most, unsigned long *n)
{
	char *end;

	errno = 0;
	*n = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *n <= most;
}

/* -1: go on. */
static int read_option(struct scan_run *r, int c, char **argv)
{
	unsigned long n;

	switch (c) {
	case 'k':
		r->kernels = true;
		return -1;
	case 's':
		r->sites = true;
		r->o.max_sites = SIZE_MAX;
		if (!optarg)
			return -1;
		if (!read_number(optarg, 1000000000, &n) || !n)
			return usage_error("scan: --sites takes a number from 1, not '%s'", optarg);
		r->o.max_sites = n;
		return -1;
	case 'a':
		*VEC_PUSH(&r->archs) = optarg;
		return -1;
	case 't':
		r->all_targets = true;
		return -1;
	case 'l':
		if (!read_number(optarg, 99, &n) || n < 14)
			return usage_error("scan: --llvm takes a version from 14, not '%s'", optarg);
		r->o.llvm = (unsigned int)n;
		return -1;
	case 'f':
		if (strcmp(optarg, "text") && strcmp(optarg, "json"))
			return usage_error("scan: --format is text or json, not '%s'", optarg);
		r->json = !strcmp(optarg, "json");
		return -1;
	case 'n':
		r->no_store = true;
		return -1;
	case 'v':
		r->verdicts = r->all_targets = true;
		log_level = -1;
		return -1;
	case 'q':
		log_level = -1;
		return -1;
	case 'h':
		fputs(help, stdout);
		return 0;
	case ':':
		return usage_error("scan: %s needs a value", bad_option(argv));
	default:
		return usage_error("scan: unknown option %s", bad_option(argv));
	}
}

static int scan(struct scan_run *r, int num, char **paths)
{
	const char *why;
	int status;

	r->scan = scan__new(&why);
	if (!r->scan) {
		log_err("%s", why);
		return EXIT_UNREADABLE;
	}
	r->first_file = true;
	clock_gettime(CLOCK_MONOTONIC, &r->began);
	if (r->json && !r->verdicts)
		put_json_begin(r);
	for (int i = 0; i < num; i++)
		scan_path(r, paths[i]);
	clear_progress(r);
	status = r->unreadable ? EXIT_UNREADABLE : r->with_hazards ? EXIT_HAZARDS : 0;
	if (r->verdicts)
		status = r->unreadable || r->store_failed ? EXIT_UNREADABLE : 0;
	else if (r->json)
		put_json_end(r, status);
	else
		put_text_end(r);
	scan__free(r->scan);
	if (fflush(stdout) || ferror(stdout)) {
		log_err("cannot write the output");
		return EXIT_UNREADABLE;
	}
	return status;
}

int cmd_scan(int argc, char **argv)
{
	static const struct option options[] = {
		{"kernels", no_argument, NULL, 'k'},	 {"sites", optional_argument, NULL, 's'},
		{"arch", required_argument, NULL, 'a'},	 {"all-targets", no_argument, NULL, 't'},
		{"no-store", no_argument, NULL, 'n'},	 {"verdict", no_argument, NULL, 'v'},
		{"llvm", required_argument, NULL, 'l'},	 {"format", required_argument, NULL, 'f'},
		{"quiet", no_argument, NULL, 'q'},	 {"help", no_argument, NULL, 'h'},
		{0},
	};
	struct scan_run r = {.width = terminal_width(), .terminal = isatty(STDERR_FILENO)};
	int c, status;

	r.o.progress = progress;
	r.o.ctx = &r;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":qh", options, NULL)) != -1) {
		status = read_option(&r, c, argv);
		if (status >= 0)
			return status;
	}
	if (optind == argc)
		return usage_error("scan: name a file or a directory");
	if (r.verdicts && (r.no_store || r.o.llvm || r.json || r.kernels || r.sites))
		return usage_error("scan: --verdict keeps verdicts and prints nothing: it goes with no option that says "
				   "what to print or not to keep them");
	status = scan(&r, argc - optind, argv + optind);
	free(r.archs.v);
	return status;
}
