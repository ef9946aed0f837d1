// SPDX-License-Identifier: MIT
/*
 * LD_PRELOAD: bpf(2) refuses to load the programs named in REFUSE ("raw_tp_fork,raw_tp_exit": names
 * are cut to 15 characters by the kernel), as an older or a locked kernel would. With "uprobe_multi" among
 * them it knows no links of many uprobes, as before Linux 6.6.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UPROBE_MULTI 48 /* linux/bpf.h of Linux 6.6 */

__attribute__((visibility("default"))) long syscall(long number, ...)
{
	static long (*next)(long, ...);
	const char *refuse = getenv("REFUSE");
	union bpf_attr *attr;
	va_list ap;
	long a[6];

	if (!next)
		next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	attr = (union bpf_attr *)a[1];
	if (number == SYS_bpf && refuse && strstr(refuse, "uprobe_multi")) {
		if (a[0] == BPF_PROG_LOAD && attr->expected_attach_type == UPROBE_MULTI)
			attr->expected_attach_type = 0;
		if (a[0] == BPF_LINK_CREATE && attr->link_create.attach_type == UPROBE_MULTI) {
			errno = EINVAL;
			return -1;
		}
	}
	if (number == SYS_bpf && a[0] == BPF_PROG_LOAD && refuse && attr->prog_name[0] &&
	    strstr(refuse, attr->prog_name)) {
		errno = EINVAL;
		return -1;
	}
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
