// SPDX-License-Identifier: MIT
#include "culprits.h"
#include "incidents.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SUSPECTS 16

static struct culprit *add(struct culprits *c, const struct incident *x)
{
	struct culprit *k = VEC_PUSH(&c->list);

	k->incident = x;
	return k;
}

/* What no other kernel would be spared; to be freed. NULL: it may be the kernel. */
static char *not_the_kernel(const struct incident *x)
{
	const struct suspect *s = &x->argument;

	if (x->injected)
		return xstrdup("--emulate= asked for it: it says nothing of the kernel");
	if (x->class == INCIDENT_RESET)
		return xstrdup("a reset names no kernel");
	if (x->class == INCIDENT_PACKET)
		return xstrdup("the queue refused a packet: no kernel ran");
	if (x->class == INCIDENT_QUEUE)
		return xstrdup("an error of the queue that names no kernel");
	if (x->copy)
		return xstrdup("a copy by SDMA did it, and no kernel");
	if (s->known && s->certain && (s->state == POINTER_STATE_nothing || s->state == POINTER_STATE_past_end))
		return xasprintf("the program passed a wrong pointer (argument +%u): another kernel would fail alike", s->at);
	if (x->has_address && x->address.kind == PLACE_NULL)
		return xstrdup("the address is a null pointer, or near: another kernel would fail alike");
	return NULL;
}

static bool is_freed(const struct incident *x)
{
	return x->has_address && (x->class == INCIDENT_PAGE || x->class == INCIDENT_APERTURE) &&
	       (x->address.kind == PLACE_FREED || x->address.kind == PLACE_DRIVER_FREED ||
		(x->argument.known && x->argument.certain && x->argument.state == POINTER_STATE_freed));
}

static void set_kernel(struct culprit *k, const struct model *m, uint64_t object)
{
	const struct kernel_facts *facts = model__kernel_facts(m, k->incident->pid, object);
	static const uint8_t none[32];

	k->object = object;
	k->kernel = model__kernel(m, k->incident->pid, object);
	if (facts && memcmp(facts->sha256, none, sizeof(none)))
		k->sha256 = facts->sha256;
	if (!k->kernel)
		k->why_not = xstrdup("the name of the kernel is not known");
}

/* Of what ran instead of the program's kernel, the program's is the one to be avoided. */
static bool is_instead(struct culprit *k, const struct model *m, uint64_t object)
{
	const struct steer *s = steering__instead(&m->steering, k->incident->pid, object);

	if (!s)
		return false;
	if (s->e.action == STEER_ACTION_file) {
		k->why_not = xstrdup("the kernel of --replace failed, and not the program's");
		return true;
	}
	k->ours = s->e.action == STEER_ACTION_native;
	set_kernel(k, m, s->e.kernel_object);
	if (!k->kernel && s->name[0]) {
		k->kernel = s->name;
		free(k->why_not);
		k->why_not = NULL;
	}
	return true;
}

static void add_kernel(struct culprits *c, const struct model *m, const struct incident *x, uint64_t object,
		       const struct recent *r, bool suspect)
{
	struct culprit *k = add(c, x);

	k->recent = r;
	k->suspect = suspect;
	k->freed = is_freed(x);
	if (!is_instead(k, m, object))
		set_kernel(k, m, object);
}

static void take(struct culprits *c, const struct model *m, const struct incident *x)
{
	const struct recent *running[MAX_SUSPECTS];
	char *why_not = not_the_kernel(x);
	size_t n;

	if (why_not || !x->object) {
		add(c, x)->why_not = why_not ?: xstrdup("which kernel it was is not known");
		return;
	}
	n = x->kernel_certain ? 0 : incidents__running(m, x, running, MAX_SUSPECTS);
	if (n < 2) {
		add_kernel(c, m, x, x->object, incidents__recent(m, x), !x->kernel_certain && x->kernels_running > 1 && n != 1);
		return;
	}
	for (size_t i = 0; i < n; i++)
		add_kernel(c, m, x, running[i]->object, running[i], true);
}

void culprits__find(struct culprits *c, const struct model *m, const struct findings *f)
{
	*c = (struct culprits){0};
	for (size_t i = 0; i < f->incidents.n; i++)
		take(c, m, &f->incidents.v[i]);
}

void culprits__free(struct culprits *c)
{
	for (size_t i = 0; i < c->list.n; i++)
		free(c->list.v[i].why_not);
	free(c->list.v);
	*c = (struct culprits){0};
}
