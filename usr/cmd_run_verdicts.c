// SPDX-License-Identifier: MIT
/* After a run with --replace-hazardous: scan what it loaded, so that the next one knows (hsa-tools/isa/verdict.h). */
#include "cmd_run.h"
#include "base/log.h"
#include "../hsa-tools/isa/verdict.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* code-objects/SHA256.co of the trace that have no verdict. */
static void find_unknown(const char *dir, struct buf *paths, int *n)
{
	char *code = xasprintf("%s/code-objects", dir);
	DIR *d = opendir(code);
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		char digest[VERDICT_SHA256 + 1] = "";

		if (strlen(e->d_name) != VERDICT_SHA256 + 3 || strcmp(e->d_name + VERDICT_SHA256, ".co"))
			continue;
		memcpy(digest, e->d_name, VERDICT_SHA256);
		if (verdict__known(digest))
			continue;
		buf__printf(paths, "%s/%s", code, e->d_name);
		buf__putc(paths, 0);
		++*n;
	}
	if (d)
		closedir(d);
	free(code);
}

/* In a child, as the user and in their environment: the cache is theirs. */
static int scan_unknown(struct run *r)
{
	struct buf paths = {0};
	char **argv, *at;
	int n = 0, argc = 0, status;

	signals__restore(r->signals);
	environ = r->sudo.env;
	if (user__raise(&r->user) || user__become(&r->user))
		return 2;
	find_unknown(r->session.dir, &paths, &n);
	if (!n)
		return 0;
	log_info("scanning %d code object%s for --replace-hazardous", n, n == 1 ? "" : "s");
	argv = xcalloc((size_t)n + 3, sizeof(*argv));
	argv[argc++] = xstrdup("scan");
	argv[argc++] = xstrdup("--verdict");
	for (at = paths.s; at < paths.s + paths.len; at += strlen(at) + 1)
		argv[argc++] = at;
	optind = 0; /* getopt begins anew */
	status = cmd_scan(argc, argv);
	if (status)
		log_warn("not all of them could be; rdna1-trace scan %s/code-objects says why", r->session.dir);
	return status;
}

void run__store_verdicts(struct run *r)
{
	pid_t pid;

	if (!run__is_asked(r, "replace-hazardous"))
		return;
	pid = fork();
	if (!pid)
		_exit(scan_unknown(r));
	if (pid < 0)
		log_warn("code objects are not scanned for --replace-hazardous: %s", strerror(errno));
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
