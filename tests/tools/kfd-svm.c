// SPDX-License-Identifier: MIT
/*
 * The SVM ioctl by itself: what is set is got back, ranges are split and joined as kfd_svm.c does,
 * wrong arguments answer as there (Linux 6.1). With the argument "none" the driver has no SVM.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kfd_ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define GPU 0x5e00u
#define PAGE 4096ull
#define DEFAULT (KFD_IOCTL_SVM_FLAG_HOST_ACCESS | KFD_IOCTL_SVM_FLAG_COHERENT)

static int kfd, checks, wrong;

union call {
	struct kfd_ioctl_svm_args a; /* attrs[0] follows in the header, too: of no size */
	struct {
		char head[sizeof(struct kfd_ioctl_svm_args)];
		struct kfd_ioctl_svm_attribute attrs[4];
	};
};

static int svm(union call *c, unsigned int op, __u64 start, __u64 size, unsigned int n)
{
	c->a.start_addr = start;
	c->a.size = size;
	c->a.op = op;
	c->a.nattr = n;
	/* hsaKmtSVMSetAttr: the size in the command covers the attributes */
	return ioctl(kfd, _IOC(_IOC_READ | _IOC_WRITE, 'K', 0x20, sizeof(c->a) + n * sizeof(c->attrs[0])), c)
		       ? errno
		       : 0;
}

static void expect(const char *what, unsigned int got, unsigned int want)
{
	checks++;
	if (got == want)
		return;
	printf("%s: 0x%x, not 0x%x\n", what, got, want);
	wrong++;
}

static void set(const char *what, __u64 start, __u64 size, unsigned int type, unsigned int value, int err)
{
	union call c = {.attrs = {{type, value}}};

	expect(what, (unsigned int)svm(&c, KFD_IOCTL_SVM_OP_SET_ATTR, start, size, 1), (unsigned int)err);
}

/* ACCESS comes back as another type, the others as another value. */
static unsigned int get(__u64 start, __u64 size, unsigned int type)
{
	union call c = {.attrs = {{type, GPU}}};

	if (svm(&c, KFD_IOCTL_SVM_OP_GET_ATTR, start, size, 1))
		return ~0u;
	return type == KFD_IOCTL_SVM_ATTR_ACCESS ? c.attrs[0].type : c.attrs[0].value;
}

static void attributes(__u64 at)
{
	expect("flags of nothing", get(at, PAGE, KFD_IOCTL_SVM_ATTR_SET_FLAGS), DEFAULT);
	expect("access to nothing", get(at, PAGE, KFD_IOCTL_SVM_ATTR_ACCESS), KFD_IOCTL_SVM_ATTR_NO_ACCESS);
	expect("granularity of nothing", get(at, PAGE, KFD_IOCTL_SVM_ATTR_GRANULARITY), 9);
	set("access", at, 16 * PAGE, KFD_IOCTL_SVM_ATTR_ACCESS, GPU, 0);
	expect("access", get(at, 16 * PAGE, KFD_IOCTL_SVM_ATTR_ACCESS), KFD_IOCTL_SVM_ATTR_ACCESS);
	set("in place in the middle", at + 4 * PAGE, 4 * PAGE, KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE, GPU, 0);
	expect("the middle", get(at + 5 * PAGE, PAGE, KFD_IOCTL_SVM_ATTR_ACCESS),
	       KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE);
	expect("before it", get(at, 4 * PAGE, KFD_IOCTL_SVM_ATTR_ACCESS), KFD_IOCTL_SVM_ATTR_ACCESS);
	expect("behind it", get(at + 8 * PAGE, 8 * PAGE, KFD_IOCTL_SVM_ATTR_ACCESS),
	       KFD_IOCTL_SVM_ATTR_ACCESS);
	set("no access at the end", at + 12 * PAGE, 8 * PAGE, KFD_IOCTL_SVM_ATTR_NO_ACCESS, GPU, 0);
	expect("the end", get(at + 12 * PAGE, 4 * PAGE, KFD_IOCTL_SVM_ATTR_ACCESS),
	       KFD_IOCTL_SVM_ATTR_NO_ACCESS);
	set("read only", at, 2 * PAGE, KFD_IOCTL_SVM_ATTR_SET_FLAGS, KFD_IOCTL_SVM_FLAG_GPU_RO, 0);
	expect("flags all have", get(at, 4 * PAGE, KFD_IOCTL_SVM_ATTR_SET_FLAGS), DEFAULT);
	expect("flags none has", get(at, 4 * PAGE, KFD_IOCTL_SVM_ATTR_CLR_FLAGS),
	       ~(unsigned int)(DEFAULT | KFD_IOCTL_SVM_FLAG_GPU_RO));
	set("not coherent", at, 16 * PAGE, KFD_IOCTL_SVM_ATTR_CLR_FLAGS, KFD_IOCTL_SVM_FLAG_COHERENT, 0);
	expect("flags", get(at + PAGE, PAGE, KFD_IOCTL_SVM_ATTR_SET_FLAGS),
	       KFD_IOCTL_SVM_FLAG_HOST_ACCESS | KFD_IOCTL_SVM_FLAG_GPU_RO);
	set("location", at, 16 * PAGE, KFD_IOCTL_SVM_ATTR_PREFERRED_LOC, GPU, 0);
	expect("location", get(at, 16 * PAGE, KFD_IOCTL_SVM_ATTR_PREFERRED_LOC), GPU);
	expect("mixed locations", get(at, 20 * PAGE, KFD_IOCTL_SVM_ATTR_PREFERRED_LOC),
	       KFD_IOCTL_SVM_LOCATION_UNDEFINED);
	set("prefetch", at, 16 * PAGE, KFD_IOCTL_SVM_ATTR_PREFETCH_LOC, GPU, 0);
	set("granularity", at + PAGE, PAGE, KFD_IOCTL_SVM_ATTR_GRANULARITY, 3, 0);
	expect("least granularity", get(at, 16 * PAGE, KFD_IOCTL_SVM_ATTR_GRANULARITY), 3);
}

