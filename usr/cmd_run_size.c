// SPDX-License-Identifier: MIT
/* rdna1-trace run --max-size: who may write how much of the trace. */
#include "cmd_run.h"

#define MAX_SIZE_MIN (2u << 20) /* the smallest part is then enough for the recorder's own events  \
				 */

bool run__parse_max_size(struct run *r, const char *text)
{
	ev_u64 bytes;

	if (!stream_limit__parse(text, &bytes) || bytes < MAX_SIZE_MIN)
		return false;
	r->max_size = bytes;
	return true;
}

uint64_t run__part(const struct run *r, enum run_part part)
{
	/* Sixteenths; the sum is one, with both of the emulated device's writers. */
	static const struct {
		unsigned int hardware, emulated, attached;
	} parts[] = {
		[PART_log] = {1, 1, 1},
		[PART_kernel] = {7, 3, 15},
		[PART_agent] = {8, 4, 0},
		[PART_emu] = {0, 4, 0},
	};
	unsigned int n = r->pids.n    ? parts[part].attached
			 : r->emulate ? parts[part].emulated
				      : parts[part].hardware;

	return r->max_size / 16 * n;
}
