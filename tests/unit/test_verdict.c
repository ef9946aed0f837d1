// SPDX-License-Identifier: MIT
/* Verdicts: what is stored is found, what is damaged is none; the scanner runs beside us and leaves no trace. */
#include "t.h"
#include "../../hsa-tools/isa/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char dir[] = "/tmp/test_verdict.XXXXXX";

static void put_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	CHECK(f != NULL);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

static void test_path(void)
{
	char path[4096], want[4096];

	setenv("XDG_CACHE_HOME", "/x/y", 1);
	setenv("HOME", "/home/z", 1);
	CHECK_EQ(verdict__path(A, path, sizeof(path)), 0);
	CHECK_STR(path, "/x/y/rdna1-trace/verdicts/" A);
	CHECK_EQ(verdict__path(A, path, 30), -ENAMETOOLONG);
	setenv("XDG_CACHE_HOME", "relative", 1);
	CHECK_EQ(verdict__path(A, path, sizeof(path)), 0);
	CHECK_STR(path, "/home/z/.cache/rdna1-trace/verdicts/" A);
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	CHECK_EQ(verdict__path(A, path, sizeof(path)), -ENOENT);
	CHECK_EQ(verdict__path("../../etc/passwd", path, sizeof(path)), -EINVAL);
	CHECK_EQ(verdict__path("", path, sizeof(path)), -EINVAL);
	snprintf(want, sizeof(want), "%s/deep/cache", dir);
	setenv("XDG_CACHE_HOME", want, 1);
}

static void test_store(void)
{
	static const char text[] = VERDICT_FIRST_LINE "scanner x\nisa gfx1030\n"
						      "hazard 3 vcmpx-exec-war:2,offset-3f:1 conv<int, 3>\n"
						      "hazard 1 flat-offset:1 conv\nuncertain tangled\n" VERDICT_LAST_LINE;
	char classes[64], path[4096];

	CHECK_EQ(verdict__find(A, "conv", classes, sizeof(classes)), -ENOENT);
	CHECK(!verdict__known(A));
	CHECK_EQ(verdict__store(A, text, strlen(text)), 0);
	CHECK_EQ(verdict__store(A, text, strlen(text)), 0); /* again */
	CHECK(verdict__known(A));
	CHECK_EQ(verdict__find(A, "conv", classes, sizeof(classes)), 1);
	CHECK_STR(classes, "flat-offset:1");
	CHECK_EQ(verdict__find(A, "conv.kd", NULL, 0), 1);
	CHECK_EQ(verdict__find(A, "conv<int, 3>.kd", classes, 8), 1);
	CHECK_STR(classes, "vcmpx-e");
	CHECK_EQ(verdict__find(A, "con", NULL, 0), 0);
	CHECK_EQ(verdict__find(A, "other", NULL, 0), 0);
	CHECK_EQ(verdict__find(A, "tangled", NULL, 0), -ENOENT);
	CHECK_EQ(verdict__store("nonsense", text, strlen(text)), -EINVAL);
	/* Cut off, of another version, empty. */
	CHECK_EQ(verdict__store(B, text, strlen(text) - 1), 0);
	CHECK_EQ(verdict__find(B, "conv", NULL, 0), -ENOENT);
	CHECK_EQ(verdict__store(B, "rdna1-trace verdict 2\nend\n", 26), 0);
	CHECK_EQ(verdict__find(B, "conv", NULL, 0), -ENOENT);
	CHECK_EQ(verdict__store(B, "", 0), 0);
	CHECK(!verdict__known(B));
	CHECK_EQ(verdict__store(B, VERDICT_FIRST_LINE VERDICT_LAST_LINE, strlen(VERDICT_FIRST_LINE VERDICT_LAST_LINE)), 0);
	CHECK(verdict__known(B));
	CHECK_EQ(verdict__find(B, "conv", NULL, 0), 0);
	/* Where no directory can be. */
	snprintf(path, sizeof(path), "%s/file", dir);
	put_file(path, "", 0600);
	setenv("XDG_CACHE_HOME", path, 1);
	CHECK_EQ(verdict__store(A, text, strlen(text)), -ENOTDIR);
}

/* ---- asking ---- */

static int children; /* SIGCHLD, and other handlers */

static void on_signal(int signo)
{
	(void)signo;
	children++;
}

static char script[4096], said[4096];

static int ask(const char *body, unsigned int timeout_ms)
{
	char text[4096];

	snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", body);
	put_file(script, text, 0700);
	unlink(said);
	return verdict__ask(script, said, timeout_ms);
}

static char *read_said(void)
{
	static char text[8192];
	FILE *f = fopen(said, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = 0;
	if (f)
		fclose(f);
	return text;
}

static void test_ask(void)
{
	struct timespec from, to;
	int fds[2], status;
	char byte;

	snprintf(script, sizeof(script), "%s/scanner", dir);
	snprintf(said, sizeof(said), "%s/said", dir);
	signal(SIGCHLD, on_signal);
	signal(SIGUSR1, on_signal);
	CHECK_EQ(ask("echo \"$0 $1 $2 $3\" > \"$3\"", 10000), 0);
	CHECK(strstr(read_said(), "scanner scan --verdict "));
	CHECK_EQ(ask("exit 2", 10000), -EIO);
	CHECK_EQ(ask("kill -9 $$", 10000), -EIO);
	CHECK_EQ(verdict__ask("/nowhere/at/all", said, 10000), -ENOEXEC);
	/* Nothing of ours is in it. */
	setenv("LD_PRELOAD", "", 1);
	setenv("HSA_TOOLS_LIB", "/some/where.so", 1);
	setenv("OF_THE_USER", "kept", 1);
	CHECK(!pipe(fds));
	CHECK_EQ(ask("env > \"$3\"; ls -l /proc/$$/fd >> \"$3\"; grep -E 'Sig(Blk|Cgt)' /proc/self/status >> \"$3\"", 10000), 0);
	CHECK(strstr(read_said(), "OF_THE_USER=kept") && !strstr(read_said(), "LD_PRELOAD") &&
	      !strstr(read_said(), "HSA_TOOLS_LIB") && !strstr(read_said(), "pipe:"));
	CHECK(strstr(read_said(), "SigBlk:\t0000000000000000"));
	CHECK_EQ(ask("sleep 60", 100), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &from);
	CHECK_EQ(ask("exec sleep 60", 200), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &to);
	CHECK(to.tv_sec - from.tv_sec < 5);
	/* Our descriptors are as they were, and nobody else holds them. */
	close(fds[1]);
	CHECK_EQ(read(fds[0], &byte, 1), 0);
	close(fds[0]);
	CHECK_EQ(children, 0);
	CHECK(waitpid(-1, &status, WNOHANG) == -1 && errno == ECHILD);
	CHECK(waitpid(-1, &status, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

/* From many threads, while signals come. */
static void *ask_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++)
		CHECK_EQ(verdict__ask("/bin/true", said, 20000), 0);
	return NULL;
}

static void test_threads(void)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, ask_often, NULL));
	for (int i = 0; i < 100; i++) {
		kill(getpid(), SIGUSR1);
		usleep(1000);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK(children > 0); /* SIGUSR1 alone */
	CHECK(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

int main(void)
{
	char command[128];

	CHECK(mkdtemp(dir) != NULL);
	test_path();
	test_store();
	test_ask();
	test_threads();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK_EQ(system(command), 0);
	END_TESTS;
}
