// SPDX-License-Identifier: MIT
/*
 * The time of an event, by the processor's time stamp counter where the kernel's own clock is that:
 * 10 ns instead of 25, and no line that another processor may be writing. CLOCK_MONOTONIC is read
 * again every millisecond, which bounds what the two can differ by to what they drift apart in one:
 * the rate is measured against it, too.
 */
#include "stream.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
	AGAIN_NS = 1000000,	   /* after which CLOCK_MONOTONIC is read again */
	BASE_NS = 2000000,	   /* at least so far apart are the readings that give the rate */
	BASE_MOST_NS = 1000000000, /* and at most: the kernel adjusts its own */
	DISTURBED = 1500,	   /* cycles: the thread was interrupted between the two clocks */
};

void stream_proc__use_tsc(struct stream_proc *p)
{
	static const char path[] =
		"/sys/devices/system/clocksource/clocksource0/current_clocksource";
	char name[8] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	p->tsc = read(fd, name, sizeof(name)) == 4 && !memcmp(name, "tsc\n", 4);
	close(fd);
}

/* ns for each 2^32 cycles between two readings; 0 when it cannot be told. */
static ev_u64 rate(const struct stream_clock *c, ev_u64 tsc, ev_u64 ns)
{
	const ev_u64 cycles = tsc - c->base_tsc, took = ns - c->base_ns;
	ev_u64 r;

	if (took < BASE_NS || took > 2ull * BASE_MOST_NS || cycles < took / 8 || cycles > took * 64)
		return 0;
	r = (took << 32) / cycles;
	/* The counter has jumped: a suspended machine, another host. */
	if (c->rate && (r > c->rate + c->rate / 1024 || r < c->rate - c->rate / 1024))
		return 0;
	return r;
}

static ev_u64 read_both(struct stream_clock *c)
{
	const ev_u64 tsc = __builtin_ia32_rdtsc(), ns = stream__now();
	ev_u64 r;

	if (__builtin_ia32_rdtsc() - tsc > DISTURBED) {
		c->span = 0;
		return ns;
	}
	r = c->base_ns ? rate(c, tsc, ns) : 0;
	if (!c->base_ns || ns - c->base_ns > BASE_MOST_NS || (!r && ns - c->base_ns > BASE_NS)) {
		c->base_tsc = tsc;
		c->base_ns = ns;
		if (!r)
			c->rate = 0; /* until the next two */
	}
	if (r)
		c->rate = r;
	c->tsc = tsc;
	c->ns = ns;
	c->span = c->rate ? ((ev_u64)AGAIN_NS << 32) / c->rate : 0;
	return ns;
}

ev_u64 stream__time(struct stream *s)
{
	struct stream_clock *c = &s->clock;
	ev_u64 cycles;

	if (unlikely(!s->proc->tsc))
		return stream__now();
	cycles = __builtin_ia32_rdtsc() - c->tsc;
	if (likely(cycles < c->span))
		return c->ns + (cycles * c->rate >> 32);
	return read_both(c);
}
