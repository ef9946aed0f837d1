// SPDX-License-Identifier: MIT
/*
 * The quarantine's file: text and back, what a file can become, who may change it.
 *
 * test_quarantine              all that is quick
 * test_quarantine storm N M    N processes add M entries each at once
 * test_quarantine kill N       a process that adds is killed N times
 * test_quarantine full DIR     DIR is on a file system that has no room
 */
#include "t.h"
#include "../../hsa-tools/quarantine/line.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char path[4096], *folder;

static struct quarantine_entry entry(const char *kernel)
{
	struct quarantine_entry e = {.what = QUARANTINE_HANG,
				     .avoid = QUARANTINE_AUTO,
				     .emulated = true,
				     .problem = "fwd-nchw-fp32-n1-g1-c3-k64-i44x44-f3x3-o44x44-s1x1-d1x1-p1x1",
				     .code = SHA,
				     .gpu = "gfx1010",
				     .isa = "gfx1030",
				     .rocm = "5.2.3",
				     .trace = "/home/me/a trace",
				     .first_s = 1795381079,
				     .last_s = 1795381079,
				     .count = 1};

	snprintf(e.kernel, sizeof(e.kernel), "%s", kernel);
	return e;
}

static void write_file(const char *s, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, s, len) == (ssize_t)len);
	close(fd);
}

static char *read_file(const char *name, size_t *len)
{
	char *s = calloc(1, QUARANTINE_BYTES_MAX * 2);
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, s, QUARANTINE_BYTES_MAX * 2 - 1);

	if (fd >= 0)
		close(fd);
	if (len)
		*len = (size_t)n;
	return s;
}

static struct quarantine_entry got[64];
static uint32_t num_got, damaged;
static uint64_t total; /* of count */

static int take(const struct quarantine_entry *e, uint32_t number, void *arg)
{
	(void)arg;
	CHECK_EQ(number, num_got + 1);
	if (num_got < 64)
		got[num_got] = *e;
	num_got++;
	total += e->count;
	return 0;
}

static int read_back(void)
{
	num_got = 0;
	total = 0;
	return quarantine__each(path, take, NULL, &damaged);
}

static bool equal(const struct quarantine_entry *a, const struct quarantine_entry *b)
{
	return line__same(a, b) && !strcmp(a->trace, b->trace) && a->first_s == b->first_s && a->last_s == b->last_s &&
	       a->count == b->count;
}

/* A file of its own for each test. */
static void begin(void)
{
	static int number;

	snprintf(path, sizeof(path), "%s/%d/state/rdna1-trace/quarantine", folder, number++);
}

static bool is_there(const char *suffix)
{
	char name[4200];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return !access(name, F_OK);
}

/* Files beside it that begin with its name and this. */
static int count_beside(const char *suffix, char *name, size_t size)
{
	char command[8400];
	FILE *f;
	int n = 0;

	snprintf(command, sizeof(command), "ls -d '%s'%s* 2>/dev/null", path, suffix);
	f = popen(command, "r");
	while (f && fgets(name, (int)size, f)) {
		name[strcspn(name, "\n")] = 0;
		n++;
	}
	if (f)
		pclose(f);
	return n;
}

/* ---- text ---- */

