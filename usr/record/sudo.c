// SPDX-License-Identifier: MIT
#include "sudo.h"
#include "../base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Strings of its own, as argv and environ are: v ends with NULL, which n does not count. */
struct strings {
	char **v;
	size_t n;
};

static void add(struct strings *s, const char *text)
{
	s->v = xrealloc(s->v, (s->n + 2) * sizeof(*s->v));
	s->v[s->n++] = xstrdup(text);
	s->v[s->n] = NULL;
}

static void drop(struct strings *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct strings){0};
}

/* /proc/PID/NAME, whose strings end with 0 each. */
static int read_strings(const char *pid, const char *name, struct strings *s)
{
	struct buf b = {0};
	char path[64], part[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, part, sizeof(part))) > 0)
		buf__put(&b, part, (size_t)n);
	if (n < 0)
		n = -errno;
	close(fd);
	s->v = xcalloc(1, sizeof(*s->v));
	for (size_t at = 0; at < b.len; at += strlen(b.s + at) + 1)
		add(s, b.s + at);
	buf__free(&b);
	return (int)n;
}

static size_t name_len(const char *assignment)
{
	return strcspn(assignment, "=");
}

static void set(struct strings *env, const char *assignment)
{
	size_t len = name_len(assignment);

	for (size_t i = 0; i < env->n; i++)
		if (name_len(env->v[i]) == len && !strncmp(env->v[i], assignment, len)) {
			free(env->v[i]);
			env->v[i] = xstrdup(assignment);
			return;
		}
	add(env, assignment);
}

static bool has(char *const *env, const char *assignment)
{
	for (; *env; env++)
		if (!strcmp(*env, assignment))
			return true;
	return false;
}

/* ---- who called us ---- */

struct process {
	char name[32], ppid[16];
	unsigned int euid;
};

static int read_status(const char *pid, struct process *p)
{
	char path[64], line[256];
	int found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		found += sscanf(line, "Name: %31s", p->name) == 1 ||
			 sscanf(line, "PPid: %15s", p->ppid) == 1 ||
			 sscanf(line, "Uid: %*u %u", &p->euid) == 1;
	fclose(f);
	return found == 3 ? 0 : -EINVAL;
}

/*
 * Whether the parent is sudo: the one that was called, or its monitor (use_pty), a fork of it that
 * has the same command line and environment. A script of that name is not: its program is its
 * interpreter. The number comes from /proc, which may be of another PID namespace than we are.
 */
