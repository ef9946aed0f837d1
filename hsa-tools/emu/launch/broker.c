// SPDX-License-Identifier: MIT
/*
 * The broker: between the seccomp filter, whose notifications are the ioctls of a whole process
 * tree, and the device threads of the processes that made them. Keeps what belongs to the card and
 * not to a process: VRAM, GTT. Logs every call that was answered, and those that never were.
 *
 * One thread, one loop. It ends when the last process under the filter has.
 */
#include "launch.h"
#include "../protocol.h"
#include "../../stream/stream.h"
#include "../../../usr/caps/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* A process that answers its own ioctls, or (calls false) a connection for questions. */
struct peer {
	int fd;
	pid_t pid;
	bool calls;
	uint32_t resets; /* a bit per card: it is to be told of a reset */
	uint32_t slot;
	struct peer *next;
};

/* A process that has a range; twice, if it has it twice. */
struct owner {
	pid_t pid;
	struct owner *next;
};

/* A range of VRAM or GTT that is in use. */
struct extent {
	uint64_t offset, bytes;
	struct owner *owners;
	struct extent *next; /* ascending */
};

struct heap {
	int file;
	uint64_t base, bytes, used;
	struct extent *extents;
};

struct card {
	struct heap vram, gtt;
	uint64_t dev, ino; /* of its render node */
};

/* A call that has come in and is not answered. */
struct call {
	uint64_t id;	 /* ours */
	uint64_t notify; /* seccomp's */
	struct peer *peer;
	uint32_t tid, cmd;
	int32_t fd;
	uint64_t begin_ns;
	bool sent;
	struct emu_msg msg;
	struct call *next;
};

struct broker {
	const struct emu_broker_args *args;
	int epoll, listen, listener; /* listen: where processes register; listener: the filter's */
	struct peer *peers;
	struct call *calls;
	uint64_t next_call;
	uint8_t slots[EMU_MAX_PROCESSES];
	struct card cards[EMU_MAX_CARDS];
	uint64_t kfd_dev, kfd_ino;
	struct stream_proc proc;
	struct stream stream;
	bool tracing;
	struct seccomp_notif *notif;
	size_t notif_bytes;
};

static void watch(struct broker *b, int fd, void *what)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = what};

	epoll_ctl(b->epoll, EPOLL_CTL_ADD, fd, &ev);
}

/* ---- the log ---- */

static uint32_t since(uint64_t begin)
{
	uint64_t dt = stream__now() - begin;

	return dt > UINT32_MAX ? UINT32_MAX : (uint32_t)dt;
}

static void log_answered(struct broker *b, const struct call *c, int64_t ret,
			 const struct emu_msg *reply, const uint8_t *data)
{
	struct ev_emu_ioctl e = {
		.pid = (uint32_t)c->peer->pid,
		.caller = c->tid,
		.begin_dt = since(c->begin_ns),
		.fd = c->fd,
		.cmd = c->cmd,
		.ret = ret,
	};
	uint16_t arg = reply ? reply->arg_len : 0;
	uint16_t n0 = reply ? reply->array_len[0] : 0, n1 = reply ? reply->array_len[1] : 0;
	uint8_t *at;

	if (!b->tracing)
		return;
	at = stream__reserve(&b->stream, EV_emu_ioctl, sizeof(e) + 6u + arg + n0 + n1, b->proc.pid, 0);
	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	at = stream__put_bytes(at + sizeof(e), data, arg);
	at = stream__put_bytes(at, data + arg, n0);
	stream__put_bytes(at, data + arg + n0, n1);
	stream__commit(&b->stream);
}

static void log_open(struct broker *b, const struct call *c, bool answered)
{
	struct ev_emu_ioctl_open e = {
		.pid = (uint32_t)c->peer->pid,
		.caller = c->tid,
		.begin_dt = since(c->begin_ns),
		.fd = c->fd,
		.cmd = c->cmd,
		.answered = answered,
	};

	if (b->tracing)
		stream__write(&b->stream, EV_emu_ioctl_open, &e, sizeof(e), b->proc.pid, 0);
}

