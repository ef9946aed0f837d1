// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel side: filter, copy, submit. One program per hook and way of attaching; hooks.def lists
 * them. Nothing is decoded here.
 *
 * The clock is read after the reserve, so that the order in the ring and the order of the
 * timestamps agree on one CPU but for programs that interrupt each other. Submits do not wake the
 * reader.
 */
#include "vmlinux_min.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "shared.h"

char LICENSE[] SEC("license") = "GPL";

#include "common.bpf.h"
#include "process.bpf.h"
#include "ioctl.bpf.h"
#include "memory.bpf.h"
#include "fault.bpf.h"
#include "running.bpf.h"
#include "api.bpf.h"
