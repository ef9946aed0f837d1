// SPDX-License-Identifier: MIT
#include "hsa.h"

#include "../base/le.h"
#include "../../bpf/events.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

const struct name names_mem_kind[] = {{MEM_KIND_pool, "pool"},
				      {MEM_KIND_region, "region"},
				      {MEM_KIND_lock, "locked host memory"},
				      {MEM_KIND_register, "registered host memory"},
				      {MEM_KIND_ipc, "of another process"},
				      {MEM_KIND_interop, "of another API"},
				      {MEM_KIND_reserve, "reserved addresses"},
				      {MEM_KIND_handle, "memory without an address"},
				      {MEM_KIND_map, "mapped to reserved addresses"},
				      {MEM_KIND_svm, "shared virtual memory"},
				      {MEM_KIND_code, "code object"},
				      {MEM_KIND_queue, "queue"},
				      {0, NULL}};
const struct name names_copy_kind[] = {{COPY_KIND_sync, "hsa_memory_copy"},
				       {COPY_KIND_async, "async"},
				       {COPY_KIND_engine, "on an engine"},
				       {COPY_KIND_rect, "rect"},
				       {0, NULL}};
const struct name names_queue_maker[] = {{QUEUE_MAKER_create, "hsa_queue_create"},
					 {QUEUE_MAKER_soft, "hsa_soft_queue_create"},
					 {QUEUE_MAKER_runtime, "the runtime"},
					 {0, NULL}};
const struct name names_queue_read[] = {{QUEUE_READ_doorbell, "at the doorbell"},
					{QUEUE_READ_intercept, "by an intercept queue"},
					{QUEUE_READ_not, "not at all"},
					{QUEUE_READ_front, "in a ring in front of the device's"},
					{0, NULL}};
const struct name names_queue_props[] = {
	{1, "KERNEL_DISPATCH"}, {2, "AGENT_DISPATCH"}, {0, NULL}}; /* hsa_queue_feature_t */
const struct name names_queue_set[] = {{QUEUE_SET_priority, "priority"},
				       {QUEUE_SET_profiling, "profiling"},
				       {QUEUE_SET_cu_mask, "CU mask"},
				       {0, NULL}};
const struct name names_timed_by[] = {
	{TIMED_BY_own, "the application's"}, {TIMED_BY_agent, "the agent's"}, {0, NULL}};
const struct name names_code_stored[] = {{CODE_STORED_yes, "stored"},
					 {CODE_STORED_off, "not asked for"},
					 {CODE_STORED_large, "above the size bound"},
					 {CODE_STORED_failed, "could not be written"},
					 {CODE_STORED_used, "once a kernel of it is dispatched"},
					 {0, NULL}};
const struct name names_policy_kind[] = {{POLICY_KIND_override, "allocation override"},
					 {POLICY_KIND_late_free, "late free"},
					 {POLICY_KIND_replace, "replace rule"},
					 {POLICY_KIND_fallback, "fallback"},
					 {POLICY_KIND_hazardous, "replace hazardous kernels"},
					 {POLICY_KIND_quarantine, "quarantine"},
					 {0}};
const struct name names_policy_state[] = {{POLICY_STATE_on, "in force"},
					  {POLICY_STATE_refused, "refused"},
					  {POLICY_STATE_impossible, "not possible here"},
					  {0}};
const struct name names_kept_phase[] = {
	{KEPT_PHASE_kept, "kept"}, {KEPT_PHASE_given_back, "given back"}, {0}};
const struct name names_steer_action[] = {{STEER_ACTION_file, "replaced by a kernel of the user's"},
					  {STEER_ACTION_native, "replaced by the gfx1010 kernel"},
					  {STEER_ACTION_host, "computed on the host"},
					  {STEER_ACTION_none, "unchanged"},
					  {0}};
const struct name names_steer_why[] = {{STEER_WHY_rule, "--replace"},
				       {STEER_WHY_fallback, "--fallback"},
				       {STEER_WHY_quarantine, "quarantine"},
				       {STEER_WHY_hazard, "--replace-hazardous"},
				       {0}};
const struct name names_steer_passed[] = {
	{STEER_PASSED_no, "no"},
	{STEER_PASSED_arguments, "its arguments are of no problem that can be computed"},
	{STEER_PASSED_size, "workgroup or memory beyond what the other kernel takes"},
	{STEER_PASSED_unread, "its arguments could not be read"},
	{STEER_PASSED_taken, "the device had it already"},
	{STEER_PASSED_memory, "no memory"},
	{STEER_PASSED_queue, "its queue takes no further packets"},
	{0}};
const struct name names_evidence[] = {{EVIDENCE_queue_error, "queue error"},
				      {EVIDENCE_memory_fault, "memory fault"},
				      {EVIDENCE_signal, "signal"},
				      {EVIDENCE_hang, "hang"},
				      {0, NULL}};
const struct name names_dispatch_done[] = {{DISPATCH_DONE_yes, "ended"},
					   {DISPATCH_DONE_no, "not ended"},
					   {DISPATCH_DONE_unknown, "not known"},
					   {0, NULL}};
const struct name names_watch_state[] = {{WATCH_STATE_idle, "idle"},
					 {WATCH_STATE_waiting, "waiting for a host signal"},
					 {WATCH_STATE_compiling, "compiling or searching"},
					 {WATCH_STATE_running, "running long"},
					 {WATCH_STATE_stuck, "no progress"},
					 {0, NULL}};