/* ---- VRAM and GTT ---- */

static bool add_owner(struct extent *e, pid_t pid)
{
	struct owner *o = malloc(sizeof(*o));

	if (!o)
		return false;
	*o = (struct owner){pid, e->owners};
	e->owners = o;
	return true;
}

/* True when pid was one of its owners. */
static bool drop_owner(struct extent *e, pid_t pid)
{
	for (struct owner **p = &e->owners; *p; p = &(*p)->next) {
		struct owner *o = *p;

		if (o->pid != pid)
			continue;
		*p = o->next;
		free(o);
		return true;
	}
	return false;
}

static int64_t heap_alloc(struct heap *h, uint64_t bytes, pid_t owner)
{
	uint64_t align = bytes >= 2u << 20 ? 2u << 20 : 4096, at = h->base;
	struct extent **p = &h->extents, *e;

	if (!bytes || bytes > h->bytes - h->used)
		return bytes ? -ENOMEM : -EINVAL;
	for (;; p = &(*p)->next) {
		uint64_t start = (at + align - 1) & ~(align - 1);
		uint64_t end = *p ? (*p)->offset : h->base + EMU_OFFSETS(h->bytes);

		if (start + bytes <= end) {
			at = start;
			break;
		}
		if (!*p)
			return -ENOMEM;
		at = (*p)->offset + (*p)->bytes;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	*e = (struct extent){.offset = at, .bytes = bytes, .next = *p};
	if (!add_owner(e, owner)) {
		free(e);
		return -ENOMEM;
	}
	*p = e;
	h->used += bytes;
	return (int64_t)at;
}

/* Freed memory reads as zeros when it is given out again, as the driver wipes it. */
static void heap_drop(struct heap *h, struct extent **p)
{
	struct extent *e = *p;

	if (fallocate(h->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)e->offset, (off_t)e->bytes)) {
	}
	h->used -= e->bytes;
	*p = e->next;
	free(e);
}

static struct extent **heap_find(struct heap *h, uint64_t offset)
{
	struct extent **p = &h->extents;

	while (*p && (*p)->offset != offset)
		p = &(*p)->next;
	return p;
}

static int64_t heap_free(struct heap *h, uint64_t offset, pid_t owner)
{
	struct extent **p = heap_find(h, offset);

	if (!*p || !drop_owner(*p, owner))
		return -EINVAL;
	if (!(*p)->owners)
		heap_drop(h, p);
	return 0;
}

static void heap_forget(struct heap *h, pid_t owner)
{
	for (struct extent **p = &h->extents; *p;) {
		while (drop_owner(*p, owner))
			;
		if ((*p)->owners)
			p = &(*p)->next;
		else
			heap_drop(h, p);
	}
}

/* The bytes of what begins at offset. pid: it is its, too; 0: nobody's */
static int64_t heap_hold(struct heap *h, uint64_t offset, pid_t pid)
{
	struct extent *e = *heap_find(h, offset);

	if (!e)
		return -EINVAL;
	if (pid && !add_owner(e, pid))
		return -ENOMEM;
	return (int64_t)e->bytes;
}

/* ---- calls ---- */

static int notify_send(struct broker *b, uint64_t id, int64_t ret, uint32_t flags)
{
	struct seccomp_notif_resp r = {.id = id, .flags = flags};

	if (ret < 0)
		r.error = (int32_t)ret;
	else
		r.val = ret;
	return ioctl(b->listener, SECCOMP_IOCTL_NOTIF_SEND, &r) ? -errno : 0;
}

static void unlink_call(struct broker *b, struct call *c)
{
	for (struct call **p = &b->calls; *p; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			break;
		}
	free(c);
}

