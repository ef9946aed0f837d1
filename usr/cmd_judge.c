// SPDX-License-Identifier: MIT
#include "cmd.h"
#include "cmd_judge.h"
#include "cmd_machine.h"
#include "base/buf.h"
#include "base/log.h"
#include "record/session.h"
#include "../hsa-tools/isa/scan/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- code objects ---- */

/* More than this is not scanned for a report: rdna1-trace scan DIR does it. */
#define MAX_SCANNED_BYTES (64u << 20)

struct code {
	struct scan *scan;
	VEC(struct scanned) list;
	VEC(struct scan_object *) objects;
	VEC(void *) files;
	const char *no_scan;
	size_t bytes;
};

static void *read_code(const char *dir, const uint8_t sha256[32], size_t *len)
{
	struct buf name = {0};
	struct stat st;
	char *path;
	void *data = NULL;
	int fd;

	buf__hex(&name, sha256, 32);
	path = xasprintf("%s/code-objects/%s.co", dir, buf__str(&name));
	buf__free(&name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	free(path);
	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= MAX_SCANNED_BYTES) {
		data = xcalloc(1, (size_t)st.st_size);
		if (read(fd, data, (size_t)st.st_size) != st.st_size) {
			free(data);
			data = NULL;
		}
		*len = (size_t)st.st_size;
	}
	close(fd);
	return data;
}

static void scan_one(struct code *c, const char *dir, const uint8_t sha256[32])
{
	static const struct scan_options options = {.max_sites = 4};
	struct scanned *s = VEC_PUSH(&c->list);
	struct scan_object *object;
	size_t len = 0;
	void *data;
	int err;

	memcpy(s->sha256, sha256, 32);
	data = read_code(dir, sha256, &len);
	if (!data) {
		s->why = "its code object is not in the trace, or too large to be scanned for a "
			 "report";
		return;
	}
	*VEC_PUSH(&c->files) = data;
	if (c->bytes + len > MAX_SCANNED_BYTES) {
		s->why = "too much code for a report: rdna1-trace scan DIR";
		return;
	}
	c->bytes += len;
	err = scan__object(c->scan, data, len, &options, &object);
	if (err) {
		s->why = err == -ENOTSUP ? "libamd_comgr does not know its chip"
					 : "its code object is damaged";
		return;
	}
	*VEC_PUSH(&c->objects) = object;
	s->object = object;
}

/* Native code has none of the hazards; of a failure, all code is asked what its instructions do. */
static bool to_be_scanned(const struct model *m, const struct code_facts *c, unsigned int gfx)
{
	char name[16];

	if (m->faults.n || m->agent.hangs.n)
		return true;
	machine__gfx_name(gfx, name);
	return !c->target || !strstr(c->target, name);
}

/* Digests of code objects with kernels that ran. */
static void find_run(const struct model *m, struct map *run)
{
	for (size_t i = 0; i < m->kernel_sums.n; i++) {
		const struct kernel_facts *k =
			model__kernel_facts(m, m->kernel_sums.v[i].pid, m->kernel_sums.v[i].object);

		if (k)
			map__set(run, digest_key(k->sha256), 0, 1);
	}
}

static struct code *scan_code(const struct model *m, const char *dir)
{
	struct code *c = xcalloc(1, sizeof(*c));
	unsigned int gfx = m->emu_cards.n ? m->emu_cards.v[0].ev.gfx_target_version : m->gfx;
	struct map run = {0};
	size_t state;

	find_run(m, &run);
	for (size_t i = 0; i < m->agent.code.n; i++) {
		const struct code_facts *k = &m->agent.code.v[i];

		if (!map__get(&run, digest_key(k->sha256), 0, &state) || state != 1 ||
		    !to_be_scanned(m, k, gfx))
			continue;
		map__set(&run, digest_key(k->sha256), 0, 2); /* once is enough */
		if (!c->scan && !c->no_scan)
			c->scan = scan__new(&c->no_scan);
		if (!c->scan)
			break;
		scan_one(c, dir, k->sha256);
	}
	map__free(&run);
	return c;
}

static void free_code(struct code *c)
{
	for (size_t i = 0; c && i < c->objects.n; i++)
		scan_object__free(c->objects.v[i]);
	for (size_t i = 0; c && i < c->files.n; i++)
		free(c->files.v[i]);
	if (c) {
		scan__free(c->scan);
		free(c->objects.v);
		free(c->files.v);
		free(c->list.v);
	}
	free(c);
}

/* ---- the environment ---- */

/* Whose environment matters: of the process that failed, else of the first that told of one. 0:
 * none did. */
static uint32_t environment_of(const struct model *m)
{
	for (size_t i = 0; i < m->faults.n; i++)
		for (size_t k = 0; k < m->agent.variables.n && k < 4096; k++)
			if (m->faults.v[i].pid == m->agent.variables.v[k].pid)
				return m->faults.v[i].pid;
	return m->agent.variables.n ? m->agent.variables.v[0].pid : 0;
}

/* What a command set itself, the recorder did not see. */
static void take_environment(struct judged *j, struct machine *m)
{
	const struct model *model = &j->model;
	uint32_t pid = environment_of(model);
	size_t n = 0;

	if (!pid)
		return;
	j->variables = xcalloc(model->agent.variables.n + 1, sizeof(*j->variables));
	for (size_t i = 0; i < model->agent.variables.n; i++)
		if (model->agent.variables.v[i].pid == pid)
			j->variables[n++] =
				(struct machine_variable){model->agent.variables.v[i].name,
							  model->agent.variables.v[i].value};
	m->environment_known = KNOWN_YES;
	m->variables = j->variables;
	m->num_variables = n;
}

/* ---- all of it ---- */

/* By KFD's topology alone: 0 where it does not say. */
static unsigned int topology_gfx(const struct machine *m)
{
	const struct machine_gpu *g = machine__gpu(m);

	return g ? g->gfx_target_version : 0;
}

struct judged *judged__open(const char *dir)
{
	struct evidence_of_machine e = {0};
	struct judged *j;
	struct trace *t;
	char err[1024];

	t = trace__open(dir, err, sizeof(err));
	if (!t) {
		log_err("%s", err);
		return NULL;
	}
	j = xcalloc(1, sizeof(*j));
	j->recording = is_recording(dir);
	j->session = session__read(dir, err, sizeof(err));
	j->machine = machine__from(j->session);
	model__read(&j->model, t, topology_gfx(j->machine));
	trace__close(t);
	j->code = scan_code(&j->model, dir);
	j->merged = *j->machine;
	take_environment(j, &j->merged);
	e.machine = &j->merged;
	e.scanned = j->code->list.v;
	e.num_scanned = j->code->list.n;
	e.no_scan = j->code->no_scan;
	e.recording = j->recording;
	findings__make(&j->findings, &j->model, &e);
	return j;
}

void judged__free(struct judged *j)
{
	if (!j)
		return;
	findings__free(&j->findings);
	free_code(j->code);
	machine__free(j->machine);
	free(j->variables);
	model__free(&j->model);
	value__free(j->session);
	free(j);
}