const struct name names_range_op[] = {{RANGE_OP_push, "push"}, {RANGE_OP_pop, "pop"},
				      {RANGE_OP_mark, "mark"}, {RANGE_OP_start, "start"},
				      {RANGE_OP_stop, "stop"}, {0, NULL}};
const struct name names_export_kind[] = {{EXPORT_KIND_ipc, "IPC"},
					 {EXPORT_KIND_dmabuf, "dma-buf"},
					 {EXPORT_KIND_vmem, "vmem handle"},
					 {0, NULL}};
const struct name names_pointer_state[] = {{POINTER_STATE_inside, "inside"},
					   {POINTER_STATE_nothing, "nothing"},
					   {POINTER_STATE_freed, "freed"},
					   {POINTER_STATE_past_end, "past the end"},
					   {POINTER_STATE_busy, "not asked"},
					   {0, NULL}};
const struct name names_arg_kind[] = {{ARG_KIND_value, "value"},
				      {ARG_KIND_buffer, "buffer"},
				      {ARG_KIND_lds, "LDS"},
				      {ARG_KIND_object, "object"},
				      {ARG_KIND_hidden_pointer, "hidden pointer"},
				      {ARG_KIND_hidden_value, "hidden value"},
				      {ARG_KIND_other, "other"},
				      {0, NULL}};
const struct name names_signal[] = {{SIGHUP, "SIGHUP"},	  {SIGINT, "SIGINT"},
				    {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
				    {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"},
				    {SIGBUS, "SIGBUS"},	  {SIGFPE, "SIGFPE"},
				    {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"},
				    {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
				    {SIGTERM, "SIGTERM"}, {0, NULL}};

/* HSA Runtime Programmer's Reference 1.2, section 2.9. */
void print_aql_packet(struct buf *b, const uint8_t *p)
{
	static const struct name types[] = {{0, "VENDOR_SPECIFIC"},
					    {1, "INVALID"},
					    {2, "KERNEL_DISPATCH"},
					    {3, "BARRIER_AND"},
					    {4, "AGENT_DISPATCH"},
					    {5, "BARRIER_OR"},
					    {0, NULL}};
	uint16_t header = (uint16_t)le(p, 2);

	buf__putc(b, '{');
	names__value(b, types, header & 0xff);
	buf__printf(b, " (header 0x%04x)", header);
	if (header & 0x100)
		buf__puts(b, ", barrier");
	switch (header & 0xff) {
	case 2:
		buf__printf(b,
			    ", grid=%" PRIu64 "x%" PRIu64 "x%" PRIu64 ", workgroup=%" PRIu64
			    "x%" PRIu64 "x%" PRIu64,
			    le(p + 12, 4), le(p + 16, 4), le(p + 20, 4), le(p + 4, 2), le(p + 6, 2),
			    le(p + 8, 2));
		buf__printf(b,
			    ", private=%" PRIu64 ", group=%" PRIu64 ", kernel_object=0x%" PRIx64
			    ", kernarg=0x%" PRIx64,
			    le(p + 24, 4), le(p + 28, 4), le(p + 32, 8), le(p + 40, 8));
		break;
	case 3:
	case 5:
		buf__puts(b, ", dep_signals=[");
		for (int i = 0; i < 5; i++)
			buf__printf(b, i ? ", 0x%" PRIx64 : "0x%" PRIx64, le(p + 8 + 8 * i, 8));
		buf__putc(b, ']');
		break;
	default:
		buf__puts(b, ", raw=");
		buf__hex(b, p + 2, 54);
	}
	buf__printf(b, ", completion_signal=0x%" PRIx64 "}", le(p + 56, 8));
}

void print_pointers(struct buf *b, const uint8_t *data, size_t len)
{
	const char *sep = "";

	buf__putc(b, '[');
	for (; len >= sizeof(struct ev_pointer); len -= sizeof(struct ev_pointer)) {
		struct ev_pointer p;

		memcpy(&p, data, sizeof(p));
		data += sizeof(p);
		buf__printf(b, "%s+%u ", sep, p.at);
		names__value(b, names_pointer_state, p.state);
		if (p.base || p.size) {
			buf__puts(b, " (");
			names__value(b, names_mem_kind, p.kind);
			buf__printf(b, " 0x%" PRIx64 ", %" PRIu64 " bytes)", p.base, p.size);
		}
		sep = ", ";
	}
	if (len) {
		buf__puts(b, sep);
		buf__hex(b, data, len);
	}
	buf__putc(b, ']');
}

void print_kernel_args(struct buf *b, const uint8_t *data, size_t len)
{
	const char *sep = "";

	buf__putc(b, '[');
	for (; len >= sizeof(struct ev_kernel_arg); len -= sizeof(struct ev_kernel_arg)) {
		struct ev_kernel_arg a;

		memcpy(&a, data, sizeof(a));
		data += sizeof(a);
		buf__printf(b, "%s+%u %u ", sep, a.offset, a.size);
		names__value(b, names_arg_kind, a.kind);
		sep = ", ";
	}
	if (len) {
		buf__puts(b, sep);
		buf__hex(b, data, len);
	}
	buf__putc(b, ']');
}