static void test_text(void)
{
	struct quarantine_entry e = entry("naive_conv_fwd_nchw"), back;
	char text[QUARANTINE_LINE_MAX];
	size_t len;

	CHECK(quarantine__text(&e, text, sizeof(text)));
	CHECK_STR(text, "kernel=naive_conv_fwd_nchw problem=fwd-nchw-fp32-n1-g1-c3-k64-i44x44-f3x3-o44x44-s1x1-d1x1-p1x1 "
			"code=" SHA " gpu=gfx1010 isa=gfx1030 rocm=5.2.3 emulated=yes avoid=auto count=1 "
			"first=2026-11-22T20:57:59Z last=2026-11-22T20:57:59Z trace=\"/home/me/a trace\" what=hang");
	CHECK_EQ(quarantine__text(&e, text, 100), 0);
	CHECK_STR(text, "");

	/* Every byte, in every text, alone and many. */
	for (int c = 1; c < 256; c++) {
		e = entry("k");
		e.kernel[1] = (char)c;
		memset(e.trace, c, sizeof(e.trace) - 1);
		e.suspect = c & 1;
		e.what = (enum quarantine_what)(1 + c % 8);
		e.avoid = (enum quarantine_avoid)(1 + c % 4);
		e.first_s = (int64_t)c * 86400 * 367 + c;
		e.last_s = e.first_s + 12345678;
		e.count = UINT32_MAX - (uint32_t)c;
		len = quarantine__text(&e, text, sizeof(text));
		CHECK(len && !strchr(text, '\n'));
		CHECK_EQ(line__read(text, len, true, &back), LINE_ENTRY);
		CHECK(equal(&e, &back));
	}
	for (int w = 1; w <= QUARANTINE_BY_HAND; w++)
		for (int v = 1; v <= QUARANTINE_BY_HAND; v++)
			CHECK(w == v || strncmp(quarantine__what_name((enum quarantine_what)w), quarantine__what_name((enum quarantine_what)v),
						strlen(quarantine__what_name((enum quarantine_what)w))));
	CHECK(!quarantine__what_name(0) && !quarantine__what_name(99) && !quarantine__what_of("") && !quarantine__what_of("han"));
	CHECK(!quarantine__avoid_name(0) && !quarantine__avoid_name(5) && quarantine__avoid_of("late-free") == QUARANTINE_LATE_FREE);
}

static enum line_kind kind_of(const char *s, struct quarantine_entry *e)
{
	return line__read(s, strlen(s), true, e);
}

static void test_by_hand(void)
{
	static const struct {
		const char *s;
		enum line_kind kind;
	} rows[] = {
		{"", LINE_COMMENT},
		{" \t\r", LINE_COMMENT},
		{"  # kernel=x", LINE_COMMENT},
		{"kernel=x", LINE_ENTRY},
		{"\tkernel=x what=hang\r", LINE_ENTRY},
		{"what=hang kernel=x # seen it myself", LINE_ENTRY},
		{"kernel=x newer=\"a b\" what=hang", LINE_ENTRY},
		{"kernel=\"a \\\"b\\\" \\\\ \\n\\t\\x41\" what=hang", LINE_ENTRY},
		{"code=0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", LINE_ENTRY},
		{"kernel=x first=2026-02-28 last=2028-02-29", LINE_ENTRY},
		{"what=hang", LINE_STRANGE}, /* of what? */
		{"newer=x", LINE_STRANGE},
		{"kernel=x what=melted", LINE_STRANGE},
		{"kernel=x avoid=prayer", LINE_STRANGE},
		{"kernel=x emulated=perhaps", LINE_STRANGE},
		{"kernel=x count=-1", LINE_STRANGE},
		{"kernel=x count=4294967296", LINE_STRANGE},
		{"kernel=x count=", LINE_STRANGE},
		{"kernel=x first=yesterday", LINE_STRANGE},
		{"kernel=x first=2026-02-29", LINE_STRANGE},
		{"kernel=x first=2026-11-22T25:00:00Z", LINE_STRANGE},
		{"kernel=x first=2026-11-22T05:00:00", LINE_STRANGE},
		{"kernel=x code=12", LINE_STRANGE},
		{"kernel=\"x\\q\"", LINE_STRANGE},
		{"kernel=\"x\\x0\"", LINE_STRANGE},
		{"kernel=\"x\\x00\"", LINE_STRANGE},
		{"gpu=a-name-that-is-longer-than-its-place-in-the-entry kernel=x", LINE_STRANGE},
		{"kernel", LINE_BROKEN},
		{"=x", LINE_BROKEN},
		{"kernel=x kernel=y", LINE_BROKEN},
		{"kernel=\"x", LINE_BROKEN},
		{"kernel=\"x\"y", LINE_BROKEN},
		{"kernel=x\"y\"", LINE_BROKEN},
		{"kernel=x\001", LINE_BROKEN},
		{"hello world", LINE_BROKEN},
		{"KERNEL=x", LINE_BROKEN},
	};
	struct quarantine_entry e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (kind_of(rows[i].s, &e) != rows[i].kind)
			printf("%s\n", rows[i].s);
		CHECK_EQ(kind_of(rows[i].s, &e), rows[i].kind);
	}
	kind_of("kernel=x", &e);
	CHECK(e.what == QUARANTINE_BY_HAND && e.avoid == QUARANTINE_AUTO && e.count == 1 && !e.last_s && !e.emulated);
	kind_of("kernel=\"a \\\"b\\\" \\\\ \\n\\t\\x41\" what=hang", &e);
	CHECK_STR(e.kernel, "a \"b\" \\ \n\tA");
	kind_of("kernel=x first=1970-01-01 last=2026-11-22T20:57:59Z", &e);
	CHECK_EQ(e.first_s, 0);
	CHECK_EQ(e.last_s, 1795381079);
	CHECK_EQ(line__read("kernel=a\0b", 10, true, &e), LINE_BROKEN);
}

