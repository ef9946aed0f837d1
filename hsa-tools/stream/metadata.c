// SPDX-License-Identifier: MIT
/* The TSDL of a trace, made from the event table. */
#include "stream.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Types of the table as TSDL names; defined in the prologue below. */
static const char prologue[] =
	"/* CTF 1.8 */\n"
	"/* Written by rdna1-trace from bpf/events.def. */\n"
	"typealias integer { size = 8; align = 8; signed = false; } := u8;\n"
	"typealias integer { size = 16; align = 8; signed = false; } := u16;\n"
	"typealias integer { size = 32; align = 8; signed = false; } := u32;\n"
	"typealias integer { size = 64; align = 8; signed = false; } := u64;\n"
	"typealias integer { size = 8; align = 8; signed = false; base = 16; } := x8;\n"
	"typealias integer { size = 16; align = 8; signed = false; base = 16; } := x16;\n"
	"typealias integer { size = 32; align = 8; signed = false; base = 16; } := x32;\n"
	"typealias integer { size = 64; align = 8; signed = false; base = 16; } := x64;\n"
	"typealias integer { size = 32; align = 8; signed = true; } := s32;\n"
	"typealias integer { size = 64; align = 8; signed = true; } := s64;\n"
	"typealias string { encoding = UTF8; } := text;\n";

static const char epilogue[] =
	"typealias integer { size = 64; align = 8; signed = false;"
	" map = clock.monotonic.value; } := ts64;\n"
	"stream {\n"
	"\tid = 0;\n"
	"\tevent.header := struct { u16 id; ts64 timestamp; } align(8);\n"
	"\tevent.context := struct { u16 size; u32 tid; } align(8);\n"
	"\tpacket.context := struct { ts64 timestamp_begin; u64 content_size; u64 packet_size;"
	" u64 seen; u32 pid; u32 cpu; } align(8);\n"
	"};\n"
#define EVENT(name, id, doc) "event { name = \"" #name "\"; id = " #id "; stream_id = 0;\n\tfields := struct {\n"
#define F(type, name, print, doc) "\t\t" #type " " #name ";\n"
#define BYTES(name, print, doc) "\t\tu16 " #name "_len; x8 " #name "[" #name "_len];\n"
#define TEXT(name, doc) "\t\ttext " #name ";\n"
#define END(name) "\t} align(8);\n};\n"
#include "../../bpf/events.def"
	;

void stream_meta__init(struct stream_meta *meta)
{
	struct timespec real, mono;

	memset(meta, 0, sizeof(*meta));
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	meta->realtime_offset_ns = ((ev_u64)real.tv_sec - (ev_u64)mono.tv_sec) * 1000000000u +
				   (ev_u64)real.tv_nsec - (ev_u64)mono.tv_nsec;
	if (getrandom(meta->uuid, sizeof(meta->uuid), 0) != sizeof(meta->uuid)) {
		ev_u64 weak[2] = {stream__now(), (ev_u64)getpid()};

		memcpy(meta->uuid, weak, sizeof(weak));
	}
	meta->uuid[6] = (meta->uuid[6] & 0x0f) | 0x40; /* RFC 4122, version 4 */
	meta->uuid[8] = (meta->uuid[8] & 0x3f) | 0x80;
}

size_t stream_metadata__print(char *buf, size_t cap, const struct stream_meta *meta)
{
	const ev_u8 *u = meta->uuid;

	return (size_t)snprintf(
		buf, cap,
		"%s"
		"trace {\n"
		"\tmajor = 1;\n"
		"\tminor = 8;\n"
		"\tuuid = \"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\";\n"
		"\tbyte_order = le;\n"
		"\tpacket.header := struct { u32 magic; u8 uuid[16]; u32 stream_id;"
		" u64 stream_instance_id; } align(8);\n"
		"};\n"
		"env {\n"
		"\ttracer_name = \"rdna1-trace\";\n"
		"\trdna1_format = %d;\n"
		"\trdna1_emulated = %d;\n"
		"%s"
		"};\n"
		"clock {\n"
		"\tname = monotonic;\n"
		"\tdescription = \"CLOCK_MONOTONIC\";\n"
		"\tfreq = 1000000000;\n"
		"\toffset_s = %llu;\n"
		"\toffset = %llu;\n"
		"};\n"
		"%s",
		prologue, u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11],
		u[12], u[13], u[14], u[15], EV_FORMAT, meta->emulated,
		meta->recovered ? "\trdna1_recovered = 1;\n" : "",
		(unsigned long long)(meta->realtime_offset_ns / 1000000000u),
		(unsigned long long)(meta->realtime_offset_ns % 1000000000u), epilogue);
}