static bool sudo_parent(char pid[16])
{
	struct process us, parent;
	char path[64], exe[4096];
	const char *base;
	ssize_t n;

	if (read_status("self", &us) || read_status(us.ppid, &parent) || parent.euid)
		return false;
	snprintf(path, sizeof(path), "/proc/%s/exe", us.ppid);
	n = readlink(path, exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = 0;
	base = n > 0 ? strrchr(exe, '/') : NULL;
	memcpy(pid, us.ppid, sizeof(us.ppid));
	/* sudo, sudo-rs, sudo.ws; without the right to look (a container), its name. */
	return !strncmp(base ? base + 1 : parent.name, "sudo", 4);
}

/* ---- what stood on sudo's command line ---- */

struct typed {
	struct strings vars; /* NAME=VALUE words */
	size_t command;	     /* index of the first word of the command */
	bool shell;	     /* -s, -i: a shell runs it, with its own idea of an environment */
	bool elsewhere;	     /* -D, -R */
};

static bool is_variable(const struct strings *words, int i)
{
	return words->v[i] && words->v[i][0] != '/' && strchr(words->v[i], '=');
}

/* As sudo 1.9 reads it: options and variables in any order up to "--" or the command. */
static void parse(const struct strings *words, struct typed *t)
{
	static const struct option options[] = {{"auth-type", required_argument, NULL, 'a'},
						{"chdir", required_argument, NULL, 'D'},
						{"chroot", required_argument, NULL, 'R'},
						{"close-from", required_argument, NULL, 'C'},
						{"command-timeout", required_argument, NULL, 'T'},
						{"group", required_argument, NULL, 'g'},
						{"host", required_argument, NULL, 'h'},
						{"login", no_argument, NULL, 'i'},
						{"login-class", required_argument, NULL, 'c'},
						{"other-user", required_argument, NULL, 'U'},
						{"prompt", required_argument, NULL, 'p'},
						{"role", required_argument, NULL, 'r'},
						{"shell", no_argument, NULL, 's'},
						{"type", required_argument, NULL, 't'},
						{"user", required_argument, NULL, 'u'},
						{0}};
	int argc = (int)words->n, c;
	bool ended = false;

	*t = (struct typed){0};
	opterr = 0;
	optind = 0; /* glibc: from the start */
	while (!ended) {
		c = getopt_long(argc, words->v, "+Aa:BbC:c:D:Eeg:Hh::iKklNnPp:R:r:SsT:t:U:u:Vv",
				options, NULL);
		if (c == 's' || c == 'i') {
			t->shell = true;
		} else if (c == 'D' || c == 'R') {
			t->elsewhere = true;
		} else if (c == 'h' && !optarg) {
			/* "-h HOST" with a space */
			if (optind < argc && words->v[optind][0] != '-' &&
			    !is_variable(words, optind))
				optind++;
		} else if (c == -1 && optind < argc && strcmp(words->v[optind - 1], "--") &&
			   is_variable(words, optind)) {
			add(&t->vars, words->v[optind++]);
		} else {
			ended = c == -1;
		}
	}
	t->command = (size_t)optind;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * Whether sudo was told to run us, at once or through a program that takes a command behind its own
 * arguments (env, nice, taskset). What env was given is ours then, too.
 */
static bool runs_us(const struct strings *words, const struct strings *us, struct typed *t)
{
	size_t first;

	if (t->shell || !us->n || t->command + us->n > words->n)
		return false;
	first = words->n - us->n;
	for (size_t i = 1; i < us->n; i++)
		if (strcmp(words->v[first + i], us->v[i]))
			return false;
	if (strcmp(base_name(words->v[first]), base_name(us->v[0])))
		return false;
	for (size_t i = t->command; i < first; i++)
		if (strchr(words->v[i], '=') && has(environ, words->v[i]))
			add(&t->vars, words->v[i]);
	return true;
}

/* ---- the answer ---- */

static int open_cwd(const char *pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/cwd", pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static enum sudo_answer ask(struct sudo *s, struct strings *env)
{
	struct strings words = {0}, us = {0};
	struct typed typed = {0};
	enum sudo_answer answer = SUDO_between;
	char pid[16], still[16];

	if (!sudo_parent(pid))
		return SUDO_between;
	s->error = read_strings(pid, "cmdline", &words);
	if (!s->error)
		s->error = read_strings("self", "cmdline", &us);
	if (!s->error) {
		parse(&words, &typed);
		if (!runs_us(&words, &us, &typed))
			goto out;
		/* What the dynamic linker hides from a set-user-ID program (LD_*) is still in
		 * there. */
		s->error = read_strings(pid, "environ", env);
	}
	if (!s->error && !typed.elsewhere)
		s->cwd = open_cwd(pid);
	/* It waits for us; where it does not any more, the number may be another's. */
	if (!s->error && (!sudo_parent(still) || strcmp(pid, still)))
		s->error = -ESRCH;
	answer = s->error ? SUDO_silent : SUDO_asked;
	for (size_t i = 0; i < typed.vars.n; i++)
		set(env, typed.vars.v[i]);
out:
	drop(&words);
	drop(&us);
	drop(&typed.vars);
	return answer;
}

static void set_value(struct strings *env, const char *name, const char *value)
{
	char *assignment = xasprintf("%s=%s", name, value);

	set(env, assignment);
	free(assignment);
}

/* Ours, with what sudo sets for root. */
static void passed_on(struct strings *env, const struct user *u)
{
	drop(env);
	for (char **e = environ; *e; e++)
		add(env, *e);
	if (!u->name[0])
		return;
	set_value(env, "HOME", u->home);
	set_value(env, "USER", u->name);
	set_value(env, "LOGNAME", u->name);
}

void sudo__ask(struct sudo *s, const struct user *u)
{
	struct strings env = {0};

	*s = (struct sudo){.env = environ, .cwd = -1};
	if (!u->drop)
		return;
	s->answer = ask(s, &env);
	if (s->answer != SUDO_asked)
		passed_on(&env, u);
	if (s->answer == SUDO_silent && s->cwd >= 0) {
		close(s->cwd);
		s->cwd = -1;
	}
	if (env.v)
		s->env = env.v;
}

int sudo__chdir(struct sudo *s)
{
	struct stat here, there;
	int err = 0;

	if (s->cwd < 0)
		return 0;
	/* sudo leaves it as it is, unless runcwd of sudoers says otherwise. */
	if (stat(".", &here) || fstat(s->cwd, &there) || here.st_dev != there.st_dev ||
	    here.st_ino != there.st_ino)
		err = fchdir(s->cwd) ? -errno : 0;
	close(s->cwd);
	s->cwd = -1;
	return err;
}

const char *sudo__getenv(const struct sudo *s, const char *name)
{
	size_t len = strlen(name);

	for (char **e = s->env; *e; e++)
		if (!strncmp(*e, name, len) && (*e)[len] == '=')
			return *e + len + 1;
	return NULL;
}
