// SPDX-License-Identifier: GPL-2.0
/*
 * kick: makes the real amdgpu driver do what only a GPU would make it do, with values the test
 * chooses.
 *
 * It knows no type of the driver. A command a line is written to /dev/kick; the user side
 * (guest/kick.c) turns names of types and fields into sizes and offsets by the running kernel's
 * BTF. Buffers and stubs go when the descriptor is closed.
 *
 *   buf B SIZE             buffer B (0 to 63), zeroed
 *   file B FD              buffer B is the private data of the writer's file FD
 *   set B OFF SIZE VALUE   store
 *   ptr B OFF B2 OFF2      store the address of B2 + OFF2
 *   get B OFF SIZE         read; the answer is the next read() of the descriptor
 *   idr B OFF              idr_init
 *   xa B OFF               xa_init_flags(XA_FLAGS_LOCK_IRQ)
 *   trace N NAME ARG...    the tracepoint amdgpu_NAME fires N times; ARG: number or @B+OFF
 *   call NAME ARG...       a function of amdgpu; the answer is what it returned
 *   worker LINE, irq LINE  the same from a kernel worker, or in an interrupt on another CPU
 *   stub NAME RET [c ARG B] [p ARG OFF SIZE]... [s ARG VALUE] [t LINE]
 *                          from now on NAME returns RET at once; c: *ARG = a new copy of buffer B,
 * p: into which parameter ARG is stored; s: *ARG = VALUE; t: LINE is run first unstub all functions
 * are themselves again
 *
 * A wrong offset ends in an oops, which ends the virtual machine: the test is then a failure.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/idr.h>
#include <linux/kprobes.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#ifndef ftrace_regs_set_instruction_pointer /* Linux 6.1 */
#define ftrace_regs_set_instruction_pointer ftrace_instruction_pointer_set
#endif

#define BUFS 64
#define ARGS 16
#define STUBS 16
#define STORES 4
#define LINE 1024

typedef u64 (*any_fn)(u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64,
		      u64);

static struct {
	void *at;
	size_t size;
	bool ours;
} bufs[BUFS];
static unsigned long (*lookup)(const char *name);
static DEFINE_MUTEX(lock);

/* ---- values ---- */

static void *place(u64 b, u64 off, size_t size)
{
	if (b >= BUFS || !bufs[b].at || (bufs[b].ours && off + size > bufs[b].size))
		return NULL;
	return bufs[b].at + off;
}

static char *word(char **line)
{
	char *w;

	do
		w = strsep(line, " ");
	while (w && !*w);
	return w;
}

static int number(char **line, u64 *v)
{
	char *w = word(line), *plus;
	u64 off = 0;

	if (!w)
		return -EINVAL;
	if (*w != '@')
		return kstrtou64(w, 0, v);
	plus = strchr(w, '+');
	if (plus) {
		*plus = 0;
		if (kstrtou64(plus + 1, 0, &off))
			return -EINVAL;
	}
	if (kstrtou64(w + 1, 0, v) || !place(*v, off, 0))
		return -EINVAL;
	*v = (u64)place(*v, off, 0);
	return 0;
}

static int numbers(char **line, u64 *v, int n)
{
	for (int i = 0; i < n; i++)
		if (number(line, &v[i]))
			return -EINVAL;
	return 0;
}

/* As many as there are; the others 0. */
static int arguments(char **line, u64 v[ARGS])
{
	memset(v, 0, ARGS * sizeof(*v));
	for (int i = 0; *line; i++) {
		*line = skip_spaces(*line);
		if (!**line)
			break;
		if (i == ARGS || number(line, &v[i]))
			return -EINVAL;
	}
	return 0;
}

/* ---- stubs ---- */

static struct stub {
	char name[96];
	struct ftrace_ops ops;
	bool on;
	u64 ret;
	int copy_arg, copy_buf; /* -1: none */
	struct {
		int arg, off, size;
	} pokes[STORES];
	int num_pokes;
	int store_arg;
	u64 store;
	char line[256];
} stubs[STUBS];

