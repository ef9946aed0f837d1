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
	"fallback=off|auto|native|host, late-free=SIZE, on-hang=report|abort|signal:N, override=RULE[,RULE...], quarantine=FILE|off, replace=PATTERN=TARGET, replace-hazardous=on|off, scanner=COMMAND, timing=off|sampled:N|all, watchdog=SECONDS"

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
	CHECK(strlen(said) < 800);
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

static struct override_rule rule_of(const char *text)
{
	struct override_rules r = {0};
	char error[512] = "";

	CHECK(override_rules__parse(&r, text, error, sizeof(error)));
	CHECK_STR(error, "");
	CHECK_EQ(r.n, 1);
	CHECK_STR(r.v[0].text, text);
	return r.v[0];
}

static void test_override(void)
{
	struct override_rule r = rule_of("vram:fine");

	CHECK(r.vram && !r.system && !r.fine && !r.coarse && r.target == OVERRIDE_FINE);
	CHECK(!r.min_bytes && r.max_bytes == UINT64_MAX && r.first == 1 && r.last == UINT64_MAX && !r.from[0]);
	r = rule_of("system+coarse+>=64K+from=lib*hip.so:uncached");
	CHECK(r.system && r.coarse && r.min_bytes == 65536 && r.target == OVERRIDE_UNCACHED);
	CHECK_STR(r.from, "lib*hip.so");
	CHECK_EQ(rule_of("<1M:coarse").max_bytes, (1 << 20) - 1);
	r = rule_of("4096-2G:leave");
	CHECK(r.min_bytes == 4096 && r.max_bytes == 2ull << 30 && r.target == OVERRIDE_LEAVE);
	r = rule_of(">=1K+<2K:fine");
	CHECK(r.min_bytes == 1024 && r.max_bytes == 2047);
	r = rule_of("nth=3:fine");
	CHECK(r.first == 3 && r.last == 3);
	r = rule_of("nth=3-:fine");
	CHECK(r.first == 3 && r.last == UINT64_MAX);
	r = rule_of("nth=3-5:fine");
	CHECK(r.first == 3 && r.last == 5);
	/* What stands behind the last colon is the target. */
	CHECK_STR(rule_of("from=a:b:fine").from, "a:b");
}

static void test_override_several(void)
{
	struct override_rules r = {0};
	char error[512], text[OVERRIDE_MOST * 8 + 16] = "vram:fine";

	CHECK(override_rules__parse(&r, "vram:coarse,system+nth=2:fine,fine:leave", error, sizeof(error)));
	CHECK(r.n == 3 && r.v[1].system && r.v[2].fine && !override_rules__from(&r));
	CHECK(!override_rules__wants_fine_vram(&r));
	CHECK(override_rules__parse(&r, "system:coarse,>=1M+from=x:fine", error, sizeof(error)));
	CHECK(override_rules__from(&r) && override_rules__wants_fine_vram(&r) == &r.v[1]);
	for (int i = 1; i <= OVERRIDE_MOST; i++)
		strcat(text, ",<1:fine");
	CHECK(!override_rules__parse(&r, text, error, sizeof(error)));
	CHECK(strstr(error, "more than 32"));
}

static void test_override_bad(void)
{
	static const char *const bad[] = {
		"", ":", "vram", "vram:", ":fine", "+vram:fine", "vram+:fine", "vram:fin", "vram:fine,", ",vram:fine",
		"vrams:fine", ">=:fine", ">=x:fine", ">=1T:fine", ">=99999999999999999999:fine", ">=99999999999G:fine",
		"<0:fine", "2-1:fine", "-1:fine", "1-:fine", "nth=0:fine", "nth=:fine", "nth=2-1:fine", "nth=-2:fine",
		"from=:fine", "vram+system:fine", "fine+coarse:fine", ">=2+<2:fine", "vram:fine fine:vram"};
	struct override_rules r;
	struct options o;
	char error[512];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		error[0] = 0;
		CHECK(!override_rules__parse(&r, bad[i], error, sizeof(error)));
		CHECK(error[0]);
	}
	CHECK(!override_rules__parse(&r, "system+vrum:fine", error, sizeof(error)));
	CHECK(!strncmp(error, "'vrum' of 'system+vrum:fine' is not known; ", 43));
	/* The agent alone: one line, and nothing is overridden. */
	o = parse("override=vram:fine,foo:fine watchdog=7");
	CHECK(lines == 1 && !o.override.n && strstr(o.override_refused, "'foo'") && o.watchdog_ms == 7000);
	CHECK(strstr(said, "no allocation is overridden: 'foo'"));
	o = parse("override=from=x:fine late-free=2M");
	CHECK(!lines && o.override.n == 1 && o.callsite && o.late_free_bytes == 2 << 20);
}

int main(void)
{
	test_override();
	test_override_several();
	test_override_bad();
	test_values();
	test_bad_values();
	test_dir();
	test_buffer();
	test_unknown();
	test_long();
	END_TESTS;
}
