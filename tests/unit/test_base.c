// SPDX-License-Identifier: MIT
/* Maps, ranges and strings against a slow copy that cannot be wrong. */
#include "t.h"
#include "../../usr/base/called.h"
#include "../../usr/base/held.h"
#include "../../usr/base/map.h"
#include "../../usr/base/names.h"
#include "../../usr/base/near.h"
#include "../../usr/base/ranges.h"

#include <errno.h>

static unsigned int rnd(void)
{
	static unsigned int x = 12345;

	x = x * 1103515245u + 12345u;
	return x >> 8;
}

static void test_map(void)
{
	enum { N = 4000 };
	static size_t want[N];
	static bool set[N];
	struct map m = {0};
	size_t got;

	CHECK(!map__get(&m, 1, 2, &got));
	for (int i = 0; i < 3 * N; i++) {
		unsigned int k = rnd() % N;

		want[k] = rnd();
		set[k] = rnd() % 3;
		if (set[k])
			map__set(&m, k % 7, (uint64_t)k << 40, want[k]);
		else
			map__unset(&m, k % 7, (uint64_t)k << 40);
	}
	for (unsigned int k = 0; k < N; k++) {
		bool found = map__get(&m, k % 7, (uint64_t)k << 40, &got);

		CHECK(found == set[k] && (!found || got == want[k]));
	}
	map__free(&m);
	CHECK(!map__get(&m, 0, 0, &got));
}

static void test_ranges(void)
{
	enum { SPACE = 300 };
	struct {
		uint64_t size;
		size_t value;
	} want[2][SPACE] = {0};
	struct ranges r = {0};

	for (int i = 0; i < 20000; i++) {
		uint32_t pid = rnd() % 2;
		uint64_t lo = rnd() % SPACE;
		const struct range *got;
		size_t value = 0;

		if (rnd() % 3) {
			want[pid][lo].size = 1 + rnd() % 20;
			want[pid][lo].value = (size_t)i + 1;
			ranges__add(&r, pid, lo, want[pid][lo].size, want[pid][lo].value);
		} else {
			want[pid][lo].size = 0;
			ranges__remove(&r, pid, lo);
		}
		lo = rnd() % (SPACE + 30);
		got = ranges__find(&r, pid, lo);
		for (uint64_t a = lo < SPACE ? lo : SPACE - 1; !value; a--) {
			if (want[pid][a].size > lo - a)
				value = want[pid][a].value;
			if (!a)
				break;
		}
		CHECK_EQ(got ? got->value : 0, value);
	}
	CHECK(!ranges__find(&r, 7, 5));
	ranges__free(&r);
}

/* More than a piece holds, up and down again. */
static void test_many_ranges(void)
{
	enum { N = 5000 };
	static bool there[N];
	const struct range *got;
	struct ranges r = {0};
	uint64_t i, next;

	for (int round = 0; round < 40000; round++) {
		i = rnd() % N;
		/* First most of them come, then most of them go. */
		there[i] = rnd() % 8 ? round < 20000 : round >= 20000;
		if (there[i])
			ranges__add(&r, 3, 10 * i, 5, i);
		else
			ranges__remove(&r, 3, 10 * i);
		if (round % 50)
			continue;
		i = rnd() % N;
		got = ranges__find(&r, 3, 10 * i + rnd() % 5);
		CHECK_EQ(got ? got->value : N, there[i] ? i : N);
		CHECK(!ranges__find(&r, 3, 10 * i + 5) && !ranges__find(&r, 2, 10 * i));
		for (next = i; next < N && !there[next];)
			next++;
		got = ranges__from(&r, 3, i ? 10 * i - 9 : 0);
		CHECK_EQ(got ? got->value : N, next);
	}
	CHECK(!ranges__from(&r, 4, 0) && !ranges__from(&r, 3, 10 * N));
	ranges__free(&r);
}

