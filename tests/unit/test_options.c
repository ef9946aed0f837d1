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

static void test_unknown(void)
{
	CHECK_STR(dir_of("color=red dir=x"), "x");
	CHECK_STR(said, "unknown in RDNA1_TRACE_OPTIONS, ignored: color (known: dir=DIR)");
	CHECK_STR(dir_of("a=1 b a=2 ab=3 b= dir"), "");
	CHECK_STR(said, "unknown in RDNA1_TRACE_OPTIONS, ignored: a b ab dir (known: dir=DIR)");
	CHECK_EQ(lines, 1);
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
	CHECK(strlen(said) < 400);
}

int main(void)
{
	test_dir();
	test_unknown();
	test_long();
	END_TESTS;
}
