// SPDX-License-Identifier: MIT
#include "session.h"
#include "../base/buf.h"

#include <dirent.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

char *session__default_dir(const char *command)
{
	const char *slash = strrchr(command, '/');
	time_t now = time(NULL);
	char when[32], name[65];
	struct tm tm;

	snprintf(name, sizeof(name), "%s", slash && slash[1] ? slash + 1 : command);
	/* Of a process that runs already the name is not one that was typed. */
	for (char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._+-", *c))
			*c = '_';
	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
	return xasprintf("rdna1-trace-%s-%s-%d", name, when, (int)getpid());
}

int session__create(struct session *s, const char **what)
{
	struct stream_meta meta;
	int err;

	*what = "make the directory";
	if (mkdir(s->dir, 0755))
		return -errno;
	*what = "open the directory";
	s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->dir_fd < 0)
		return -errno;
	/* Held while we live: a report made meanwhile says that it is early. */
	flock(s->dir_fd, LOCK_EX | LOCK_NB);
	stream_meta__init(&meta);
	meta.emulated = s->emulated;
	*what = "write the trace's metadata";
	err = stream_dir__create(s->dir_fd, &meta);
	if (err)
		rmdir(s->dir);
	return err;
}

static void remove_files(int dir)
{
	int fd = dup(dir);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	while (d && (de = readdir(d)))
		unlinkat(dir, de->d_name, 0); /* not what is a directory */
	if (d)
		closedir(d);
}

