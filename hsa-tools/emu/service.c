// SPDX-License-Identifier: MIT
/*
 * The service thread: receives the ioctls of this process's threads from the broker, answers them,
 * and looks after the waits that are parked.
 */
#include "emu.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A reply as it goes over the socket. */
struct reply {
	struct emu_msg msg;
	uint8_t data[EMU_ARG_MAX + 2 * EMU_ARRAY_MAX];
};

static pthread_mutex_t send_lock = PTHREAD_MUTEX_INITIALIZER;

struct row {
	uint8_t nr;
	struct {
		uint16_t ptr, count, elem;
	} array[2];
};

/* Arrays of each KFD command, from the shared rows. */
static const struct row rows[] = {
#define KFD_CMD(nr_, name, size) [nr_] = {.nr = nr_, .array = {
#define KFD_ARRAY(slot, ptr_, count_, elem_) [slot] = {ptr_, count_, elem_ ? elem_ : 0xffff},
#define KFD_FIELD(name, offset, type, print)
/* clang-format off */
#define KFD_END() }},
/* clang-format on */
#include "../../bpf/kfd_cmds.def"
};

/* The bytes of array `slot` after the call, into *out; how many. */
static size_t log_array(uint32_t cmd, const uint8_t *arg, size_t len, int slot, uint8_t *out)
{
	const struct row *r =
		(cmd & 0xff) < sizeof(rows) / sizeof(rows[0]) ? &rows[cmd & 0xff] : NULL;
	uint64_t ptr;
	uint32_t count;
	size_t bytes;

	if ((cmd >> 8 & 0xff) != 'K' || !r || !r->array[slot].elem ||
	    r->array[slot].ptr + 8u > len || r->array[slot].count + 4u > len)
		return 0;
	memcpy(&ptr, arg + r->array[slot].ptr, 8);
	memcpy(&count, arg + r->array[slot].count, 4);
	bytes = r->array[slot].elem == 0xffff ? count / 8 : (size_t)count * r->array[slot].elem;
	if (bytes > EMU_ARRAY_MAX)
		bytes = EMU_ARRAY_MAX;
	if (!ptr || !bytes)
		return 0;
	return user_read(out, ptr, bytes) ? bytes : 0;
}

/*
 * Answer a call. The argument and its arrays go along as the device left them, for the broker's
 * log: it may not be allowed to read this process.
 */
static void send_reply(uint64_t call, uint32_t cmd, int64_t ret, const void *arg)
{
	size_t len = cmd >> 16 & 0x3fff;
	struct reply r;
	uint8_t *at = r.data;

	memset(&r.msg, 0, sizeof(r.msg));
	r.msg.type = EMU_REPLY;
	r.msg.id = call;
	r.msg.cmd = cmd;
	r.msg.ret = ret;
	if (!arg || len > EMU_ARG_MAX)
		len = 0; /* nobody could read it */
	if (len)
		memcpy(at, arg, len);
	r.msg.arg_len = (uint16_t)len;
	at += len;
	for (int slot = 0; slot < 2; slot++) {
		size_t n = log_array(cmd, r.data, len, slot, at);

		r.msg.array_len[slot] = (uint16_t)n;
		at += n;
	}
	pthread_mutex_lock(&send_lock);
	while (send(emu->sock, &r, (size_t)(at - (uint8_t *)&r), MSG_NOSIGNAL) < 0 &&
	       errno == EINTR)
		;
	pthread_mutex_unlock(&send_lock);
}

void service_reply(uint64_t call, uint32_t cmd, int64_t ret, const void *arg)
{
	send_reply(call, cmd, ret, arg);
}

/* As kfd_ioctl() and drm_ioctl(): the caller's size in, zeros behind it, the caller's size out. */
static void serve(const struct emu_msg *m)
{
	uint8_t arg[EMU_ARG_MAX] __attribute__((aligned(8))) = {0};
	size_t size = m->cmd >> 16 & 0x3fff;
	const void *theirs = arg; /* what the caller has in the end */
	int64_t ret;

	if (size > sizeof(arg)) {
		size = 0;
		ret = -EINVAL;
	} else if ((m->cmd & 0x40000000) && !user_read(arg, m->arg, size)) { /* IOC_IN */
		ret = -EFAULT;
		size = 0;
		theirs = NULL;
	} else if (m->file == EMU_FILE_KFD && (m->cmd >> 8 & 0xff) == 'K') {
		ret = kfd_ioctl(m->id, (pid_t)m->tid, m->cmd, arg, m->arg);
	} else if (m->file - EMU_FILE_RENDER < emu->num_gpus && (m->cmd >> 8 & 0xff) == 'd') {
		ret = drm_ioctl(&emu->gpus[m->file - EMU_FILE_RENDER], m->cmd, arg);
	} else {
		ret = -ENOTTY;
	}
	if (ret == WAIT_PARKED)
		return;
	if ((m->cmd & 0x80000000) && size && !user_write(m->arg, arg, size)) { /* IOC_OUT */
		ret = -EFAULT;
		theirs = user_read(arg, m->arg, size) ? arg : NULL;
	}
	send_reply(m->id, m->cmd, ret, theirs);
}

void service_tell_reset(const struct gpu *gpu)
{
	struct emu_msg m = {.type = EMU_RESET, .file = gpu->index};

	pthread_mutex_lock(&send_lock);
	while (send(emu->sock, &m, sizeof(m), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
	pthread_mutex_unlock(&send_lock);
}

/* Ask the broker and wait for its answer. Service thread only. */
int64_t rpc_vram(const struct gpu *gpu, uint32_t op, uint64_t a)
{
	struct emu_msg m = {.type = op, .file = gpu->index, .a = a};
	ssize_t n;

	while ((n = send(emu->rpc, &m, sizeof(m), MSG_NOSIGNAL)) < 0 && errno == EINTR)
		;
	while (n >= 0 && (n = recv(emu->rpc, &m, sizeof(m), 0)) < 0 && errno == EINTR)
		n = 0;
	return n == (ssize_t)sizeof(m) ? m.ret : -ENOMEM;
}

static void *service_thread(void *unused)
{
	int timeout = -1;

	(void)unused;
	prctl(PR_SET_NAME, "emu-service");
	trace_device();
	for (;;) {
		struct pollfd p = {.fd = emu->sock, .events = POLLIN};
		struct emu_msg m;

		poll(&p, 1, timeout);
		if (p.revents & POLLIN) {
			ssize_t n = recv(emu->sock, &m, sizeof(m), MSG_DONTWAIT);

			if (n == (ssize_t)sizeof(m) && m.type == EMU_CALL)
				serve(&m);
			else if (n == (ssize_t)sizeof(m) && m.type == EMU_RESET &&
				 m.file < emu->num_gpus)
				card_reset(&emu->gpus[m.file]);
			else if (!n)
				return NULL;
		} else if (p.revents & (POLLHUP | POLLERR)) {
			return NULL; /* no broker, no device */
		}
		timeout = event_poll(now_ns());
	}
}

void service_start(void)
{
	pthread_mutex_init(&send_lock, NULL); /* after fork it may be held by a thread that is not here */
	start_thread(service_thread, NULL);
}
