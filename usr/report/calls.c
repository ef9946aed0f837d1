// SPDX-License-Identifier: MIT
/* Calls of libraries, by uprobes; and the convolutions among them. */
#include "parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool several_processes(const struct calls *s)
{
	for (size_t i = 1; i < s->convs.n; i++)
		if (s->convs.v[i].pid != s->convs.v[0].pid)
			return true;
	return false;
}

static void put_convs(const struct calls *s, const struct text_options *o, struct buf *b)
{
	size_t n = s->convs.n > MAX_ROWS && !o->all ? MAX_ROWS : s->convs.n;

	if (!n)
		return;
	heading(b, "Convolutions asked of MIOpen: %zu different call%s", s->convs.n,
		plural(s->convs.n));
	for (size_t i = 0; i < n; i++) {
		const struct conv_call *c = &s->convs.v[i];

		buf__printf(b, "  %s: ", c->text);
		if (c->status[0])
			buf__printf(b, "%s, ", c->status);
		if (several_processes(s))
			buf__printf(b, "process %u, ", c->pid);
		if (c->count > 1)
			buf__printf(b, "%" PRIu64 " times, ", c->count);
		print_ns(b, c->total_ns);
		buf__putc(b, '\n');
	}
	and_more(b, n, s->convs.n);
}

static int by_time(const void *a, const void *b)
{
	const struct call_count *x = a, *y = b;

	return x->total_ns < y->total_ns ? 1 : -(x->total_ns > y->total_ns);
}

void put_calls(const struct model *m, const struct text_options *o, struct buf *b)
{
	static const struct column columns[] = {{"call", false, true, 0},
						{"count", true, false, 0},
						{"failed", true, false, 0},
						{"time in it", true, false, 0}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	const struct calls *s = &m->calls;
	struct call_count *sorted;
	uint64_t open = 0, left = 0;
	size_t n = s->counts.n > MAX_ROWS && !o->all ? MAX_ROWS : s->counts.n;

	put_convs(s, o, b);
	if (!n)
		return;
	sorted = xcalloc(s->counts.n, sizeof(*sorted));
	memcpy(sorted, s->counts.v, s->counts.n * sizeof(*sorted));
	qsort(sorted, s->counts.n, sizeof(*sorted), by_time);
	heading(b, "Calls of libraries, by uprobes; each costs some microseconds that are in the "
		   "times");
	for (size_t i = 0; i < s->counts.n; i++) {
		const char *name = api_call_name(sorted[i].nr);

		open += sorted[i].open;
		left += sorted[i].left;
		if (i >= n)
			continue;
		table__cellf(&t, "%s", name ? name : "not known to this version");
		table__cellf(&t, "%" PRIu64, sorted[i].count);
		table__cellf(&t, "%" PRIu64, sorted[i].failed);
		table__cell(&t, duration(sorted[i].total_ns));
	}
	table__render(&t, b, o->width);
	and_more(b, n, s->counts.n);
	if (open)
		buf__printf(b, "  %" PRIu64 " of them had not returned when recording ended\n",
			    open);
	if (left)
		buf__printf(b, "  %" PRIu64 " of them were left without a return: the thread or the program "
			       "ended in it, or jumped out of it\n", left);
	free(sorted);
}

/* A word of --trace=, and how the library's file is called. */
static const struct {
	const char *word, *name, *file;
} groups[] = {{"hip", "HIP", "libamdhip64"},
	      {"miopen", "MIOpen", "libMIOpen"},
	      {"rocblas", "rocBLAS", "librocblas"},
	      {"hsa", "the HSA runtime", "libhsa-runtime64"}};

static bool asked(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, word, len) && (!at[len] || at[len] == ','))
			return true;
	return false;
}

static bool has_library(const struct model *m, const char *file)
{
	for (size_t i = 0; i < m->calls.libraries.n; i++) {
		const char *path = m->calls.libraries.v[i].path, *slash = strrchr(path, '/');

		if (!strncmp(slash ? slash + 1 : path, file, strlen(file)))
			return true;
	}
	return false;
}

/* Of those that were not looked at in time only the name is known: it may be one whose calls were seen. */
static bool may_be_another(const struct model *m, const struct call_library *l)
{
	for (size_t i = 0; i < m->calls.libraries.n; i++) {
		const struct call_library *x = &m->calls.libraries.v[i];
		const char *slash = strrchr(x->path, '/');

		if (x->calls && !strcmp(slash ? slash + 1 : x->path, l->path))
			return true;
	}
	return false;
}

/* In "What was recorded". */
void put_libraries(const struct model *m, struct buf *b)
{
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++)
		if (asked(m->trace_options, groups[g].word) && !has_library(m, groups[g].file))
			buf__printf(b, "  no calls of %s: no process that was traced has mapped a file whose name "
				       "begins with %s\n", groups[g].name, groups[g].file);
	for (size_t i = 0; i < m->calls.libraries.n; i++) {
		const struct call_library *l = &m->calls.libraries.v[i];

		const char *name = strerrorname_np(-l->error);

		if (l->error && !l->calls) {
			buf__printf(b, "  no calls of %s%s: %s\n", l->path,
				    may_be_another(m, l) ? ", unless it was one of the others of that name" : "",
				    l->error == -ENOENT ? "it has none of them"
				    : l->error == -ENOEXEC ? "it is no library for x86-64, or one we do not read"
				    : l->error == -ESRCH
					    ? "its process ended before it could be probed"
				    : l->error == -ECANCELED
					    ? "it was mapped as the recording ended"
				    : l->error == -EIDRM ? "it was mapped no more when it was to be probed"
				    : l->error == -ESTALE
					    ? "another file has its name by now"
				    : name ? name
					   : "?");
			continue;
		}
		buf__printf(b, "  calls of %s: %u functions, ", l->path, l->calls);
		if (l->error)
			buf__printf(b, "the others could not be probed (%s), ", name ? name : "?");
		if (!l->pid) {
			buf__puts(b, "all from the beginning\n");
		} else if (l->late_ns) {
			buf__puts(b, "from ");
			print_ns(b, l->late_ns);
			buf__puts(b, " after it was mapped: any before that are missing\n");
		} else {
			buf__puts(b,
				  "mapped before recording began: those before that are missing\n");
		}
	}
}