static void answer(struct broker *b, struct call *c, int64_t ret, const struct emu_msg *reply,
		   const uint8_t *data)
{
	if (notify_send(b, c->notify, ret, 0))
		log_open(b, c, true); /* its thread died meanwhile */
	else
		log_answered(b, c, ret, reply, data);
	unlink_call(b, c);
}

/* A full socket means a stopped process: keep the call and try again later. */
static void send_call(struct broker *b, struct call *c)
{
	ssize_t n = send(c->peer->fd, &c->msg, sizeof(c->msg), MSG_NOSIGNAL | MSG_DONTWAIT);

	c->sent = n == (ssize_t)sizeof(c->msg);
	if (!c->sent && errno != EAGAIN && errno != EWOULDBLOCK)
		answer(b, c, -ENODEV, NULL, NULL);
}

static bool is_thread_of(pid_t pid, uint32_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%u", (int)pid, tid);
	return !access(path, F_OK);
}

static struct peer *peer_of(struct broker *b, uint32_t tid)
{
	for (struct peer **p = &b->peers; *p; p = &(*p)->next) {
		struct peer *found = *p;

		if (!found->calls || !is_thread_of(found->pid, tid))
			continue;
		/* To the front: the next call is likely its too. */
		*p = found->next;
		found->next = b->peers;
		b->peers = found;
		return found;
	}
	return NULL;
}

/* Which stand-in the descriptor is, 0 for none. */
static uint32_t file_of(const struct broker *b, uint32_t tid, int fd)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", tid, fd);
	if (stat(path, &st))
		return 0;
	if (st.st_dev == b->kfd_dev && st.st_ino == b->kfd_ino)
		return EMU_FILE_KFD;
	for (uint32_t n = 0; n < b->args->config->num_cards; n++)
		if (st.st_dev == b->cards[n].dev && st.st_ino == b->cards[n].ino)
			return EMU_FILE_RENDER + n;
	return 0;
}

static void notified(struct broker *b)
{
	struct seccomp_notif *n = b->notif;
	struct peer *peer;
	struct call *c;
	uint32_t file;

	memset(n, 0, b->notif_bytes);
	if (ioctl(b->listener, SECCOMP_IOCTL_NOTIF_RECV, n))
		return;
	file = file_of(b, n->pid, (int)n->data.args[0]);
	if (!file) {
		notify_send(b, n->id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
		return;
	}
	peer = peer_of(b, n->pid);
	/* The thread may have died meanwhile and its number be another's. */
	if (ioctl(b->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &n->id))
		return;
	if (!peer) {
		/* A descriptor inherited by fork: kfd_chardev.c answers another process -EBADF. */
		notify_send(b, n->id, -EBADF, 0);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		notify_send(b, n->id, -ENOMEM, 0);
		return;
	}
	*c = (struct call){
		.id = ++b->next_call,
		.notify = n->id,
		.peer = peer,
		.tid = n->pid,
		.cmd = (uint32_t)n->data.args[1],
		.fd = (int32_t)n->data.args[0],
		.begin_ns = stream__now(),
		.msg = {.type = EMU_CALL,
			.tid = n->pid,
			.id = b->next_call,
			.file = file,
			.cmd = (uint32_t)n->data.args[1],
			.arg = n->data.args[2]},
		.next = b->calls,
	};
	b->calls = c;
	send_call(b, c);
}

/* ---- peers ---- */

static int take_slot(struct broker *b)
{
	for (uint32_t i = 0; i < EMU_MAX_PROCESSES; i++)
		if (!b->slots[i]) {
			b->slots[i] = 1;
			return (int)i;
		}
	return -1;
}

static void drop_peer(struct broker *b, struct peer *peer)
{
	struct call *next;

	for (struct call *c = b->calls; c; c = next) {
		next = c->next;
		if (c->peer != peer)
			continue;
		notify_send(b, c->notify, -ENODEV, 0); /* there is nobody left to hear it, usually */
		log_open(b, c, false);
		unlink_call(b, c);
	}
	if (peer->calls) {
		b->slots[peer->slot] = 0;
		for (uint32_t n = 0; n < b->args->config->num_cards; n++) {
			heap_forget(&b->cards[n].vram, peer->pid);
			heap_forget(&b->cards[n].gtt, peer->pid);
			if (fallocate(b->args->kfd_file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				      (off_t)EMU_DOORBELL_OFFSET(peer->slot, n), EMU_DOORBELL_BYTES)) {
			}
		}
	}
	for (struct peer **p = &b->peers; *p; p = &(*p)->next)
		if (*p == peer) {
			*p = peer->next;
			break;
		}
	close(peer->fd);
	free(peer);
}

static void welcome(struct broker *b, struct peer *peer)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE((1 + EMU_MAX_CARDS) * sizeof(int))];
	} control;
	struct emu_welcome m = {.msg = {.type = EMU_WELCOME, .a = peer->slot},
				.config = *b->args->config};
	int fds[1 + EMU_MAX_CARDS] = {b->args->kfd_file};
	size_t bytes = (1 + m.config.num_cards) * sizeof(int);
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = CMSG_SPACE(bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	memcpy(fds + 1, b->args->render_file, m.config.num_cards * sizeof(int));
	memset(&control, 0, sizeof(control));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(c), fds, bytes);
	sendmsg(peer->fd, &msg, MSG_NOSIGNAL);
}