/* Whatever a line has become: what is read of it can be written, and is the same then. */
static void test_random(void)
{
	static const char words[][24] = {"kernel=", "what=hang", "\"", "\\", "\\x", " ", "#", "=", "first=2026", "-11-", "count=9", "code="};
	char line[256], text[QUARANTINE_LINE_MAX];
	struct quarantine_entry e, back;
	unsigned int read = 0;

	srand(1);
	for (int i = 0; i < 100000; i++) {
		size_t len = (size_t)snprintf(line, sizeof(line), "kernel=\"a b\" gpu=gfx1010 x=y count=3 what=hang # z");

		for (int k = rand() % 4; k >= 0; k--) {
			const char *w = words[(size_t)rand() % (sizeof(words) / sizeof(words[0]))];
			size_t at = (size_t)rand() % len, n = strlen(w);

			if (rand() % 2)
				line[at] = (char)rand();
			else if (at + n < len)
				memcpy(line + at, w, n);
			if (rand() % 8 == 0)
				len = at + 1;
		}
		if (line__read(line, len, rand() % 2, &e) != LINE_ENTRY)
			continue;
		read++;
		len = line__write(&e, line, len, text, sizeof(text));
		CHECK_EQ(line__read(text, len, true, &back), LINE_ENTRY);
		CHECK(equal(&e, &back));
	}
	CHECK(read > 5000);
}

/* ---- the file ---- */

static void test_add(void)
{
	struct quarantine_entry e = entry("a"), f = entry("b");
	char *s;

	begin();
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(num_got, 0);
	CHECK_EQ(quarantine__add(path, &e), 0);
	CHECK_EQ(quarantine__add(path, &f), 0);
	e.last_s += 100;
	e.first_s += 100;
	snprintf(e.trace, sizeof(e.trace), "/another");
	CHECK_EQ(quarantine__add(path, &e), 0);
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(num_got, 2);
	CHECK_EQ(damaged, 0);
	CHECK_EQ(got[0].count, 2);
	CHECK_EQ(got[0].first_s, e.first_s - 100);
	CHECK_EQ(got[0].last_s, e.last_s);
	CHECK_STR(got[0].trace, "/another");
	CHECK(equal(&got[1], &f));
	CHECK(!is_there(".new") && is_there(".lock"));

	/* Each of these is another entry. */
	for (int i = 0; i < 9; i++) {
		f = entry("b");
		f.what = i == 0 ? QUARANTINE_APERTURE : f.what;
		f.avoid = i == 1 ? QUARANTINE_HOST : f.avoid;
		f.suspect = i == 2;
		f.emulated = i != 3;
		f.problem[0] = i == 4 ? 'X' : f.problem[0];
		f.code[0] = i == 5 ? 'a' : f.code[0];
		f.gpu[0] = i == 6 ? 'X' : f.gpu[0];
		f.isa[0] = i == 7 ? 'X' : f.isa[0];
		f.rocm[0] = i == 8 ? 'X' : f.rocm[0];
		CHECK_EQ(quarantine__add(path, &f), 0);
		CHECK_EQ(read_back(), 0);
		CHECK_EQ(num_got, 3u + (uint32_t)i);
	}
	s = read_file(path, NULL);
	CHECK(!strncmp(s, "# rdna1-trace quarantine", 24));
	free(s);

	/* Times and count come by themselves. */
	e = (struct quarantine_entry){.what = QUARANTINE_BY_HAND, .kernel = "t"};
	CHECK_EQ(quarantine__add(path, &e), 0);
	CHECK_EQ(read_back(), 0);
	CHECK(llabs((long long)(got[num_got - 1].last_s - time(NULL))) < 100 && got[num_got - 1].count == 1);

	/* What is none. */
	e = entry("");
	e.problem[0] = e.code[0] = 0;
	CHECK_EQ(quarantine__add(path, &e), -EINVAL);
	e = entry("a");
	e.what = 0;
	CHECK_EQ(quarantine__add(path, &e), -EINVAL);
	e.what = 77;
	CHECK_EQ(quarantine__add(path, &e), -EINVAL);
	e = entry("a");
	e.code[5] = 'x';
	CHECK_EQ(quarantine__add(path, &e), -EINVAL);
	/* Without an end. */
	e = entry("a");
	memset(e.kernel, 'k', sizeof(e.kernel));
	CHECK_EQ(quarantine__add(path, &e), 0);
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(strlen(got[num_got - 1].kernel), 255);
}

