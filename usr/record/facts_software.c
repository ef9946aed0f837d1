// SPDX-License-Identifier: MIT
/* ROCm's libraries, MIOpen's databases and the python that would run: found by reading files. */
#include "facts_parts.h"
#include "ld_cache.h"
#include "../base/buf.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PYTHON_ANSWER_MS 5000
#define MAX_ROCM 8

extern char **environ;

/* Libraries that matter here, by the part between "lib" and ".so", and Debian's packages of them. */
static const struct {
	const char *name, *package;
} known[] = {
	{"hsa-runtime64", "libhsa-runtime64-"}, {"amdhip64", "libamdhip64-"}, {"MIOpen", "libmiopen"},
	{"rocblas", "librocblas"},		{"amd_comgr", "libamd-comgr"}, {"hsakmt", "libhsakmt"},
	{"drm_amdgpu", NULL},
};

struct search {
	const struct facts_config *c;
	json_t *list;
	const char *from;
	bool first;		     /* what is found first is what a program gets */
	bool seen[ARRAY_SIZE(known)];
	char *version[ARRAY_SIZE(known)]; /* Debian's, without its revision */
};

const char *facts_getenv(const struct facts_config *c, const char *name)
{
	size_t len = strlen(name);

	for (char *const *e = c->env ?: environ; *e; e++)
		if (!strncmp(*e, name, len) && (*e)[len] == '=')
			return *e + len + 1;
	return NULL;
}

/* ---- which release ---- */

/* "5.2.3" of ".../rocm-5.2.3/lib/..." or of AMD's file names, which end in 50203; NULL. */
static char *release_of_path(const char *path)
{
	const char *dir = strstr(path, "/rocm-"), *dot = strrchr(path, '.');
	unsigned long n;
	char *end;

	if (dir && isdigit((unsigned char)dir[6]))
		return xasprintf("%.*s", (int)strspn(dir + 6, "0123456789."), dir + 6);
	if (!dot || strlen(dot + 1) < 5 || !strstr(path, ".so."))
		return NULL;
	n = strtoul(dot + 1, &end, 10);
	/* HIP's own numbers (5.2.21153) have five digits, too. */
	if (*end || n < 40000 || n > 999999)
		return NULL;
	return xasprintf("%lu.%lu.%lu", n / 10000, n / 100 % 100, n % 100);
}

static bool is_ours(const char *name, size_t *which)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		size_t len = strlen(known[i].name);

		if (!strncmp(name, "lib", 3) && !strncmp(name + 3, known[i].name, len) &&
		    !strncmp(name + 3 + len, ".so", 3)) {
			*which = i;
			return true;
		}
	}
	return false;
}

/* What dpkg has installed; Debian's packages have ROCm's numbers, 5.2.3-6. */
static void read_packages(struct search *s)
{
	char *path = xasprintf("%s/var/lib/dpkg/status", s->c->root), *line = NULL;
	FILE *f = fopen(path, "r");
	size_t size = 0, at = ARRAY_SIZE(known);

	free(path);
	while (f && getline(&line, &size, f) > 0) {
		if (!strncmp(line, "Package: ", 9)) {
			at = ARRAY_SIZE(known);
			for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
				const char *package = known[i].package;
				size_t len = package ? strlen(package) : 0;

				if (len && !strncmp(line + 9, package, len) &&
				    isdigit((unsigned char)line[9 + len]))
					at = i;
			}
		} else if (!strncmp(line, "Version: ", 9) && at < ARRAY_SIZE(known)) {
			free(s->version[at]);
			s->version[at] =
				xasprintf("%.*s", (int)strspn(line + 9, "0123456789."), line + 9);
		}
	}
	free(line);
	if (f)
		fclose(f);
}

/* ---- libraries ---- */

static json_t *find_path(json_t *list, const char *path)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!strcmp(json_string_value(json_object_get(json_array_get(list, i), "path")) ?: "",
			    path))
			return json_array_get(list, i);
	return NULL;
}

/* "gfx1010" of TensileLibrary_gfx1010.dat, Kernels.so-000-gfx1010.hsaco ...: the length, 0 where there is none. */
static size_t chip_in(const char *name, const char **at)
{
	*at = strstr(name, "gfx");
	return *at ? 3 + strspn(*at + 3, "0123456789abcdef") : 0;
}