static int run(char *line, u64 *answer, bool *answered);

static u64 stub_body(struct stub *s, const u64 a[8])
{
	if (s->line[0]) {
		char line[sizeof(s->line)];
		bool answered;
		u64 answer;

		strscpy(line, s->line, sizeof(line));
		WARN_ON(run(line, &answer, &answered));
	}
	if (s->copy_arg >= 0) {
		void *copy = kmemdup(bufs[s->copy_buf].at, bufs[s->copy_buf].size, GFP_KERNEL);

		for (int i = 0; copy && i < s->num_pokes; i++)
			memcpy(copy + s->pokes[i].off, &a[s->pokes[i].arg], s->pokes[i].size);
		*(void **)a[s->copy_arg] = copy;
	}
	if (s->store_arg >= 0)
		*(u64 *)a[s->store_arg] = s->store;
	return s->ret;
}

#define STUB(n)                                                                                    \
	static noinline u64 stub_##n(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g, u64 h)       \
	{                                                                                          \
		const u64 args[8] = {a, b, c, d, e, f, g, h};                                      \
                                                                                                   \
		return stub_body(&stubs[n], args);                                                 \
	}
STUB(0)
STUB(1) STUB(2) STUB(3) STUB(4) STUB(5) STUB(6) STUB(7) STUB(8) STUB(9) STUB(10) STUB(11) STUB(12)
	STUB(13) STUB(14) STUB(15) static u64 (*const bodies[STUBS])(u64, u64, u64, u64, u64, u64,
								     u64, u64) = {
		stub_0, stub_1, stub_2,	 stub_3,  stub_4,  stub_5,  stub_6,  stub_7,
		stub_8, stub_9, stub_10, stub_11, stub_12, stub_13, stub_14, stub_15};

static void redirect(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
		     struct ftrace_regs *regs)
{
	struct stub *s = container_of(ops, struct stub, ops);

	ftrace_regs_set_instruction_pointer(regs, (unsigned long)bodies[s - stubs]);
}

static unsigned long function(const char *name)
{
	char full[112];

	snprintf(full, sizeof(full), "amdgpu:%s", name);
	return lookup(full);
}

static int add_stub(char **line)
{
	struct stub *s = stubs;
	char *name = word(line), *w;
	u64 v[3];
	int err;

	while (s < stubs + STUBS && s->on)
		s++;
	if (s == stubs + STUBS || !name || number(line, &s->ret))
		return -EINVAL;
	strscpy(s->name, name, sizeof(s->name));
	s->copy_arg = s->store_arg = -1;
	s->num_pokes = 0;
	s->line[0] = 0;
	while ((w = word(line))) {
		switch (*w) {
		case 'c':
			if (numbers(line, v, 2) || v[0] > 7 || !place(v[1], 0, 0))
				return -EINVAL;
			s->copy_arg = v[0];
			s->copy_buf = v[1];
			break;
		case 'p':
			if (numbers(line, v, 3) || v[0] > 7 || v[2] > 8 || s->num_pokes == STORES)
				return -EINVAL;
			s->pokes[s->num_pokes].arg = v[0];
			s->pokes[s->num_pokes].off = v[1];
			s->pokes[s->num_pokes++].size = v[2];
			break;
		case 's':
			if (numbers(line, v, 2) || v[0] > 7)
				return -EINVAL;
			s->store_arg = v[0];
			s->store = v[1];
			break;
		case 't':
			strscpy(s->line, *line ?: "", sizeof(s->line));
			*line = NULL;
			break;
		default:
			return -EINVAL;
		}
	}
	memset(&s->ops, 0, sizeof(s->ops));
	s->ops.func = redirect;
	s->ops.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_SAVE_REGS;
	if (!function(s->name))
		return -ENOENT;
	err = ftrace_set_filter_ip(&s->ops, function(s->name), 0, 0);
	if (!err)
		err = register_ftrace_function(&s->ops);
	s->on = !err;
	return err;
}