static int is_number(const struct quarantine_entry *e, uint32_t number, void *arg)
{
	(void)e;
	return number == *(uint32_t *)arg;
}

static void test_kept(void)
{
	static const char text[] = "# mine\n"
				   "\n"
				   "kernel=a  note=\"two words\" what=hang count=7 # with a comment\n"
				   "kernel=z what=melted\n"
				   "  # between\n"
				   "what=by-hand kernel=b avoid=host";
	struct quarantine_entry e = {.what = QUARANTINE_HANG, .kernel = "a", .first_s = 86400, .last_s = 86400};
	uint32_t number = 1, removed = 77;
	char *s;

	begin();
	CHECK_EQ(quarantine__add(path, &e), 0);
	write_file(text, sizeof(text) - 1);
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(num_got, 1);
	CHECK_EQ(damaged, 2); /* melted; no end of the line, and not as we end it */
	write_file(text, sizeof(text) - 1);
	s = read_file(path, NULL);
	strcat(s, "\n");
	write_file(s, strlen(s));
	free(s);
	CHECK_EQ(quarantine__add(path, &e), 0);
	s = read_file(path, NULL);
	CHECK_STR(s, "# mine\n"
		     "\n"
		     "kernel=a avoid=auto count=8 first=1970-01-02T00:00:00Z last=1970-01-02T00:00:00Z "
		     "note=\"two words\" what=hang # with a comment\n"
		     "kernel=z what=melted\n"
		     "  # between\n"
		     "what=by-hand kernel=b avoid=host\n");
	free(s);
	CHECK_EQ(quarantine__remove(path, is_number, &number, &removed), 0);
	CHECK_EQ(removed, 1);
	s = read_file(path, NULL);
	CHECK_STR(s, "# mine\n"
		     "\n"
		     "kernel=z what=melted\n"
		     "  # between\n"
		     "what=by-hand kernel=b avoid=host\n");
	free(s);
	number = 9;
	CHECK_EQ(quarantine__remove(path, is_number, &number, &removed), 0);
	CHECK_EQ(removed, 0);
	/* Nothing to remove from. */
	begin();
	CHECK_EQ(quarantine__remove(path, is_number, &number, &removed), 0);
	CHECK(!is_there(".lock"));
}

