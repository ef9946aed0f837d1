// SPDX-License-Identifier: MIT
/* Maps, ranges and strings against a slow copy that cannot be wrong. */
#include "t.h"
#include "../../usr/base/map.h"
#include "../../usr/base/names.h"
#include "../../usr/base/ranges.h"

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
		set[k] = true;
		map__set(&m, k % 7, (uint64_t)k << 40, want[k]);
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

int main(void)
{
	test_map();
	test_ranges();
	test_strings();
	END_TESTS;
}