static void remove_stubs(void)
{
	for (struct stub *s = stubs; s < stubs + STUBS; s++)
		if (s->on) {
			unregister_ftrace_function(&s->ops);
			ftrace_free_filter(&s->ops);
			s->on = false;
		}
}

/* ---- doing it ---- */

struct elsewhere {
	struct work_struct work;
	char line[LINE];
	u64 answer;
	bool answered;
	int err;
};

static void in_worker(struct work_struct *work)
{
	struct elsewhere *e = container_of(work, struct elsewhere, work);

	e->err = run(e->line, &e->answer, &e->answered);
}

static void on_interrupt(void *arg)
{
	in_worker(&((struct elsewhere *)arg)->work);
}

static int run_elsewhere(char *line, bool irq, u64 *answer, bool *answered)
{
	struct elsewhere *e = kzalloc(sizeof(*e), GFP_KERNEL);
	int err;

	if (!e)
		return -ENOMEM;
	strscpy(e->line, line, sizeof(e->line));
	if (irq) {
		err = smp_call_function_single(!raw_smp_processor_id(), on_interrupt, e, true);
		if (err)
			e->err = err;
	} else {
		INIT_WORK(&e->work, in_worker);
		schedule_work(&e->work);
		flush_work(&e->work);
	}
	err = e->err;
	*answer = e->answer;
	*answered = e->answered;
	kfree(e);
	return err;
}

static int fire(char **line)
{
	char *name, symbol[112];
	u64 count, a[ARGS];
	any_fn iterate;

	if (number(line, &count) || !(name = word(line)))
		return -EINVAL;
	snprintf(symbol, sizeof(symbol), "amdgpu:__traceiter_amdgpu_%s", name);
	iterate = (any_fn)lookup(symbol);
	if (!iterate)
		return -ENOENT;
	if (arguments(line, a))
		return -EINVAL;
	for (u64 i = 0; i < count; i++) {
		/* As the tracepoint's own call: data first, then its arguments. */
		preempt_disable_notrace();
		iterate(0, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11],
			a[12], a[13], a[14]);
		preempt_enable_notrace();
		if (!(i & 1023) && !in_hardirq())
			cond_resched();
	}
	return 0;
}

static int call(char **line, u64 *answer)
{
	char *name = word(line);
	any_fn fn = name ? (any_fn)function(name) : NULL;
	u64 a[ARGS];

	if (!fn)
		return -ENOENT;
	if (arguments(line, a))
		return -EINVAL;
	*answer = fn(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11],
		     a[12], a[13], a[14], a[15]);
	return 0;
}

static int new_buffer(u64 b, u64 size)
{
	if (b >= BUFS || bufs[b].at || size > 1 << 20)
		return -EINVAL;
	bufs[b].at = kvzalloc(size, GFP_KERNEL);
	bufs[b].size = size;
	bufs[b].ours = true;
	return bufs[b].at ? 0 : -ENOMEM;
}

static int private_data(u64 b, u64 fd)
{
	struct file *f = fget(fd);

	if (!f || b >= BUFS || (bufs[b].at && bufs[b].ours)) {
		if (f)
			fput(f);
		return -EBADF;
	}
	bufs[b].at = f->private_data;
	bufs[b].ours = false;
	fput(f);
	return 0;
}

