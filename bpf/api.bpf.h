/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls of libraries by uprobes, at their entry and their return; which call it is, the cookie
 * says. And the mapping of libraries, so that the recorder can put the probes in. Part of
 * rdna1.bpf.c.
 */
#ifndef RDNA1_API_BPF_H
#define RDNA1_API_BPF_H

#include "ioctl.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, API_ROWS);
	__type(key, __u32);
	__type(value, struct api_row);
} api_rows SEC(".maps");

/* A call that never returns (longjmp, a thread that ends) must not keep others out. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, API_FLIGHT_MAX);
	__type(key, struct api_key);
	__type(value, struct api_flight);
} api_flights SEC(".maps");

const struct api_flight no_flight;

struct EV_PACKED api_record {
	struct krec rec;
	struct ev_api_call e;
	__u64 args[API_ARGS];
	__u8 copy[API_COPIES][API_COPY_MAX];
};

static __always_inline struct api_row *api_row(__u32 call)
{
	return bpf_map_lookup_elem(&api_rows, &call);
}

static __always_inline void api_enter(struct pt_regs *regs, enum hook hook, __u64 cookie)
{
	__u32 pid = current_pid(), call = (__u32)cookie, more;
	struct api_key key = {.sp = BPF_CORE_READ(regs, sp) + 8, .call = call};
	struct api_row *row = api_row(call);
	struct api_flight *f;

	if (!pid || !row || stopped)
		return;
	key.tid = (__u32)bpf_get_current_pid_tgid();
	/* Two files of an overlay may be one underneath, where the probes of both are: this is the same hit. */
	f = bpf_map_lookup_elem(&api_flights, &key);
	if (f && f->ip == BPF_CORE_READ(regs, ip) && f->file != (__u32)(cookie >> 32))
		return;
	__sync_fetch_and_add(&entered[hook], 1);
	if (bpf_map_update_elem(&api_flights, &key, &no_flight, BPF_ANY))
		return;
	f = bpf_map_lookup_elem(&api_flights, &key);
	if (!f)
		return;
	f->pid = pid;
	f->tid = current_number();
	f->tgid = current_tgid();
	f->ip = BPF_CORE_READ(regs, ip);
	f->file = (__u32)(cookie >> 32);
	f->args[0] = BPF_CORE_READ(regs, di);
	f->args[1] = BPF_CORE_READ(regs, si);
	f->args[2] = BPF_CORE_READ(regs, dx);
	f->args[3] = BPF_CORE_READ(regs, cx);
	f->args[4] = BPF_CORE_READ(regs, r8);
	f->args[5] = BPF_CORE_READ(regs, r9);
	if (row->num_args > 6) {
		more = (row->num_args - 6u) * 8;
		if (more > sizeof(f->args) - 48)
			more = sizeof(f->args) - 48;
		bpf_probe_read_user(f->args + 6, more, (void *)key.sp);
	}
	f->ts = bpf_ktime_get_ns();
}

static __always_inline void api_unread(struct api_record *r, __u64 bytes)
{
	bytes += r->e.unread;
	r->e.unread = bytes > 0xffff ? 0xffff : bytes;
}

static __always_inline void api_copy(struct api_record *r, struct api_flight *f,
				     struct api_row *row, int i)
{
	__u32 arg = row->copy[i].arg, count = row->copy[i].count;
	__u64 len = row->copy[i].elem;
	long n;

	r->rec.blob_slot[1 + i] = API_COPY_MAX;
	if (!arg-- || arg >= API_ARGS || !f->args[arg])
		return;
	if (!len) {
		n = bpf_probe_read_user_str(r->copy[i], API_COPY_MAX, (void *)f->args[arg]);
		r->rec.blob_len[1 + i] = n > 1 ? n - 1 : 0;
		return;
	}
	if (count-- && count < API_ARGS)
		len *= (__u32)f->args[count];
	if (len > API_COPY_MAX)
		api_unread(r, len - API_COPY_MAX);
	/* The verifier must see the bound where the compiler would know it. */
	asm volatile("" : "+r"(len));
	if (len > API_COPY_MAX)
		len = API_COPY_MAX;
	if (!len)
		return;
	if (bpf_probe_read_user(r->copy[i], len, (void *)f->args[arg]))
		api_unread(r, len);
	else
		r->rec.blob_len[1 + i] = len;
}

