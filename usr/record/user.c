// SPDX-License-Identifier: MIT
#include "user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
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
	u->groups[0] = gid;
	u->num_groups = 1;
	u->num_ours = getgroups(64, u->ours);
	if (u->num_ours < 0)
		u->num_ours = 0;
	pw = getpwuid(uid);
	if (!pw)
		return;
	snprintf(u->name, sizeof(u->name), "%s", pw->pw_name);
	snprintf(u->home, sizeof(u->home), "%s", pw->pw_dir);
	u->num_groups = 64;
	if (getgrouplist(u->name, gid, u->groups, &u->num_groups) < 0)
		u->num_groups = 64; /* the first of them */
}

int user__lower(const struct user *u)
{
	if (!u->drop)
		return 0;
	return setgroups((size_t)u->num_groups, u->groups) || setegid(u->gid) || seteuid(u->uid)
		       ? -errno
		       : 0;
}

int user__raise(const struct user *u)
{
	if (!u->drop)
		return 0;
	return seteuid(0) || setegid(0) || setgroups((size_t)u->num_ours, u->ours) ? -errno : 0;
}

void user__own_files(const struct user *u)
{
	if (!u->drop)
		return;
	setfsgid(u->gid);
	setfsuid(u->uid);
}

int user__become(const struct user *u)
{
	if (!u->drop)
		return 0;
	return setgroups((size_t)u->num_groups, u->groups) || setresgid(u->gid, u->gid, u->gid) ||
			       setresuid(u->uid, u->uid, u->uid)
		       ? -errno
		       : 0;
}