/* Cut at every byte: what is read is what was whole, and nothing else. */
static void test_cut(void)
{
	static const char *const names[] = {"naive_conv_fwd_nchw", "with blanks\n", "what=hang", "# no comment"};
	struct quarantine_entry e[4], new = entry("new");
	size_t len, ends[4];
	char *s, aside[4200], *line;
	uint32_t whole;

	begin();
	for (int i = 0; i < 4; i++) {
		e[i] = entry(names[i]);
		e[i].what = (enum quarantine_what)(2 + i);
		CHECK_EQ(quarantine__add(path, &e[i]), 0);
	}
	s = read_file(path, &len);
	for (int i = 0, at = 0; i < 4; i++) {
		do {
			line = s + at;
			at += (int)strcspn(line, "\n") + 1;
		} while (line[0] == '#');
		ends[i] = (size_t)at - 1;
	}
	for (size_t cut = 0; cut <= len; cut++) {
		write_file(s, cut);
		whole = 0;
		while (whole < 4 && ends[whole] <= cut)
			whole++;
		CHECK_EQ(read_back(), 0);
		CHECK_EQ(num_got, whole);
		for (uint32_t i = 0; i < whole && i < num_got; i++)
			CHECK(equal(&got[i], &e[i]));
		if (cut % 32 && cut != len)
			continue;
		/* What is left of it is kept, the old one beside. */
		uint32_t torn = damaged;

		CHECK_EQ(quarantine__add(path, &new), 0);
		CHECK_EQ(read_back(), 0);
		CHECK_EQ(num_got, whole + 1);
		CHECK_EQ(damaged, 0);
		CHECK_EQ(count_beside(".damaged-", aside, sizeof(aside)), torn ? 1 : 0);
		if (torn) {
			char *kept = read_file(aside, NULL);

			CHECK(!memcmp(kept, s, cut) && !kept[cut]);
			free(kept);
			unlink(aside);
		}
	}
	free(s);
}

/* One byte is another: the other lines are read. */
static void test_flipped(void)
{
	struct quarantine_entry e[3] = {entry("a"), entry("b"), entry("c")};
	size_t len;
	char *s;

	begin();
	for (int i = 0; i < 3; i++)
		CHECK_EQ(quarantine__add(path, &e[i]), 0);
	s = read_file(path, &len);
	for (size_t at = 0; at < len; at++) {
		for (unsigned int k = 0; k < 4; k++) {
			static const char with[] = {0, '\n', '"', '\377'};
			char old = s[at];

			s[at] = with[k];
			write_file(s, len);
			CHECK_EQ(read_back(), 0);
			CHECK(num_got >= (old == '\n' ? 1 : 2));
			s[at] = old;
		}
	}
	/* As a machine that stopped leaves files: the length is there, the bytes are not. */
	memset(s + len / 2, 0, len - len / 2);
	write_file(s, len);
	CHECK_EQ(quarantine__add(path, &e[2]), 0);
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(damaged, 0);
	CHECK_EQ(num_got, 2);
	memset(s, 0, len);
	write_file(s, len);
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(num_got, 0);
	CHECK_EQ(damaged, 1);
	CHECK_EQ(quarantine__add(path, &e[2]), 0);
	CHECK_EQ(quarantine__add(path, &e[1]), 0);
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(num_got, 2);
	free(s);
}

static void test_large(void)
{
	struct quarantine_entry e = entry("x");
	size_t len = 0, size = QUARANTINE_BYTES_MAX;
	char *s = calloc(1, size * 2);
	uint32_t n = 0;

	begin();
	CHECK_EQ(quarantine__add(path, &e), 0);
	len = (size_t)sprintf(s, "kernel=mine what=by-hand last=1971-01-01\n");
	for (; len < size - 400; n++) {
		snprintf(e.kernel, sizeof(e.kernel), "kernel_%u", n);
		e.last_s = e.first_s = 1700000000 + (n * 7919) % 10000; /* not in order */
		len += quarantine__text(&e, s + len, QUARANTINE_LINE_MAX);
		s[len++] = '\n';
	}
	write_file(s, len);
	for (int i = 0; i < 3; i++) {
		e = entry("new");
		e.kernel[3] = (char)('0' + i);
		e.last_s = 1; /* older than all */
		CHECK_EQ(quarantine__add(path, &e), 0);
	}
	CHECK_EQ(read_back(), 0);
	CHECK(num_got < n + 4 && num_got > n - 10);
	CHECK_STR(got[0].kernel, "mine");
	free(s);
	s = read_file(path, &len);
	CHECK(len <= size);
	CHECK(strstr(s, "kernel=new2 ") && !strstr(s, "kernel=kernel_0 "));
	char words[80];

	sprintf(words, "# left out, for the file was full: %u entries\n", n + 4 - num_got);
	CHECK(strstr(s, words) && strstr(s, words) == strstr(s, "# left out"));
	/* Too large to be one. */
	write_file(s, len);
	memset(s, 'x', size + 1);
	write_file(s, size + 1);
	CHECK_EQ(quarantine__add(path, &e), -EFBIG);
	CHECK_EQ(read_back(), -EFBIG);
	/* A line that is. */
	memset(s, 'x', size);
	memcpy(s, "kernel=", 7);
	s[size - 1] = '\n';
	write_file(s, size);
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(damaged, 1);
	CHECK_EQ(quarantine__add(path, &e), 0);
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(num_got, 1);
	free(s);
}