static void errors(__u64 at)
{
	union call c = {.attrs = {{KFD_IOCTL_SVM_ATTR_ACCESS, GPU}}};

	set("within a page", at + 8, PAGE, KFD_IOCTL_SVM_ATTR_ACCESS, GPU, EINVAL);
	set("part of a page", at, PAGE + 8, KFD_IOCTL_SVM_ATTR_ACCESS, GPU, EINVAL);
	set("nothing", at, 0, KFD_IOCTL_SVM_ATTR_ACCESS, GPU, EINVAL);
	set("address 0", 0, PAGE, KFD_IOCTL_SVM_ATTR_ACCESS, GPU, EINVAL);
	set("around the end", ~0ull << 12, 2 * PAGE, KFD_IOCTL_SVM_ATTR_ACCESS, GPU, EINVAL);
	set("another card", at, PAGE, KFD_IOCTL_SVM_ATTR_ACCESS, GPU + 9, EINVAL);
	set("an unknown attribute", at, PAGE, 99, 0, EINVAL);
	munmap((void *)(unsigned long)(at + 31 * PAGE), PAGE);
	set("memory that is not there", at + 31 * PAGE, PAGE, KFD_IOCTL_SVM_ATTR_ACCESS, GPU, EFAULT);
	expect("an unknown operation", (unsigned int)svm(&c, 7, at, PAGE, 1), EINVAL);
	c.a.nattr = 1000;
	expect("more attributes than there are",
	       ioctl(kfd, AMDKFD_IOC_SVM, &c) ? (unsigned int)errno : 0, EINVAL);
}

int main(int argc, char **argv)
{
	struct kfd_ioctl_acquire_vm_args vm = {.gpu_id = GPU};
	__u64 at = (unsigned long)mmap(NULL, 32 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				       -1, 0);

	kfd = open("/dev/kfd", O_RDWR | O_CLOEXEC);
	vm.drm_fd = (__u32)open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
	alarm(20);
	expect("ACQUIRE_VM", ioctl(kfd, AMDKFD_IOC_ACQUIRE_VM, &vm) ? (unsigned int)errno : 0, 0);
	if (argc > 1 && !strcmp(argv[1], "none")) {
		set("without SVM", at, PAGE, KFD_IOCTL_SVM_ATTR_ACCESS, GPU, EPERM);
	} else {
		attributes(at);
		errors(at);
	}
	printf("%d checks, %d failures\n", checks, wrong);
	return wrong != 0;
}