void session__discard(struct session *s)
{
	int ctf = openat(s->dir_fd, "ctf", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (ctf >= 0) {
		remove_files(ctf);
		close(ctf);
	}
	unlinkat(s->dir_fd, "ctf", AT_REMOVEDIR);
	remove_files(s->dir_fd);
	rmdir(s->dir);
}

static void put_environment(json_t *root, char *const *env)
{
	json_t *kept = json_object(), *names = json_array();

	for (char *const *e = env ?: environ; *e; e++) {
		const char *eq = strchr(*e, '=');
		char *name = eq ? strndup(*e, (size_t)(eq - *e)) : NULL;

		if (name && stream_env__keep(*e))
			json_object_set_new(kept, name, value__new_text(eq + 1));
		else if (name)
			json_array_append_new(names, value__new_text(name));
		free(name);
	}
	json_object_set_new(root, "environment", kept);
	json_object_set_new(root, "environment_names", names);
}

static json_t *hooks_of(struct kernel *k)
{
	json_t *list = json_array();
	const struct hook_state *h;

	for (unsigned int i = 0; k && (h = kernel__hook(k, i)); i++) {
		json_t *j =
			json_pack("{s:s, s:b, s:s}", "name", h->name, "on", h->on, "how", h->how);

		if (h->on) {
			json_object_set_new(j, "seen", json_integer((json_int_t)h->seen));
			json_object_set_new(j, "dropped", json_integer((json_int_t)h->dropped));
			if (h->probes)
				json_object_set_new(j, "probes",
						    json_integer((json_int_t)h->probes));
		} else {
			json_object_set_new(j, "needed", json_boolean(h->needed));
			json_object_set_new(j, "reason", value__new_text(h->reason));
		}
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *attached_to(const struct attach *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->list.n; i++) {
		const struct attached *x = &a->list.v[i];
		json_t *j = json_pack("{s:i, s:o, s:I}", "pid", x->pid, "exe",
				      value__new_text(x->exe), "age_ns", (json_int_t)x->age_ns);

		if (x->parent)
			json_object_set_new(j, "parent", json_integer(x->parent));
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *without_agent(const struct session *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->without_agent.n; i++) {
		const struct session_missed *m = &s->without_agent.v[i];
		json_t *j = json_pack("{s:I}", "pid", (json_int_t)m->pid);

		if (m->exe)
			json_object_set_new(j, "exe", value__new_text(m->exe));
		if (m->why)
			json_object_set_new(j, "why", value__new_text(m->why));
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *result_of(int status)
{
	if (WIFSIGNALED(status))
		return json_pack("{s:i}", "signal", WTERMSIG(status));
	return json_pack("{s:i}", "exit", WEXITSTATUS(status));
}

int session__write(const struct session *s, struct kernel *k, const struct session_count *counts,
		   unsigned int num_counts)
{
	json_t *root = json_object(), *argv = json_array(), *list;
	struct utsname u;
	char cwd[4096] = "";
	int fd, err = 0;
	size_t len;
	char *out;

	uname(&u);
	json_object_set_new(root, "writer", json_string("recorder"));
	json_object_set_new(root, "version", json_string(s->version));
	json_object_set_new(root, "format", json_integer(EV_FORMAT));
	if (s->emulated)
		json_object_set_new(root, "emulated_device", json_string(s->emulated_name));
	if (s->emulated_what)
		json_object_set_new(root, "emulated_options", json_string(s->emulated_what));
	for (char *const *a = s->argv; *a; a++)
		json_array_append_new(argv, value__new_text(*a));
	if (s->attach)
		json_object_set_new(root, "attached", attached_to(s->attach));
	else
		json_object_set(root, "command", argv);
	json_decref(argv);
	if (getcwd(cwd, sizeof(cwd)))
		json_object_set_new(root, "directory", value__new_text(cwd));
	if (!s->attach)
		json_object_set_new(root, "pid", json_integer(s->child));
	json_object_set_new(root, "recorder_pid", json_integer(getpid()));
	json_object_set_new(root, "start_unix", json_integer(s->start_unix));
	json_object_set_new(root, "kernel", json_string(u.release));
	json_object_set_new(root, "machine", json_string(u.machine));
	json_object_set_new(root, "sync_seconds", json_integer(s->sync_seconds));
	json_object_set_new(root, "trace", value__new_text(s->trace ? s->trace : ""));
	json_object_set_new(root, "ring_mb", json_integer(s->ring_mb));
	if (s->max_size)
		json_object_set_new(root, "max_size_bytes", json_integer((json_int_t)s->max_size));
	json_object_set_new(root, "hooks", hooks_of(k));
	if (s->facts)
		json_object_set(root, "facts", s->facts);
	if (s->ended) {
		json_object_set_new(root, "end_unix", json_integer(time(NULL)));
		if (!s->attach)
			json_object_set_new(root, "result", result_of(s->wait_status));
		list = json_array();
		for (unsigned int i = 0; i < num_counts; i++)
			json_array_append_new(
				list, json_pack("{s:s, s:I, s:I, s:I}", "source", counts[i].source,
						"seen", (json_int_t)counts[i].seen, "written",
						(json_int_t)counts[i].written, "dropped",
						(json_int_t)counts[i].dropped));
		json_object_set_new(root, "counts", list);
		if (s->without_agent.n)
			json_object_set_new(root, "without_agent", without_agent(s));
	}
	put_environment(root, s->env);

	out = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	if (!out)
		return -ENOMEM;
	fd = openat(s->dir_fd, ".session.json",
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	len = strlen(out);
	if (fd < 0 || write(fd, out, len) != (ssize_t)len || write(fd, "\n", 1) != 1)
		err = errno ? -errno : -EIO;
	if (!err)
		fsync(fd); /* the name must not be on disk before the text */
	if (fd >= 0)
		close(fd);
	if (!err && renameat(s->dir_fd, ".session.json", s->dir_fd, "session.json"))
		err = -errno;
	if (!err)
		fsync(s->dir_fd);
	if (err)
		unlinkat(s->dir_fd, ".session.json", 0);
	free(out);
	return err;
}

struct json_t *session__now(const char *version, struct kernel *k, struct json_t *facts, char *const *env)
{
	json_t *root = json_pack("{s:s, s:s, s:o, s:o}", "writer", "info", "version", version, "hooks",
				 hooks_of(k), "facts", facts);

	put_environment(root, env);
	return root;
}

static int is_agents(const struct dirent *de)
{
	size_t len = strlen(de->d_name);

	return len > 13 && !strncmp(de->d_name, "session.", 8) &&
	       !strcmp(de->d_name + len - 5, ".json");
}

/* session.json, or of agents without a recorder the first session.PID.json. */
static char *session_file(const char *dir)
{
	char *path = xasprintf("%s/session.json", dir);
	struct dirent **names;
	int n = access(path, F_OK) ? scandir(dir, &names, is_agents, alphasort) : -1;

	for (int i = 0; i < n; i++) {
		if (!i) {
			free(path);
			path = xasprintf("%s/%s", dir, names[i]->d_name);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return path;
}

struct json_t *session__read(const char *dir, char *err, size_t size)
{
	char *path = session_file(dir);
	json_t *root = NULL;
	json_error_t bad;
	struct stat st;
	FILE *f = NULL;
	int fd;

	if (stat(dir, &st)) {
		snprintf(err, size, "%s: %s", dir, strerror(errno));
		goto out;
	}
	/* A trace is someone else's: a FIFO would be waited for. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && !fstat(fd, &st) && !S_ISREG(st.st_mode))
		errno = EINVAL;
	else if (fd >= 0)
		f = fdopen(fd, "r");
	if (!f) {
		if (errno == ENOENT || errno == ENOTDIR)
			snprintf(err, size, "%s: not a trace (it has no session.json)", dir);
		else
			snprintf(err, size, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		goto out;
	}
	root = json_loadf(f, 0, &bad);
	fclose(f);
	if (!root) {
		snprintf(err, size, "%s: not JSON (line %d: %s)", path, bad.line, bad.text);
	} else if (!json_string_value(json_object_get(root, "writer"))) {
		snprintf(err, size, "%s: not of rdna1-trace (it has no \"writer\")", path);
		json_decref(root);
		root = NULL;
	}
out:
	free(path);
	return root;
}
