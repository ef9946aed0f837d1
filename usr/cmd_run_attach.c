// SPDX-License-Identifier: MIT
/* rdna1-trace -p: processes that run already. */
#include "cmd_run.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* As root: of another user's process there is little to be seen. */
int run__find_processes(struct run *r)
{
	char why[512];

	for (size_t i = 0; i < r->pids.n; i++)
		if (attach__add(&r->attach, r->pids.v[i], why, sizeof(why))) {
			log_err("%s", why);
			return 1;
		}
	if (attach__find_emulated(&r->attach, r->user.drop ? r->user.uid : geteuid(), why, sizeof(why))) {
		log_err("%s", why);
		return 1;
	}
	return 0;
}

static void record_attached(struct run *r, const struct attached *x)
{
	struct ev_attached e = {
		.pid = (uint32_t)x->pid, .parent = (uint32_t)x->parent, .age_ns = x->age_ns};
	size_t len = strlen(x->exe);
	uint8_t *at = stream__reserve(&r->log, EV_attached, sizeof(e) + (len ? len : 1) + 1,
				      (uint32_t)getpid(), 0);

	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	stream__put_text(at + sizeof(e), x->exe, len);
	stream__commit(&r->log);
}

/* What they make from here on the programs follow; what was made meanwhile is looked for until nothing is. */
static int track_processes(struct run *r)
{
	int err = 0;

	for (size_t from = 0; from < r->attach.list.n && !err; attach__add_children(&r->attach)) {
		size_t n = r->attach.list.n;
		int *pids = xcalloc(n, sizeof(*pids));

		for (size_t i = from; i < n; i++) {
			pids[i] = r->attach.list.v[i].pid;
			kernel__look_for_libraries(r->kernel, pids[i]);
			record_attached(r, &r->attach.list.v[i]);
		}
		err = kernel__track(r->kernel, pids + from, (unsigned int)(n - from));
		/* One that has ended meanwhile is none that is missing. */
		if (err == -ESRCH)
			err = 0;
		from = n;
		free(pids);
	}
	return err ? err : kernel__learn_open(r->kernel);
}

static int forget_ended(struct run *r)
{
	struct attached *x;

	poll(r->attach.ends.v, r->attach.ends.n, 0);
	kernel__drain(r->kernel);
	while ((x = attach__next_end(&r->attach)))
		if (!attached__is_other(x))
			kernel__forget(r->kernel, x->pid);
	return 0;
}

static bool any_left(const struct run *r)
{
	for (size_t i = 0; i < r->attach.list.n; i++)
		if (!r->attach.list.v[i].over)
			return true;
	return kernel__any_process(r->kernel);
}

static void follow_processes(struct run *r, int signals)
{
	do {
		if (run__wait(r, signals) && signals__forward(r->signals, 0))
			return;
		run__drain(r);
		if (poll(r->attach.ends.v, r->attach.ends.n, 0) > 0)
			run__as_root(r, forget_ended);
	} while (any_left(r));
}

static void say_attached(const struct run *r)
{
	size_t children = 0;

	for (size_t i = 0; i < r->attach.list.n; i++)
		children += r->attach.list.v[i].parent != 0;
	for (size_t i = 0; i < r->attach.list.n; i++) {
		const struct attached *x = &r->attach.list.v[i];
		struct buf exe = {0};

		if (x->parent)
			continue;
		buf__visible(&exe, x->exe, strlen(x->exe));
		log_info("attached to process %d (%s)%s", x->pid, buf__str(&exe), x->over ? ", which has ended" : "");
		buf__free(&exe);
	}
	if (children)
		log_info("and to %zu child%s of %s", children, children == 1 ? "" : "ren",
			 r->pids.n == 1 ? "it" : "theirs");
	log_info("recording the kernel's side until %s or Ctrl-C; an agent cannot be put into a process that "
		 "runs", r->attach.list.n == 1 ? "it ends" : "they have ended");
}

/* The same for processes that run already. */
int run__record_processes(struct run *r)
{
	struct sync *sync;
	int signals, err;

	if (run__start_streams(r))
		return run__give_up(r);
	signals = signals__block(r->signals);
	err = run__as_root(r, track_processes);
	/* Without iterators a descriptor is known by its first ioctl from now on. */
	if (err && err != -ENOTSUP) {
		log_err("cannot follow process %d: %s", r->pids.v[0], strerror(-err));
		return run__give_up(r);
	}
	run__as_root(r, forget_ended);
	if (!any_left(r)) {
		log_err("process %d ended before it was attached to", r->pids.v[0]);
		return run__give_up(r);
	}
	run__find_libraries(r);
	run__write_session(r, NULL, 0);
	say_attached(r);
	sync = run__start_sync(r);
	follow_processes(r, signals);
	run__end(r, sync);
	signals__end(r->signals);
	return 0;
}