/* Ranges that take turns at addresses, and some that do not, against a list. */
static void test_held(void)
{
	enum { N = 700, SPACE = 120, TIME = 400 };
	static struct held_range all[N];
	struct held h = {0};

	for (int i = 0; i < N; i++) {
		struct held_range *r = &all[i];
		uint64_t size = rnd() % 12, begin = rnd() % TIME;

		*r = (struct held_range){.space = rnd() % 3,
					 .lo = 1 + rnd() % SPACE,
					 .begin = begin,
					 .end = rnd() % 8 ? begin + 1 + rnd() % 30 : UINT64_MAX,
					 .value = (size_t)i};
		r->last = r->lo + size - 1;
		held__add(&h, r->space, r->lo, size, r->begin, r->end == UINT64_MAX ? 0 : r->end, r->value);
	}
	for (int k = 0; k < 4000; k++) {
		uint64_t space = rnd() % 4, addr = rnd() % (SPACE + 20), ts = rnd() % (TIME + 40);
		const struct held_range *at = NULL, *before = NULL, *below = NULL, *above = NULL, *got;
		bool gave_up = false;

		for (int i = 0; i < N; i++) {
			const struct held_range *r = &all[i];
			bool there = r->begin <= ts && ts < r->end, holds = r->lo <= addr && addr <= r->last;

			if (r->space != space)
				continue;
			if (there && holds && (!at || r->begin >= at->begin))
				at = r;
			if (r->end <= ts && holds && (!before || r->end > before->end))
				before = r;
			if (there && r->last < addr && r->lo <= addr && (!below || r->last > below->last))
				below = r;
			if (there && r->lo > addr && (!above || r->lo < above->lo))
				above = r;
		}
		got = held__at(&h, space, addr, ts, &gave_up);
		CHECK_EQ(got ? got->value : N, at ? at->value : N);
		got = held__before(&h, space, addr, ts, &gave_up);
		CHECK_EQ(got ? got->end : 0, before ? before->end : 0);
		got = held__below(&h, space, addr, ts, &gave_up);
		CHECK_EQ(got ? got->last + 1 : 0, below ? below->last + 1 : 0);
		got = held__above(&h, space, addr, ts, &gave_up);
		CHECK_EQ(got ? got->lo : 0, above ? above->lo : 0);
		CHECK(!gave_up);
	}
	held__free(&h);
	CHECK(!held__at(&h, 1, 1, 1, NULL));
}

/* All at one place and one time, as only a file made by hand has them: an answer, or none in bounded time. */
static void test_held_hostile(void)
{
	struct held h = {0};
	bool gave_up = false;

	for (size_t i = 0; i < 3000000; i++)
		held__add(&h, 1, 1000, 10, i % 2 ? 5 : 20, i % 2 ? 10 : 30, i);
	for (int i = 0; i < 2000; i++)
		CHECK(!held__below(&h, 1, 5000, 15, &gave_up));
	held__free(&h);
}

static void test_strings(void)
{
	struct buf b = {0};

	CHECK_STR(buf__str(&b), "");
	buf__shell(&b, "plain-1.0/x");
	buf__putc(&b, ' ');
	buf__shell(&b, "it's");
	buf__putc(&b, ' ');
	buf__shell(&b, "");
	CHECK_STR(buf__str(&b), "plain-1.0/x 'it'\\''s' ''");
	buf__reset(&b);
	buf__json(&b, "a\"\\\n\x01\xc3\xa9\xff", 8);
	CHECK_STR(buf__str(&b), "\"a\\\"\\\\\\n\\u0001\xc3\xa9\\ufffd\"");
	buf__reset(&b);
	buf__size(&b, 4100);
	buf__putc(&b, ' ');
	buf__size(&b, 2 << 20);
	buf__putc(&b, ' ');
	buf__size(&b, 0);
	CHECK_STR(buf__str(&b), "4100 B 2 MiB 0 B");
	buf__free(&b);
}

static void test_near(void)
{
	static const char *const names[] = {"report", "dump", "info", "recover", "check", "compare", "explain"};
	static const struct {
		const char *typed, *meant;
	} rows[] = {{"repport", "report"}, {"REPORT", "report"}, {"inof", "info"},    {"comapre", "compare"}, {"dum", "dump"},
		    {"du", NULL},	   {"ls", NULL},	 {"python3", NULL}, {"make", NULL},	    {"", NULL},
		    {"reocver", "recover"}, {"exlpian", "explain"}};

	CHECK_EQ(near__distance("", "abc"), 3);
	CHECK_EQ(near__distance("abc", ""), 3);
	CHECK_EQ(near__distance("kitten", "sitting"), 3);
	CHECK_EQ(near__distance("ab", "ba"), 1);
	CHECK_EQ(near__distance("Same", "sAME"), 0);
	CHECK(near__distance("a", "0123456789012345678901234567890123456789012345678901234567890123456789") > 64);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct near n = {0};

		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			near__try(&n, rows[i].typed, names[k]);
		CHECK_STR(n.name ? n.name : "none", rows[i].meant ? rows[i].meant : "none");
	}
}

static void test_called(void)
{
	static char name[] = "build dir/rdna1-trace";
	struct buf b = {0};

	program_invocation_name = name;
	CHECK_STR(called(), "'build dir/rdna1-trace'");
	called__put(&b, "rdna1-trace check; sudo rdna1-trace -- X; /bin/rdna1-trace x; rdna1-trace.1; (rdna1-trace info)");
	CHECK_STR(buf__str(&b), "'build dir/rdna1-trace' check; sudo 'build dir/rdna1-trace' -- X; /bin/rdna1-trace x; "
				"rdna1-trace.1; ('build dir/rdna1-trace' info)");
	buf__reset(&b);
	called__put(&b, "");
	CHECK_STR(buf__str(&b), "");
	buf__free(&b);
}

int main(void)
{
	test_near();
	test_called();
	test_map();
	test_ranges();
	test_many_ranges();
	test_held();
	test_held_hostile();
	test_strings();
	END_TESTS;
}