/* Chips that rocBLAS has kernels for: files beside the library. */
static void put_chips(json_t *o, const char *root, const char *real)
{
	char *dir = xasprintf("%s%.*s/rocblas/library", root, (int)(strrchr(real, '/') - real), real);
	struct dirent **names;
	struct buf b = {0};
	int n = scandir(dir, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		const char *at;
		size_t len = chip_in(names[i]->d_name, &at);
		char word[32];

		snprintf(word, sizeof(word), "%.*s ", (int)len, at ?: "");
		if (len > 5 && len < 10 && !strstr(buf__str(&b), word))
			buf__puts(&b, word);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	if (b.len)
		json_object_set_new(o, "chips", json_stringn(b.s, b.len - 1));
	buf__free(&b);
	free(dir);
}

/* path without root: as the machine's programs see it */
static void add_library(struct search *s, size_t which, const char *path)
{
	char *full = xasprintf("%s%s", s->c->root, path), *real = realpath(full, NULL), *version;
	size_t root = strlen(s->c->root);
	const char *so;
	json_t *o;

	if (!real || find_path(s->list, path))
		goto out;
	if (root && !strncmp(real, s->c->root, root))
		memmove(real, real + root, strlen(real + root) + 1);
	o = json_object();
	json_object_set_new(o, "name", json_string(known[which].name));
	json_object_set_new(o, "path", value__new_text(path));
	json_object_set_new(o, "real_path", value__new_text(real));
	so = strstr(strrchr(real, '/') ?: real, ".so.");
	if (so)
		json_object_set_new(o, "version", value__new_text(so + 4));
	version = release_of_path(real);
	if (!version && s->version[which] && strncmp(real, "/opt/", 5) && strncmp(real, "/usr/local/", 11))
		version = xstrdup(s->version[which]);
	facts_put_text(o, "rocm", version);
	if (!strcmp(known[which].name, "rocblas"))
		put_chips(o, s->c->root, real);
	json_object_set_new(o, "from", json_string(s->from));
	facts_put_bool(o, "first", s->first && !s->seen[which]);
	s->seen[which] |= s->first;
	json_array_append_new(s->list, o);
out:
	free(real);
	free(full);
}

/* Names as a program asks for them: libX.so.5, or libX.so where nothing else is. */
static bool is_asked_for(const char *name)
{
	const char *so = strstr(name, ".so");

	return so && (!so[3] || (so[3] == '.' && strspn(so + 4, "0123456789") == strlen(so + 4)));
}

static int by_version(const struct dirent **a, const struct dirent **b)
{
	/* libX.so.5 before libX.so */
	return -strcmp((*a)->d_name, (*b)->d_name);
}

static void search_directory(struct search *s, const char *dir)
{
	char *full = xasprintf("%s%s", s->c->root, dir);
	struct dirent **names;
	bool found[ARRAY_SIZE(known)] = {false};
	int n = scandir(full, &names, NULL, by_version);

	free(full);
	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;
		size_t which;

		if (is_ours(name, &which) && is_asked_for(name) && !found[which]) {
			char *path = xasprintf("%s/%s", dir, name);

			found[which] = true;
			add_library(s, which, path);
			free(path);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static void one_of_cache(const char *path, void *arg)
{
	const char *name = strrchr(path, '/');
	struct search *s = arg;
	size_t which;

	if (name && is_ours(name + 1, &which) && is_asked_for(name + 1) && name[1] &&
	    strcmp(strstr(name, ".so"), ".so"))
		add_library(s, which, path);
}

static void search_list(struct search *s, const char *list)
{
	char *dirs = xstrdup(list ?: ""), *save = NULL;

	for (char *dir = strtok_r(dirs, ":;", &save); dir; dir = strtok_r(NULL, ":;", &save)) {
		size_t len = strlen(dir);

		while (len > 1 && dir[len - 1] == '/')
			dir[--len] = 0;
		search_directory(s, dir);
	}
	free(dirs);
}

/* ---- /opt/rocm* ---- */

static int is_rocm(const struct dirent *de)
{
	return !strcmp(de->d_name, "rocm") ||
	       (!strncmp(de->d_name, "rocm-", 5) && isdigit((unsigned char)de->d_name[5]));
}

static json_t *releases(struct search *s)
{
	char *opt = xasprintf("%s/opt", s->c->root);
	json_t *list = json_array();
	struct dirent **names;
	int n = scandir(opt, &names, is_rocm, alphasort);

	for (int i = 0; i < n; i++) {
		char *dir = xasprintf("/opt/%s", names[i]->d_name);
		char *lib = xasprintf("%s/lib", dir), *full = xasprintf("%s%s", s->c->root, dir);
		json_t *o = json_object();
		char link[256];
		ssize_t len = readlink(full, link, sizeof(link) - 1);

		json_object_set_new(o, "path", value__new_text(dir));
		facts_put_text(o, "version", facts_read(s->c->root, "%s/.info/version", dir));
		if (len > 0) {
			link[len] = 0;
			json_object_set_new(o, "link", value__new_text(link));
		}
		if (i < MAX_ROCM)
			search_directory(s, lib);
		json_array_append_new(list, o);
		free(full);
		free(lib);
		free(dir);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	free(opt);
	return list;
}

/* ---- MIOpen's databases ---- */

static int is_database(const struct dirent *de)
{
	const char *end = strrchr(de->d_name, '.');

	return end && (!strcmp(end, ".kdb") || !strcmp(end, ".db") || !strcmp(end, ".txt"));
}

static void add_databases(json_t *list, json_t *dirs, const char *root, const char *dir, const char *from)
{
	char *full = xasprintf("%s%s", root, dir);
	struct dirent **names;
	int n = scandir(full, &names, is_database, alphasort);

	for (size_t i = 0; n >= 0 && i < json_array_size(dirs); i++)
		if (!strcmp(json_string_value(json_array_get(dirs, i)) ?: "", dir)) {
			while (n > 0)
				free(names[--n]);
			free(names);
			n = -1;
		}
	if (n >= 0)
		json_array_append_new(dirs, value__new_text(dir));
	for (int i = 0; i < n; i++) {
		char *path = xasprintf("%s/%s", dir, names[i]->d_name);
		json_t *o = json_object();

		json_object_set_new(o, "name", value__new_text(names[i]->d_name));
		json_object_set_new(o, "path", value__new_text(path));
		json_object_set_new(o, "from", json_string(from));
		json_array_append_new(list, o);
		free(path);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	free(full);
}

/* Where MIOpen looks: share/miopen/db beside its library (MIOpen db_path.cpp), or where it is told. */
static void databases(const struct facts_config *c, json_t *o, const json_t *libraries)
{
	json_t *list = json_array(), *dirs = json_array();
	const char *told = facts_getenv(c, "MIOPEN_SYSTEM_DB_PATH");
	static const char *const below[] = {"../share/miopen/db", "../miopen/share/miopen/db",
					    "../../share/miopen/db"};

	if (told)
		add_databases(list, dirs, c->root, told, "MIOPEN_SYSTEM_DB_PATH");
	for (size_t i = 0; i < json_array_size(libraries); i++) {
		const json_t *lib = json_array_get(libraries, i);
		const char *real = json_string_value(json_object_get(lib, "real_path"));

		if (!real || strcmp(json_string_value(json_object_get(lib, "name")), "MIOpen"))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(below); k++) {
			char *dir = xasprintf("%s%.*s/%s", c->root, (int)(strrchr(real, '/') - real), real,
					      below[k]);
			char *at = realpath(dir, NULL);

			if (at && !strncmp(at, c->root, strlen(c->root)))
				add_databases(list, dirs, c->root, at + strlen(c->root),
					      json_string_value(json_object_get(lib, "from")));
			free(at);
			free(dir);
		}
	}
	json_object_set_new(o, "databases", list);
	json_object_set_new(o, "database_directories", dirs);
}

/* ---- python ---- */

/* The first python3 of PATH; to be freed. */
static char *find_python(const struct facts_config *c)
{
	const char *venv = facts_getenv(c, "VIRTUAL_ENV"), *path = facts_getenv(c, "PATH");
	char *list = xasprintf("%s%s%s", venv ?: "", venv ? "/bin:" : "", path ?: "/usr/local/bin:/usr/bin:/bin");
	char *save = NULL, *found = NULL;

	for (char *dir = strtok_r(list, ":", &save); dir && !found; dir = strtok_r(NULL, ":", &save)) {
		char *file = xasprintf("%s%s/python3", c->root, dir);

		if (!access(file, X_OK))
			found = xasprintf("%s/python3", dir);
		free(file);
	}
	free(list);
	return found;
}

/* What stands behind "name = " in a file of such lines. */
static char *setting(const char *text, const char *name)
{
	size_t len = strlen(name);

	while (text && *text) {
		const char *line = text;
		size_t n = strcspn(text, "\n");

		text += n + (text[n] == '\n');
		if (strncmp(line, name, len) || (line[len] != ' ' && line[len] != '=' && line[len] != ':'))
			continue;
		line = memchr(line, '=', n);
		if (!line)
			continue;
		line += 1 + strspn(line + 1, " '\"");
		return xasprintf("%.*s", (int)strcspn(line, "'\"\r\n"), line);
	}
	return NULL;
}

static bool put_torch(const struct facts_config *c, json_t *o, const char *dir)
{
	char *text = facts_read(c->root, "%s/torch/version.py", dir), *hip;

	if (!text)
		return false;
	facts_put_text(o, "torch", setting(text, "__version__"));
	hip = setting(text, "hip");
	if (hip && strcmp(hip, "None"))
		facts_put_text(o, "torch_hip", xstrdup(hip));
	free(hip);
	facts_put_text(o, "torch_path", xasprintf("%s/torch", dir));
	free(text);
	return true;
}

/* "1.26.4" of numpy-1.26.4.dist-info or numpy-1.24.2.egg-info */
static bool put_numpy(const struct facts_config *c, json_t *o, const char *dir)
{
	char *full = xasprintf("%s%s", c->root, dir);
	DIR *d = opendir(full);
	struct dirent *de;
	bool found = false;

	free(full);
	while (d && !found && (de = readdir(d))) {
		const char *end = strstr(de->d_name, ".dist-info") ?: strstr(de->d_name, ".egg-info");

		found = end && !strncmp(de->d_name, "numpy-", 6) && end > de->d_name + 6;
		if (found)
			facts_put_text(o, "numpy", xasprintf("%.*s", (int)(end - de->d_name - 6), de->d_name + 6));
	}
	if (d)
		closedir(d);
	return found;
}

/* One directory of sys.path after the other: the first that has it is what is imported. */
static void put_packages(const struct facts_config *c, json_t *o, const char *dir)
{
	if (!json_object_get(o, "torch"))
		put_torch(c, o, dir);
	if (!json_object_get(o, "numpy"))
		put_numpy(c, o, dir);
}

/*
 * sys.version and sys.path, one line each, of the python itself: not where we are root and it is
 * another user's file. NULL when it does not answer.
 */
static char *ask_python(const char *path, char *const *env)
{
	static const char program[] = "import sys\nprint('\\n'.join([sys.version.split()[0]] + sys.path))";
	char *const argv[] = {(char *)path, "-B", "-c", (char *)program, NULL};
	struct pollfd p = {.events = POLLIN};
	char *text = xcalloc(1, 65536);
	size_t n = 0;
	struct stat st;
	int ends[2], status = 0;
	pid_t child;

	if (stat(path, &st) || (!geteuid() && st.st_uid) || pipe2(ends, O_CLOEXEC)) {
		free(text);
		return NULL;
	}
	child = fork();
	if (!child) {
		int null = open("/dev/null", O_RDWR);

		/* As the user for good, where root is only lowered. */
		if (geteuid() && (setresgid(getegid(), getegid(), getegid()) || setresuid(geteuid(), geteuid(), geteuid())))
			_exit(127);
		dup2(null, 0);
		dup2(ends[1], 1);
		dup2(null, 2);
		execve(path, argv, (char **)env);
		_exit(127);
	}
	close(ends[1]);
	p.fd = ends[0];
	while (child > 0 && n < 65535 && poll(&p, 1, PYTHON_ANSWER_MS) == 1) {
		ssize_t got = read(ends[0], text + n, 65535 - n);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	close(ends[0]);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
	}
	if (isdigit((unsigned char)text[0]))
		return text;
	free(text);
	return NULL;
}

static void by_answer(const struct facts_config *c, json_t *o, char *text)
{
	char *save = NULL, *line = strtok_r(text, "\n", &save);

	json_object_set_new(o, "version", value__new_text(line));
	while ((line = strtok_r(NULL, "\n", &save)))
		put_packages(c, o, line);
	facts_put_bool(o, "asked", true);
}

static void library_directories(const struct facts_config *c, json_t *o, const char *prefix, const char *version)
{
	static const char *const kinds[] = {"lib/python%s/site-packages", "local/lib/python%s/dist-packages",
					    "lib/python3/dist-packages"};
	const char *home = facts_getenv(c, "HOME");
	int len = version ? (int)strcspn(version, ".") : 0;
	char *minor, *dir;

	if (!version)
		return;
	if (version[len] == '.')
		len += 1 + (int)strspn(version + len + 1, "0123456789");
	minor = xasprintf("%.*s", len, version);
	if (home && !strcmp(prefix, "/usr")) {
		dir = xasprintf("%s/.local/lib/python%s/site-packages", home, minor);
		put_packages(c, o, dir);
		free(dir);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *at = strstr(kinds[i], "%s");

		dir = at ? xasprintf("%s/%.*s%s%s", prefix, (int)(at - kinds[i]), kinds[i], minor, at + 2)
			 : xasprintf("%s/%s", prefix, kinds[i]);
		put_packages(c, o, dir);
		free(dir);
	}
	free(minor);
}

/* By files alone: of a virtual environment and of a python in PREFIX/bin. */
static void by_files(const struct facts_config *c, json_t *o, const char *path)
{
	char *prefix = xasprintf("%.*s", (int)(strlen(path) - strlen("/bin/python3")), path);
	char *cfg = facts_read(c->root, "%s/pyvenv.cfg", prefix);
	char *version = setting(cfg, "version") ?: setting(cfg, "version_info");
	char *full = xasprintf("%s%s", c->root, path), *real = realpath(full, NULL);
	const char *name = real ? strrchr(real, '/') : NULL;

	if (!version && name && !strncmp(name, "/python3.", 9))
		version = xstrdup(name + 7);
	if (version)
		json_object_set_new(o, "version", value__new_text(version));
	library_directories(c, o, prefix, version);
	if (cfg && version && strstr(cfg, "include-system-site-packages = true"))
		library_directories(c, o, "/usr", version);
	free(real);
	free(full);
	free(version);
	free(cfg);
	free(prefix);
}

/* "python3.10 python3.12", as PATH has them. */
static void put_others(const struct facts_config *c, json_t *o)
{
	char *list = xstrdup(facts_getenv(c, "PATH") ?: "/usr/local/bin:/usr/bin:/bin"), *save = NULL;
	struct buf b = {0};

	for (char *dir = strtok_r(list, ":", &save); dir; dir = strtok_r(NULL, ":", &save))
		for (int minor = 6; minor < 20; minor++) {
			char *file = xasprintf("%s%s/python3.%d", c->root, dir, minor), *word = xasprintf("python3.%d ", minor);

			if (!access(file, X_OK) && !strstr(buf__str(&b), word))
				buf__puts(&b, word);
			free(word);
			free(file);
		}
	if (b.len)
		json_object_set_new(o, "others", json_stringn(b.s, b.len - 1));
	buf__free(&b);
	free(list);
}

static json_t *python(const struct facts_config *c)
{
	const char *venv = facts_getenv(c, "VIRTUAL_ENV");
	char *path = find_python(c), *answer;
	json_t *o = json_object();

	if (venv)
		json_object_set_new(o, "venv", value__new_text(venv));
	put_others(c, o);
	if (!path)
		return o;
	json_object_set_new(o, "path", value__new_text(path));
	answer = c->ask_python && !c->root[0] ? ask_python(path, c->env ?: environ) : NULL;
	if (answer)
		by_answer(c, o, answer);
	else if (strlen(path) > strlen("/bin/python3"))
		by_files(c, o, path);
	free(answer);
	free(path);
	return o;
}

/* ---- all ---- */

json_t *facts_software(const struct facts_config *c)
{
	struct search s = {.c = c, .list = json_array(), .from = "LD_LIBRARY_PATH", .first = true};
	json_t *o = json_object(), *py;
	const char *torch;

	read_packages(&s);
	search_list(&s, facts_getenv(c, "LD_LIBRARY_PATH"));
	s.from = "ld cache";
	ld_cache__file(c->root, one_of_cache, &s);
	s.from = "rocm";
	s.first = false;
	json_object_set_new(o, "rocm", releases(&s));
	py = python(c);
	torch = json_string_value(json_object_get(py, "torch_path"));
	if (torch) {
		char *lib = xasprintf("%s/lib", torch);

		s.from = "torch";
		search_directory(&s, lib);
		free(lib);
	}
	json_object_set_new(o, "python", py);
	databases(c, o, s.list);
	json_object_set_new(o, "libraries", s.list);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		free(s.version[i]);
	return o;
}