/* Tell of resets; a process whose socket is full is told later. True when all know. */
static bool tell_resets(struct broker *b)
{
	bool all = true;

	for (struct peer *p = b->peers; p; p = p->next)
		for (uint32_t n = 0; p->resets && n < b->args->config->num_cards; n++) {
			struct emu_msg m = {.type = EMU_RESET, .file = n};

			if (!(p->resets >> n & 1))
				continue;
			if (send(p->fd, &m, sizeof(m), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
			    (errno == EAGAIN || errno == EWOULDBLOCK))
				all = false;
			else
				p->resets &= ~(1u << n);
		}
	return all;
}

/* Every other process that has the card learns of its reset. */
static void reset_all(struct broker *b, const struct peer *cause, uint32_t card)
{
	for (struct peer *p = b->peers; p && card < b->args->config->num_cards; p = p->next)
		if (p->calls && p->pid != cause->pid)
			p->resets |= 1u << card;
	tell_resets(b);
}

static int64_t question(struct broker *b, const struct peer *peer, const struct emu_msg *m)
{
	struct card *c = &b->cards[m->file];
	struct heap *at = m->a < c->gtt.base ? &c->vram : &c->gtt; /* of an offset */

	if (m->file >= b->args->config->num_cards)
		return -EINVAL;
	switch (m->type) {
	case EMU_VRAM_ALLOC:
		return heap_alloc(&c->vram, m->a, peer->pid);
	case EMU_VRAM_FREE:
		return heap_free(at, m->a, peer->pid);
	case EMU_HOLD:
		return heap_hold(at, m->a, peer->pid);
	case EMU_HELD_BYTES:
		return heap_hold(at, m->a, 0);
	case EMU_VRAM_FREE_BYTES:
		return (int64_t)(c->vram.bytes - c->vram.used);
	case EMU_GTT_ALLOC:
		return heap_alloc(&c->gtt, m->a, peer->pid);
	default:
		return -EINVAL;
	}
}

static void replied(struct broker *b, struct peer *peer, const struct emu_msg *m,
		    const uint8_t *data, size_t len)
{
	if (m->arg_len + (size_t)m->array_len[0] + m->array_len[1] > len)
		return;
	for (struct call *c = b->calls; c; c = c->next)
		if (c->id == m->id && c->peer == peer) {
			answer(b, c, m->ret, m, data);
			return;
		}
}

static void heard(struct broker *b, struct peer *peer)
{
	struct {
		struct emu_msg m;
		uint8_t data[EMU_ARG_MAX + 2 * EMU_ARRAY_MAX];
	} in;
	ssize_t n = recv(peer->fd, &in, sizeof(in), MSG_DONTWAIT);
	int slot;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < (ssize_t)sizeof(in.m)) {
		drop_peer(b, peer);
		return;
	}
	switch (in.m.type) {
	case EMU_HELLO_CALLS:
		slot = take_slot(b);
		if (slot < 0) {
			drop_peer(b, peer);
			return;
		}
		peer->calls = true;
		peer->slot = (uint32_t)slot;
		welcome(b, peer);
		break;
	case EMU_HELLO_RPC:
		break;
	case EMU_RESET:
		reset_all(b, peer, in.m.file);
		break;
	case EMU_REPLY:
		replied(b, peer, &in.m, in.data, (size_t)n - sizeof(in.m));
		break;
	default:
		in.m.ret = question(b, peer, &in.m);
		send(peer->fd, &in.m, sizeof(in.m), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

static void connected(struct broker *b)
{
	int fd = accept4(b->listen, NULL, NULL, SOCK_CLOEXEC);
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct peer *peer;

	if (fd < 0)
		return;
	peer = calloc(1, sizeof(*peer));
	if (!peer || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len)) {
		free(peer);
		close(fd);
		return;
	}
	peer->fd = fd;
	peer->pid = cred.pid;
	peer->next = b->peers;
	b->peers = peer;
	watch(b, fd, peer);
}

/* ---- beginning and end ---- */

static int listen_at(const char *root)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" EMU_SOCKET, root);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 64)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* The directory of the stand-ins and the socket in it. 0, or -1 with what is wrong in r->error. */
static int make_root(struct broker *b, struct emu_broker_ready *r)
{
	const char *tmp = getenv("TMPDIR");
	char *root = b->args->root, full[PATH_MAX];
	int err;

	/* The command may change its directory. */
	if (tmp && tmp[0] != '/')
		tmp = realpath(tmp, full);
	/* A socket's path must be short, and LD_PRELOAD splits at spaces and colons. */
	if (!tmp || strlen(tmp) > 60 || strpbrk(tmp, " :"))
		tmp = "/tmp";
	snprintf(root, EMU_ROOT_MAX, "%s/rdna1-emu.XXXXXX", tmp);
	if (!mkdtemp(root)) {
		snprintf(r->error, sizeof(r->error), "cannot make a directory in %.80s: %s", tmp,
			 strerror(errno));
		return -1;
	}
	chmod(root, 0755);
	err = emu_topology__write(root, b->args->config);
	if (!err) {
		b->listen = listen_at(root);
		err = b->listen < 0 ? b->listen : 0;
	}
	if (err) {
		snprintf(r->error, sizeof(r->error), "cannot write the stand-in files in %s: %s", root,
			 strerror(-err));
		emu_tree__remove(root);
		return -1;
	}
	memcpy(r->root, root, EMU_ROOT_MAX);
	return 0;
}

/* The child gives the filter's listener; false when it never does. */
static bool take_listener(struct broker *b)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c;

	if (recvmsg(b->args->hand_over, &msg, MSG_CMSG_CLOEXEC) != 1)
		return false;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return false;
	memcpy(&b->listener, CMSG_DATA(c), sizeof(int));
	return true;
}

/* The first page of VRAM stays unused, so that offset 0 means nothing. */
static void setup_card(struct broker *b, uint32_t n)
{
	uint64_t vram = caps_cards[b->args->config->cards[n]].vram_bytes;
	int file = b->args->render_file[n];
	struct card *c = &b->cards[n];
	struct stat st;

	fstat(file, &st);
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	c->vram = (struct heap){.file = file, .base = 2u << 20, .bytes = vram - (2u << 20)};
	c->gtt = (struct heap){.file = file, .base = EMU_OFFSETS(vram), .bytes = EMU_GTT_BYTES};
}

static void setup(struct broker *b)
{
	struct seccomp_notif_sizes sizes = {.seccomp_notif = sizeof(struct seccomp_notif)};
	int dir = open(b->args->trace, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	char tid[16];

	if (dir >= 0) {
		b->tracing = !stream_proc__open(&b->proc, dir, SOURCE_emu, "emu");
		if (b->tracing && b->args->config->trace_bytes)
			stream_proc__limit(&b->proc, b->args->config->trace_bytes);
		close(dir);
	}
	snprintf(tid, sizeof(tid), "%d", (int)getpid());
	if (b->tracing)
		stream__open(&b->stream, &b->proc, tid, 0, 0);
	fstat(b->args->kfd_file, &st);
	b->kfd_dev = st.st_dev;
	b->kfd_ino = st.st_ino;
	for (uint32_t n = 0; n < b->args->config->num_cards; n++)
		setup_card(b, n);
	syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes);
	b->notif_bytes = sizes.seccomp_notif > sizeof(struct seccomp_notif)
				 ? sizes.seccomp_notif
				 : sizeof(struct seccomp_notif);
	b->notif = calloc(1, b->notif_bytes);
	b->epoll = epoll_create1(EPOLL_CLOEXEC);
}

static void loop(struct broker *b)
{
	for (;;) {
		struct epoll_event ev[16];
		bool unsent = false;
		int n;

		for (struct call *c = b->calls; c; c = c->next)
			unsent |= !c->sent;
		unsent |= !tell_resets(b);
		n = epoll_wait(b->epoll, ev, 16, unsent ? 20 : -1);
		for (int i = 0; i < n; i++) {
			void *what = ev[i].data.ptr;

			if (what == &b->listener) {
				if (ev[i].events & EPOLLIN)
					notified(b);
				else
					return; /* the last filtered process is gone */
			} else if (what == &b->args) {
				connected(b);
			} else {
				heard(b, what);
				break; /* it may have freed what later events name */
			}
		}
		for (struct call *c = b->calls, *next; unsent && c; c = next) {
			next = c->next;
			if (!c->sent)
				send_call(b, c);
		}
	}
}

/* Only these descriptors: the command's pipes must not be held open. */
static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void close_others(const struct emu_broker_args *a)
{
	int keep[2 + EMU_MAX_CARDS] = {a->hand_over, a->kfd_file};
	size_t n = 2 + a->config->num_cards;
	int null = open("/dev/null", O_RDWR), from = 3;

	for (int fd = 0; fd < 3; fd++)
		if (null >= 0 && null != fd)
			dup2(null, fd);
	memcpy(keep + 2, a->render_file, a->config->num_cards * sizeof(int));
	qsort(keep, n, sizeof(keep[0]), by_number);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] > from)
			close_range((unsigned int)from, (unsigned int)keep[i] - 1, 0);
		if (keep[i] >= from)
			from = keep[i] + 1;
	}
	close_range((unsigned int)from, ~0u, 0);
}

void emu_broker__run(const struct emu_broker_args *args)
{
	struct emu_broker_ready ready = {0};
	static struct broker b;

	close_others(args);
	b.args = args;
	b.listener = -1;
	if (make_root(&b, &ready)) {
		send(args->hand_over, &ready, sizeof(ready), MSG_NOSIGNAL);
		_exit(1);
	}
	setup(&b);
	if (send(args->hand_over, &ready, sizeof(ready), MSG_NOSIGNAL) == (ssize_t)sizeof(ready) &&
	    b.notif && b.epoll >= 0 && take_listener(&b)) {
		watch(&b, b.listen, &b.args);
		watch(&b, b.listener, &b.listener);
		if (send(args->hand_over, "", 1, MSG_NOSIGNAL) == 1) {
			close(args->hand_over);
			loop(&b);
		}
	}
	while (b.peers)
		drop_peer(&b, b.peers);
	emu_tree__remove(args->root);
	_exit(0);
}
