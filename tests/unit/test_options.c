// SPDX-License-Identifier: MIT
/* RDNA1_TRACE_OPTIONS: words, quotes, unknown keys, too much of everything. */
#include "t.h"
#include "../../hsa-tools/agent/agent.h"

#include <stdarg.h>

static char said[2048];
static int lines;

void agent_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	lines++;
}

static const char *dir_of(const char *text)
{
	static struct options o;

	said[0] = 0;
	lines = 0;
	options_parse(&o, text);
	return o.dir;
}

static void test_dir(void)
{
	CHECK_STR(dir_of(NULL), "");
	CHECK_STR(dir_of(""), "");
	CHECK_STR(dir_of("   "), "");
	CHECK_STR(dir_of("dir=/tmp/x"), "/tmp/x");
	CHECK_STR(dir_of("  dir=/tmp/x  "), "/tmp/x");
	CHECK_STR(dir_of("dir=a dir=b"), "b");
	CHECK_STR(dir_of("dir=\"a b\""), "a b");
	CHECK_STR(dir_of("\"dir=a b\""), "a b");
	CHECK_STR(dir_of("dir=a\\ b"), "a b");
	CHECK_STR(dir_of("dir=a\\\"b\\\\c"), "a\"b\\c");
	CHECK_STR(dir_of("dir=a=b"), "a=b");
	CHECK_STR(dir_of("dir=\"unclosed x"), "unclosed x");
	CHECK_STR(dir_of("dir=x\\"), "x\\");
	CHECK_EQ(lines, 0);
}

static void test_buffer(void)
{
	struct options o;

	lines = 0;
	options_parse(&o, "dir=x");
	CHECK_EQ(o.buffer_bytes, 0);
	options_parse(&o, "buffer=64M dir=x");
	CHECK_EQ(o.buffer_bytes, 64 << 20);
	CHECK_EQ(lines, 0);
	options_parse(&o, "dir=x buffer=64");
	CHECK_EQ(o.buffer_bytes, 0);
	CHECK_EQ(lines, 1);
	CHECK(strstr(said, "buffer=64 ") && strstr(said, "64K..64G"));
	options_parse(&o, "buffer=");
	CHECK_EQ(lines, 2);
}

#define KNOWN                                                                                      \
	"dir=DIR, buffer=64K..64G, callsite=on|off, code-objects=used|all|off, dispatch=doorbell|intercept, "       \
	"on-hang=report|abort|signal:N, timing=off|sampled:N|all, watchdog=SECONDS"

static void test_unknown(void)
{
	CHECK_STR(dir_of("color=red dir=x"), "x");
	CHECK_STR(said, "unknown in RDNA1_TRACE_OPTIONS, ignored: color (known: " KNOWN ")");
	CHECK_STR(dir_of("a=1 b a=2 ab=3 b= dir"), "");
	CHECK_STR(said, "unknown in RDNA1_TRACE_OPTIONS, ignored: a b ab (known: " KNOWN ")");
	CHECK_EQ(lines, 2); /* and "dir" wants a value */
	CHECK_STR(dir_of("=x dir=y"), "y");
	CHECK_EQ(lines, 0);
}

static void test_long(void)
{
	static char text[20000];
	size_t n = 0;

	strcpy(text, "dir=");
	memset(text + 4, 'x', 10000);
	CHECK_EQ(strlen(dir_of(text)), 4095);
	for (int i = 0; i < 2000; i++)
		n += (size_t)sprintf(text + n, "k%d=1 ", i);
	strcpy(text + n, "dir=end");
	CHECK_STR(dir_of(text), "end");
	CHECK_EQ(lines, 1);
	CHECK(strlen(said) < 600);
}

static struct options parse(const char *text)
{
	struct options o;

	said[0] = 0;
	lines = 0;
	options_parse(&o, text);
	return o;
}

static void test_values(void)
{
	struct options o = parse("");

	CHECK(!o.callsite && !o.intercept && !o.timing_every);
	CHECK_EQ(o.code, CODE_USED);
	CHECK_EQ(o.watchdog_ms, 10000);
	CHECK_EQ(o.on_hang, ON_HANG_REPORT);
	o = parse("callsite=on dispatch=intercept timing=all code-objects=all watchdog=3 "
		  "on-hang=abort");
	CHECK(o.callsite && o.intercept);
	CHECK_EQ(o.timing_every, 1);
	CHECK_EQ(o.code, CODE_ALL);
	CHECK_EQ(o.watchdog_ms, 3000);
	CHECK_EQ(o.on_hang, ON_HANG_ABORT);
	CHECK_EQ(lines, 0);
	o = parse("timing=sampled:50 on-hang=signal:10 watchdog=0 code-objects=off");
	CHECK_EQ(o.timing_every, 50);
	CHECK_EQ(o.on_hang, ON_HANG_SIGNAL);
	CHECK_EQ(o.on_hang_signal, 10);
	CHECK_EQ(o.watchdog_ms, 0);
	CHECK_EQ(o.code, CODE_OFF);
	CHECK_EQ(lines, 0);
}

static void test_bad_values(void)
{
	static const char *const bad[] = {
		"callsite=yes",	     "dispatch=",	  "timing=sampled:0",  "timing=sampled:",
		"timing=sampled:1x", "timing=some",	  "code-objects=none", "watchdog=-1",
		"watchdog=ten",	     "watchdog=99999999", "on-hang=signal:0",  "on-hang=signal:65",
		"on-hang=kill",	     "watchdog",	  "timing=off,all"};
	struct options none = parse("");

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct options o = parse(bad[i]);

		CHECK(!memcmp(&o, &none, sizeof(o)));
		CHECK_EQ(lines, 1);
		CHECK(strstr(said, "is not understood, ignored (") != NULL);
	}
	parse("watchdog=ten");
	CHECK_STR(
		said,
		"RDNA1_TRACE_OPTIONS: watchdog=ten is not understood, ignored (watchdog=SECONDS)");
}

int main(void)
{
	test_values();
	test_bad_values();
	test_dir();
	test_buffer();
	test_unknown();
	test_long();
	END_TESTS;
}