static int run(char *line, u64 *answer, bool *answered)
{
	char *what = word(&line);
	u64 v[4];
	void *at;

	if (!what)
		return -EINVAL;
	if (!strcmp(what, "buf"))
		return numbers(&line, v, 2) ?: new_buffer(v[0], v[1]);
	if (!strcmp(what, "file"))
		return numbers(&line, v, 2) ?: private_data(v[0], v[1]);
	if (!strcmp(what, "set")) {
		if (numbers(&line, v, 4) || v[2] > 8 || !(at = place(v[0], v[1], v[2])))
			return -EINVAL;
		memcpy(at, &v[3], v[2]);
		return 0;
	}
	if (!strcmp(what, "ptr")) {
		if (numbers(&line, v, 4) || !(at = place(v[0], v[1], 8)) || !place(v[2], v[3], 0))
			return -EINVAL;
		*(void **)at = place(v[2], v[3], 0);
		return 0;
	}
	if (!strcmp(what, "get")) {
		if (numbers(&line, v, 3) || v[2] > 8 || !(at = place(v[0], v[1], v[2])))
			return -EINVAL;
		*answer = 0;
		memcpy(answer, at, v[2]);
		*answered = true;
		return 0;
	}
	if (!strcmp(what, "idr") || !strcmp(what, "xa")) {
		if (numbers(&line, v, 2) || !(at = place(v[0], v[1], sizeof(struct idr))))
			return -EINVAL;
		if (*what == 'i')
			idr_init(at);
		else
			xa_init_flags(at, XA_FLAGS_LOCK_IRQ);
		return 0;
	}
	if (!strcmp(what, "trace"))
		return fire(&line);
	if (!strcmp(what, "call")) {
		*answered = true;
		return call(&line, answer);
	}
	if (!strcmp(what, "worker") || !strcmp(what, "irq"))
		return line ? run_elsewhere(line, *what == 'i', answer, answered) : -EINVAL;
	if (!strcmp(what, "stub"))
		return add_stub(&line);
	if (!strcmp(what, "unstub")) {
		remove_stubs();
		return 0;
	}
	return -EINVAL;
}

/* ---- /dev/kick ---- */

struct answer {
	u64 value;
	bool there;
};

static int kick_open(struct inode *inode, struct file *f)
{
	f->private_data = kzalloc(sizeof(struct answer), GFP_KERNEL);
	return f->private_data ? 0 : -ENOMEM;
}

static void free_buffers(void)
{
	for (int b = 0; b < BUFS; b++) {
		if (bufs[b].ours)
			kvfree(bufs[b].at);
		memset(&bufs[b], 0, sizeof(bufs[b]));
	}
}

/* One program at a time: what it made goes with it. */
static int kick_release(struct inode *inode, struct file *f)
{
	mutex_lock(&lock);
	remove_stubs();
	free_buffers();
	mutex_unlock(&lock);
	kfree(f->private_data);
	return 0;
}

static ssize_t kick_write(struct file *f, const char __user *from, size_t len, loff_t *pos)
{
	struct answer *a = f->private_data;
	char *line = len < LINE ? memdup_user_nul(from, len) : ERR_PTR(-E2BIG);
	int err;

	if (IS_ERR(line))
		return PTR_ERR(line);
	mutex_lock(&lock);
	a->there = false;
	err = run(strim(line), &a->value, &a->there);
	mutex_unlock(&lock);
	kfree(line);
	return err ?: (ssize_t)len;
}

static ssize_t kick_read(struct file *f, char __user *to, size_t len, loff_t *pos)
{
	struct answer *a = f->private_data;
	char text[32];
	int n;

	if (!a->there)
		return 0;
	a->there = false;
	n = snprintf(text, sizeof(text), "0x%llx\n", a->value);
	if (len < n || copy_to_user(to, text, n))
		return -EFAULT;
	return n;
}

static const struct file_operations kick_fops = {
	.owner = THIS_MODULE,
	.open = kick_open,
	.release = kick_release,
	.write = kick_write,
	.read = kick_read,
};

static struct miscdevice kick_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kick",
	.fops = &kick_fops,
	.mode = 0600,
};

/* kallsyms_lookup_name is not exported; a probe finds it. */
static int __init kick_init(void)
{
	struct kprobe probe = {.symbol_name = "kallsyms_lookup_name"};
	int err = register_kprobe(&probe);

	if (err)
		return err;
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);
	return misc_register(&kick_device);
}

static void __exit kick_exit(void)
{
	misc_deregister(&kick_device);
}

module_init(kick_init);
module_exit(kick_exit);
MODULE_DESCRIPTION("rdna1-trace: fires what a GPU would, for tests in a virtual machine");
MODULE_LICENSE("GPL");
