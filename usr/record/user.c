// SPDX-License-Identifier: MIT
#include "user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool env_id(const char *name, unsigned int *id)
{
	const char *text = getenv(name);
	char *end;

	if (!text || !text[0])
		return false;
	*id = (unsigned int)strtoul(text, &end, 10);
	return !*end;
}

void user__find(struct user *u, bool as_root)
{
	unsigned int uid, gid;
	struct passwd *pw;

	memset(u, 0, sizeof(*u));
	u->uid = geteuid();
	u->gid = getegid();
	if (geteuid() || as_root || !env_id("SUDO_UID", &uid) || !env_id("SUDO_GID", &gid) || !uid)
		return;
	u->drop = true;
	u->uid = uid;
	u->gid = gid;
	pw = getpwuid(uid);
	if (pw)
		snprintf(u->name, sizeof(u->name), "%s", pw->pw_name);
}

int user__lower(const struct user *u)
{
	if (!u->drop)
		return 0;
	return setegid(u->gid) || seteuid(u->uid) ? -errno : 0;
}

int user__raise(const struct user *u)
{
	if (!u->drop)
		return 0;
	return seteuid(0) || setegid(0) ? -errno : 0;
}

int user__become(const struct user *u)
{
	int err;

	if (!u->drop)
		return 0;
	err = u->name[0] ? initgroups(u->name, u->gid) : setgroups(1, &u->gid);
	if (err || setresgid(u->gid, u->gid, u->gid) || setresuid(u->uid, u->uid, u->uid))
		return -errno;
	return 0;
}