static void test_by_others(void)
{
	struct quarantine_entry e = entry("a");
	char other[4200], *s;
	struct stat st;

	/* A symbolic link is not followed, and not replaced. */
	begin();
	CHECK_EQ(quarantine__add(path, &e), 0);
	snprintf(other, sizeof(other), "%s.other", path);
	CHECK_EQ(rename(path, other), 0);
	CHECK_EQ(symlink(other, path), 0);
	CHECK_EQ(quarantine__add(path, &e), -ELOOP);
	CHECK_EQ(read_back(), -ELOOP);
	unlink(path);
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_EQ(quarantine__add(path, &e), -ENOTSUP);
	CHECK_EQ(read_back(), -ENOTSUP);
	unlink(path);
	CHECK_EQ(mkdir(path, 0700), 0);
	CHECK_EQ(quarantine__add(path, &e), -EISDIR);
	rmdir(path);
	/* What a killed process left. */
	snprintf(other, sizeof(other), "%s.new", path);
	CHECK_EQ(symlink("/etc/passwd", other), 0);
	CHECK_EQ(quarantine__add(path, &e), 0);
	CHECK(!is_there(".new"));
	CHECK(!stat(path, &st) && (st.st_mode & 0777) == 0600);
	/* Permissions stay. */
	chmod(path, 0644);
	CHECK_EQ(quarantine__add(path, &e), 0);
	CHECK(!stat(path, &st) && (st.st_mode & 0777) == 0644);
	/* A limit that would kill us. */
	struct rlimit old, small = {100, 100};

	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	CHECK_EQ(quarantine__add(path, &e), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(got[0].count, 2);
	CHECK_EQ(quarantine__add("/proc/none/quarantine", &e), -ENOENT);
	CHECK_EQ(quarantine__add("", &e), -EISDIR);
	CHECK_EQ(quarantine__add("/", &e), -EISDIR);
	s = calloc(1, 5000);
	memset(s, 'x', 4999);
	CHECK_EQ(quarantine__add(s, &e), -ENAMETOOLONG);
	s[250] = 0;
	CHECK_EQ(quarantine__add(s, &e), -ENAMETOOLONG);
	free(s);
	/* In the directory one is in. */
	CHECK_EQ(chdir(folder), 0);
	CHECK_EQ(quarantine__add("plain", &e), 0);
	CHECK_EQ(quarantine__add("made/here/plain", &e), 0);
	CHECK_EQ(quarantine__each("made/here/plain", take, (num_got = 0, NULL), NULL), 0);
	CHECK_EQ(num_got, 1);
}

/* As root: what is made is its folder's owner's. As another: it is refused. */
static void test_owner(void)
{
	struct quarantine_entry e = entry("a");
	struct stat st;
	char state[4000], lock[4200];
	int status = -1;
	pid_t pid;

	if (geteuid())
		return;
	begin();
	snprintf(state, sizeof(state), "%s/of-user", folder);
	CHECK_EQ(mkdir(state, 0755), 0);
	if (chown(state, 4321, 4321))
		return; /* of a container, perhaps */
	snprintf(path, sizeof(path), "%s/state/rdna1-trace/quarantine", state);
	CHECK_EQ(quarantine__add(path, &e), 0);
	CHECK_EQ(quarantine__add(path, &e), 0);
	for (char *end = path + strlen(path); end && strcmp(path, folder); end = strrchr(path, '/')) {
		*end = 0;
		if (!strcmp(path, folder))
			break;
		CHECK(!stat(path, &st) && st.st_uid == 4321 && st.st_gid == 4321);
	}
	snprintf(path, sizeof(path), "%s/state/rdna1-trace/quarantine", state);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	CHECK(!stat(lock, &st) && st.st_uid == 4321);
	chmod(folder, 0755);
	pid = fork();
	if (!pid) {
		if (setgid(4322) || setuid(4322))
			_exit(0);
		_exit(quarantine__add(path, &e) != -EACCES);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	/* Its folder may be everyone's: the file is not. */
	snprintf(state, sizeof(state), "%s/everyone", folder);
	CHECK_EQ(mkdir(state, 0777), 0);
	chmod(state, 0777);
	snprintf(path, sizeof(path), "%s/quarantine", state);
	CHECK_EQ(quarantine__add(path, &e), 0);
	chmod(path, 0644);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	chmod(lock, 0666);
	pid = fork();
	if (!pid) {
		if (setgid(4322) || setuid(4322))
			_exit(0);
		_exit(quarantine__add(path, &e) != -EPERM || read_back() || num_got != 1);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
}

/* ---- locks ---- */

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static volatile int in_handler = 1;

static int interrupt(const struct quarantine_entry *e, uint32_t number, void *arg)
{
	(void)e;
	(void)number;
	(void)arg;
	raise(SIGUSR1);
	return 0;
}

static void on_signal(int signal)
{
	struct quarantine_entry e = entry("from a handler");

	(void)signal;
	in_handler = quarantine__add(path, &e);
}

static void test_locks(void)
{
	struct quarantine_entry e = entry("a");
	char lock[4200];
	uint32_t removed;
	double start;
	int fd, status = -1;
	pid_t pid;

	begin();
	CHECK_EQ(quarantine__add(path, &e), 0);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	fd = open(lock, O_RDWR);
	CHECK_EQ(flock(fd, LOCK_EX), 0);
	start = seconds();
	CHECK_EQ(quarantine__add(path, &e), -EAGAIN);
	CHECK(seconds() - start > 1.9 && seconds() - start < 8);
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(got[0].count, 1);
	close(fd);
	CHECK_EQ(quarantine__add(path, &e), 0);
	/* A handler in a thread that is in the middle of it does not wait. */
	signal(SIGUSR1, on_signal);
	start = seconds();
	CHECK_EQ(quarantine__remove(path, interrupt, NULL, &removed), 0);
	CHECK_EQ(in_handler, -EDEADLK);
	CHECK(seconds() - start < 1);
	raise(SIGUSR1);
	CHECK_EQ(in_handler, 0);
	/* A child has the room of its own; the lock is its parent's. */
	pid = fork();
	if (!pid)
		_exit(quarantine__add(path, &e) != 0);
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(total, 4);
}

/* ---- where ---- */

static void test_path(void)
{
	char out[64];

	setenv("XDG_STATE_HOME", "/state", 1);
	setenv("HOME", "/home/me", 1);
	CHECK_EQ(quarantine__path(NULL, out, sizeof(out)), 0);
	CHECK_STR(out, "/state/rdna1-trace/quarantine");
	CHECK_EQ(quarantine__path("", out, sizeof(out)), 0);
	CHECK_STR(out, "/state/rdna1-trace/quarantine");
	CHECK_EQ(quarantine__path("my/file", out, sizeof(out)), 0);
	CHECK_STR(out, "my/file");
	setenv("XDG_STATE_HOME", "relative", 1);
	CHECK_EQ(quarantine__path(NULL, out, sizeof(out)), 0);
	CHECK_STR(out, "/home/me/.local/state/rdna1-trace/quarantine");
	CHECK_EQ(quarantine__path(NULL, out, 44), -ENAMETOOLONG);
	CHECK_EQ(quarantine__path(NULL, out, 45), 0);
	unsetenv("XDG_STATE_HOME");
	unsetenv("HOME");
	CHECK_EQ(quarantine__path(NULL, out, sizeof(out)), -ENOENT);
}

/* ---- several at once, and killed ---- */

static void storm(int processes, int adds)
{
	begin();
	for (int p = 0; p < processes; p++) {
		if (fork())
			continue;
		for (int i = 0; i < adds; i++) {
			char name[32];
			struct quarantine_entry e;
			int err;

			snprintf(name, sizeof(name), "k%d_%d", p, i % 5);
			e = entry(i % 2 ? name : "shared");
			/* Time may run out where the disk is slow. */
			while ((err = quarantine__add(path, &e)) == -EAGAIN)
				;
			if (err)
				_exit(1);
		}
		_exit(0);
	}
	for (int p = 0; p < processes; p++) {
		int status = -1;

		wait(&status);
		CHECK_EQ(status, 0);
	}
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(damaged, 0);
	CHECK_EQ(total, processes * adds);
	CHECK_EQ(num_got, 1 + processes * (adds < 10 ? adds / 2 : 5));
	CHECK(!is_there(".new"));
}

static void add_for_ever(uint64_t *done)
{
	for (int n = 0;; n++) {
		struct quarantine_entry e = entry(n % 2 ? "a" : "b");

		if (!quarantine__add(path, &e))
			++*done;
	}
}

static void kill_it(int times)
{
	uint64_t *done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct quarantine_entry e = entry("a");
	int torn = 0;

	begin();
	CHECK_EQ(quarantine__add(path, &e), 0);
	*done = 1;
	srand(7);
	for (int i = 0; i < times; i++) {
		const struct timespec ts = {.tv_nsec = rand() % 8000000};
		pid_t pid = fork();

		if (!pid)
			add_for_ever(done);
		nanosleep(&ts, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		CHECK_EQ(read_back(), 0);
		CHECK_EQ(damaged, 0);
		/* One may have been written and not been told of. */
		CHECK(total == *done || total == *done + 1);
		torn += is_there(".new");
		*done = total;
	}
	CHECK_EQ(quarantine__add(path, &e), 0);
	CHECK(!is_there(".new"));
	printf("%d kills, %d of them between begin and end of a write, %" PRIu64 " adds\n", times, torn, total);
}

/* Until nothing fits: what was there stays. */
static void full(const char *where)
{
	struct quarantine_entry e = entry("a");
	uint64_t added = 0, left = 0;
	char fill[4096] = {0}, name[4200];
	int err = 0, fd;

	snprintf(path, sizeof(path), "%s/state/quarantine", where);
	for (; !err && added < 100; added++)
		err = quarantine__add(path, &e);
	CHECK_EQ(err, 0);
	snprintf(name, sizeof(name), "%s/fill", where);
	fd = open(name, O_WRONLY | O_CREAT, 0600);
	while (write(fd, fill, sizeof(fill)) > 0)
		left++;
	CHECK(left > 0);
	for (int i = 0; i < 50; i++) {
		snprintf(e.kernel, sizeof(e.kernel), "new%d", i);
		CHECK_EQ(quarantine__add(path, &e), -ENOSPC);
		CHECK_EQ(read_back(), 0);
		CHECK_EQ(total, added);
		CHECK_EQ(damaged, 0);
		CHECK(!is_there(".new"));
	}
	close(fd);
	unlink(name);
	CHECK_EQ(quarantine__add(path, &e), 0);
	CHECK_EQ(read_back(), 0);
	CHECK_EQ(total, added + 1);
}

int main(int argc, char **argv)
{
	folder = t_tmpdir();
	if (argc == 4 && !strcmp(argv[1], "storm")) {
		storm(atoi(argv[2]), atoi(argv[3]));
		END_TESTS;
	}
	if (argc == 3 && !strcmp(argv[1], "kill")) {
		kill_it(atoi(argv[2]));
		END_TESTS;
	}
	if (argc == 3 && !strcmp(argv[1], "full")) {
		full(argv[2]);
		END_TESTS;
	}
	test_text();
	test_by_hand();
	test_random();
	test_add();
	test_kept();
	test_cut();
	test_flipped();
	test_large();
	test_by_others();
	test_owner();
	test_locks();
	storm(3, 12);
	kill_it(20);
	test_path();
	END_TESTS;
}
