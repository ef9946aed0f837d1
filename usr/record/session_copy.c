// SPDX-License-Identifier: MIT
#include "session_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#define SESSION_BYTES_MAX (16u << 20)

static int write_minimal(int to, const struct recovered *r, const char *version)
{
	json_t *root = json_pack("{s:s, s:s, s:i, s:b}", "writer", "recover", "version", version,
				 "format", EV_FORMAT, "recovered", 1);
	char *out;
	int err;

	if (r->emulated)
		json_object_set_new(root, "emulated_device", json_string(r->device ? r->device : "not known"));
	if (r->command)
		json_object_set_new(root, "command_line", json_string(r->command));
	out = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	if (!out)
		return -ENOMEM;
	err = write_new(to, "session.json", out, strlen(out));
	free(out);
	return err;
}

static bool is_session(const char *name)
{
	size_t len = strlen(name);

	return !strncmp(name, "session.", 8) && len >= strlen("session.json") &&
	       !strcmp(name + len - 5, ".json");
}

int session__copy(int from, int to, const struct recovered *r, const char *version,
		  unsigned int *damaged)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0, unread;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	unsigned int copied = 0;
	struct dirent *de;
	json_t *root;
	size_t len;
	char *data;

	*damaged = 0;
	while (!err && d && (de = readdir(d))) {
		if (!is_session(de->d_name))
			continue;
		data = read_whole(from, de->d_name, SESSION_BYTES_MAX, &len, &unread);
		root = data ? json_loadb(data, len, 0, NULL) : NULL;
		if (json_is_object(root)) {
			err = write_new(to, de->d_name, data, len);
			copied++;
		} else {
			++*damaged;
		}
		json_decref(root);
		free(data);
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return err || copied ? err : write_minimal(to, r, version);
}