static __always_inline void api_leave(struct pt_regs *regs, enum hook hook, __u64 cookie)
{
	__u32 call = (__u32)cookie;
	struct api_key key = {.sp = BPF_CORE_READ(regs, sp), .call = call};
	struct api_row *row = api_row(call);
	struct api_flight *f;
	struct api_record *r;

	key.tid = (__u32)bpf_get_current_pid_tgid();
	f = stopped ? 0 : bpf_map_lookup_elem(&api_flights, &key);
	if (!f || !row)
		return;
	__sync_fetch_and_add(&returned[hook], 1);
	r = reserve(hook, sizeof(*r));
	if (r) {
		fill_head(&r->rec, hook, EV_api_call, sizeof(r->e));
		r->rec.num_blobs = 1 + API_COPIES;
		r->rec.blob_slot[0] = sizeof(r->args);
		r->rec.blob_len[0] = row->num_args * 8;
		r->e.pid = f->pid;
		r->e.begin_dt = since(f->ts, r->rec.head.timestamp);
		r->e.call = call;
		r->e.returned = 1;
		r->e.ret = BPF_CORE_READ(regs, ax);
		r->e.unread = 0;
		__builtin_memcpy(r->args, f->args, sizeof(r->args));
#pragma unroll
		for (int i = 0; i < API_COPIES; i++)
			api_copy(r, f, row, i);
		SUBMIT(r);
	}
	bpf_map_delete_elem(&api_flights, &key);
}

#define API_PROGRAMS(id)                                                                           \
	SEC("uprobe")                                                                              \
	int uprobe_##id(struct pt_regs *regs)                                                      \
	{                                                                                          \
		api_enter(regs, HOOK_##id, bpf_get_attach_cookie(regs));                           \
		return 0;                                                                          \
	}                                                                                          \
	SEC("uretprobe")                                                                           \
	int uretprobe_##id(struct pt_regs *regs)                                                   \
	{                                                                                          \
		api_leave(regs, HOOK_##id, bpf_get_attach_cookie(regs));                           \
		return 0;                                                                          \
	}

API_PROGRAMS(hip)
API_PROGRAMS(miopen)
API_PROGRAMS(rocblas)
API_PROGRAMS(hsa)

/* ---- libraries ---- */

#define NR_mmap 9 /* x86-64 */
#define PROT_EXEC 4

const volatile struct library_prefix libraries[LIBRARY_PREFIXES];

static __always_inline bool is_library(struct file *file)
{
	const unsigned char *name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	__u64 begin[2] = {};

	/* A shorter name is read up to its end, or not at all. */
	if (bpf_probe_read_kernel_str(begin, sizeof(begin), name) < 0)
		return false;
#pragma unroll
	for (int i = 0; i < LIBRARY_PREFIXES; i++)
		if (libraries[i].mask[0] &&
		    (begin[0] & libraries[i].mask[0]) == libraries[i].word[0] &&
		    (begin[1] & libraries[i].mask[1]) == libraries[i].word[1])
			return true;
	return false;
}

SEC("raw_tp/sys_exit")
int raw_tp_maps(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (void *)ctx->args[0];
	__s64 addr = (__s64)ctx->args[1];
	struct file *file;
	struct EV_PACKED {
		struct krec rec;
		struct map_note note;
	} * r;
	__u32 pid;

	if (BPF_CORE_READ(regs, orig_ax) != NR_mmap || !(BPF_CORE_READ(regs, dx) & PROT_EXEC) ||
	    (addr < 0 && addr > -4096))
		return 0;
	pid = current_pid();
	file = pid ? file_of((int)BPF_CORE_READ(regs, r8)) : 0;
	if (!file || !is_library(file))
		return 0;
	r = reserve(HOOK_maps, sizeof(*r));
	if (!r)
		return 0;
	fill_head(&r->rec, HOOK_maps, 0, sizeof(r->note));
	r->note.pid = pid;
	r->note.addr = addr;
	bpf_probe_read_kernel_str(r->note.name, sizeof(r->note.name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	/* Each moment may be a call that may be missed. */
	bpf_ringbuf_submit(r, BPF_RB_FORCE_WAKEUP);
	return 0;
}

#endif
