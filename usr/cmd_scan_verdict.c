// SPDX-License-Identifier: MIT
/* rdna1-trace scan: verdicts, for who cannot scan: hsa-tools/isa/verdict.h. */
#include "cmd.h"
#include "cmd_scan.h"
#include "../hsa-tools/isa/sha256.h"
#include "../hsa-tools/isa/verdict.h"

#include <inttypes.h>
#include <string.h>

/* A kernel that jumps to an unknown place may come to any function. */
static struct scan_counts of_kernel(const struct scan_object *o, const struct scan_kernel *k)
{
	struct scan_counts c = k->counts;

	for (size_t i = 0; k->counts.indirect && i < o->num_functions; i++)
		for (int h = 0; h < SCAN_NUM_HAZARDS; h++)
			c.hazard[h] += o->kernels[o->num_kernels + i].counts.hazard[h];
	return c;
}

static void put_kernel(struct buf *b, const struct scan_object *o, const struct scan_kernel *k)
{
	struct scan_counts c = of_kernel(o, k);
	uint64_t places = scan_counts__hazards(&c);
	const char *sep = " ";

	/* A name with a line's end in it cannot be asked for. */
	if (strchr(k->name, '\n'))
		return;
	if (!places) {
		if (c.cut)
			buf__printf(b, "uncertain %s\n", k->name);
		return;
	}
	buf__printf(b, "hazard %" PRIu64, places);
	for (int i = 0; i < SCAN_NUM_HAZARDS; i++) {
		if (!c.hazard[i] || i == SCAN_VCMPX_EXEC_WAR_ACO)
			continue;
		buf__printf(b, "%s%s:%" PRIu64, sep, scan_classes[i].id, c.hazard[i]);
		sep = ",";
	}
	buf__printf(b, " %s\n", k->name);
}

int store_verdict(const struct scan_run *r, const struct scan_object *o, const void *data, size_t len)
{
	uint8_t digest[32];
	struct buf b = {0}, hex = {0};
	size_t major, minor;
	int err;

	sha256(data, len, digest);
	buf__hex(&hex, digest, sizeof(digest));
	scan__comgr_version(r->scan, &major, &minor);
	buf__puts(&b, VERDICT_FIRST_LINE);
	buf__printf(&b, "scanner rdna1-trace " RDNA1_VERSION ", comgr %zu.%zu\nisa %s\n", major, minor, o->isa);
	for (size_t i = 0; i < o->num_kernels && !o->native; i++)
		put_kernel(&b, o, &o->kernels[i]);
	buf__puts(&b, VERDICT_LAST_LINE);
	err = verdict__store(buf__str(&hex), buf__str(&b), b.len);
	buf__free(&hex);
	buf__free(&b);
	return err;
}
