// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "standin.h"

#define PROGRAM(name) extern const char code_##name##_gfx1010[], code_##name##_gfx1030[];
PROGRAM(naive)
PROGRAM(gemm)
PROGRAM(im2col_float)
PROGRAM(im2col_half)
#undef PROGRAM
static const char *const codes[NUM_PROGRAMS][2] = {
	[NAIVE] = {code_naive_gfx1010, code_naive_gfx1030},
	[GEMM] = {code_gemm_gfx1010, code_gemm_gfx1030},
	[IM2COL_FLOAT] = {code_im2col_float_gfx1010, code_im2col_float_gfx1030},
	[IM2COL_HALF] = {code_im2col_half_gfx1010, code_im2col_half_gfx1030},
};
/* The kinds of trouble that the kernels of a program know. */
static const unsigned int knows[NUM_PROGRAMS] = {[NAIVE] = ~0u, [GEMM] = 1 << TROUBLE_WRONG};

static const struct {
	const char *name;
	unsigned int value;
} troubles[] = {
	{"hang", TROUBLE_HANG},	    {"aperture", TROUBLE_APERTURE}, {"page-fault", TROUBLE_PAGE},
	{"far-fault", TROUBLE_FAR}, {"wrong", TROUBLE_WRONG},
};
static const char *const other_switches[] = {"works", "use-after-free", "no-solver"};
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

miopenStatus_t thrown(miopenStatus_t status, const char *where, const char *text)
{
	fprintf(stderr, "MIOpen Error: /MIOpen/src/%s: %s\n", where, text);
	return status;
}

bool disabled(const char *variable)
{
	static const char *const no[] = {"0", "off", "no", "false", "disable", "disabled"};
	const char *v = getenv(variable);

	for (size_t i = 0; v && i < COUNT(no); i++)
		if (!strcasecmp(v, no[i]))
			return true;
	return false;
}

bool layout_6_2(void)
{
	const char *v = getenv("RDNA1_STANDIN_LAYOUT");

	return v && !strcmp(v, "6.2");
}

static bool large(const struct problem *p)
{
	const char *v = getenv("RDNA1_STANDIN_LARGE");
	size_t limit = v ? strtoul(v, NULL, 10) : 42;

	return p->x.dims[2] > limit || p->x.dims[3] > limit;
}

bool switched(const char *name, const struct problem *p)
{
	const char *v = getenv("RDNA1_STANDIN");

	return v && !strcmp(v, name) && (!strcmp(name, "no-solver") || large(p));
}

/* A switch that does not exist is an error of the test. */
static bool known_switches(void)
{
	const char *v = getenv("RDNA1_STANDIN"), *layout = getenv("RDNA1_STANDIN_LAYOUT");
	bool known = !v || !*v;

	for (size_t i = 0; i < COUNT(troubles); i++)
		known |= v && !strcmp(v, troubles[i].name);
	for (size_t i = 0; i < COUNT(other_switches); i++)
		known |= v && !strcmp(v, other_switches[i]);
	if (!known)
		fprintf(stderr,
			"stand-in MIOpen: RDNA1_STANDIN=%s is no switch; see "
			"tests/miopen/standin.h\n",
			v);
	if (layout && strcmp(layout, "5.2") && strcmp(layout, "6.2")) {
		fprintf(stderr, "stand-in MIOpen: RDNA1_STANDIN_LAYOUT=%s is not 5.2 or 6.2\n",
			layout);
		known = false;
	}
	return known;
}

/* ---- handles ---- */

const char *miopenGetErrorString(miopenStatus_t error)
{
	static const char *const names[] = {
		"miopenStatusSuccess",	       "miopenStatusNotInitialized",
		"miopenStatusInvalidValue",    "miopenStatusBadParm",
		"miopenStatusAllocFailed",     "miopenStatusInternalError",
		"miopenStatusNotImplemented",  "miopenStatusUnknownError",
		"miopenStatusUnsupportedOp",   "miopenStatusGpuOperationsSkipped",
		"miopenStatusVersionMismatch",
	};

	return (size_t)error < COUNT(names) ? names[error] : "Unknown error status";
}

miopenStatus_t miopenGetVersion(size_t *major, size_t *minor, size_t *patch)
{
	if (major)
		*major = layout_6_2() ? 3 : 2;
	if (minor)
		*minor = layout_6_2() ? 2 : 17;
	if (patch)
		*patch = 0;
	return miopenStatusSuccess;
}

static miopenStatus_t create(miopenHandle_t *handle, hipStream_t stream)
{
	struct miopenHandle *h = calloc(1, sizeof(*h));
	hipDeviceProp_t properties;
	int device;

	if (!handle || !h || !known_switches()) {
		free(h);
		return handle && h ? miopenStatusBadParm : miopenStatusInvalidValue;
	}
	if (hipGetDevice(&device) || hipGetDeviceProperties(&properties, device)) {
		free(h);
		return thrown(miopenStatusInternalError, "hip/handlehip.cpp:62", "No device");
	}
	h->stream = stream;
	h->compute_units = properties.multiProcessorCount;
	/* "gfx1010:xnack-" */
	snprintf(h->arch, sizeof(h->arch), "%.*s", (int)strcspn(properties.gcnArchName, ":"),
		 properties.gcnArchName);
	*handle = h;
	return miopenStatusSuccess;
}

miopenStatus_t miopenCreate(miopenHandle_t *handle)
{
	return create(handle, NULL);
}

miopenStatus_t miopenCreateWithStream(miopenHandle_t *handle, miopenAcceleratorQueue_t stream)
{
	return create(handle, stream);
}

miopenStatus_t miopenDestroy(miopenHandle_t h)
{
	struct found *f;

	if (!h)
		return miopenStatusBadParm;
	for (int i = 0; i < NUM_PROGRAMS; i++)
		if (h->modules[i])
			(void)hipModuleUnload(h->modules[i]);
	while ((f = h->invokers)) {
		h->invokers = f->next;
		free(f);
	}
	free(h);
	return miopenStatusSuccess;
}

miopenStatus_t miopenSetStream(miopenHandle_t h, miopenAcceleratorQueue_t stream)
{
	if (!h)
		return miopenStatusBadParm;
	h->stream = stream;
	return miopenStatusSuccess;
}

miopenStatus_t miopenGetStream(miopenHandle_t h, miopenAcceleratorQueue_t *stream)
{
	if (!h || !stream)
		return miopenStatusBadParm;
	*stream = h->stream;
	return miopenStatusSuccess;
}

miopenStatus_t miopenSetAllocator(miopenHandle_t h, miopenAllocatorFunction allocator,
				  miopenDeallocatorFunction deallocator, void *context)
{
	if (!h)
		return miopenStatusBadParm;
	h->allocator = allocator;
	h->deallocator = deallocator;
	h->allocator_context = context;
	return miopenStatusSuccess;
}

miopenStatus_t miopenEnableProfiling(miopenHandle_t h, bool enable)
{
	if (!h)
		return miopenStatusBadParm;
	h->profiling = enable;
	return miopenStatusSuccess;
}

miopenStatus_t miopenGetKernelTime(miopenHandle_t h, float *time)
{
	if (!h || !time)
		return miopenStatusBadParm;
	*time = h->kernel_ms;
	return miopenStatusSuccess;
}

/* ---- kernels ---- */

/* Once in a process, when the first kernel is asked for: there is no database of them. */
static void look_for_database(const struct miopenHandle *h)
{
	const char *directory = getenv("MIOPEN_SYSTEM_DB_PATH");
	static bool looked;
	char name[64], path[4096];

	if (__atomic_exchange_n(&looked, true, __ATOMIC_RELAXED))
		return;
	snprintf(name, sizeof(name), h->compute_units > 64 ? "%s%x.kdb" : "%s_%d.kdb", h->arch,
		 h->compute_units);
	snprintf(path, sizeof(path), "%s/%s", directory ? directory : "/opt/rocm/share/miopen/db",
		 name);
	if (access(path, R_OK))
		fprintf(stderr,
			"MIOpen(HIP): Warning [SQLiteBase] Missing system database file: %s "
			"Performance may degrade. "
			"Please follow instructions to install: "
			"https://github.com/ROCmSoftwarePlatform/MIOpen"
			"#installing-miopen-kernels-package\n",
			name);
}

miopenStatus_t load(miopenHandle_t h, enum program program)
{
	int which = !strcmp(h->arch, "gfx1010") ? 0 : !strcmp(h->arch, "gfx1030") ? 1 : -1;
	char text[100];
	hipError_t e;

	if (h->modules[program])
		return miopenStatusSuccess;
	look_for_database(h);
	if (which < 0) {
		snprintf(text, sizeof(text), "Code object build failed for %s", h->arch);
		return thrown(miopenStatusUnknownError, "hipoc/hipoc_program.cpp:294", text);
	}
	e = hipModuleLoadData(&h->modules[program], codes[program][which]);
	if (!e)
		return miopenStatusSuccess;
	snprintf(text, sizeof(text), "Failed creating module %s", hipGetErrorString(e));
	return thrown(miopenStatusUnknownError, "hipoc/hipoc_program.cpp:100", text);
}

/* The program's variable has the value that the switch and this problem ask for. */
static hipError_t set_trouble(miopenHandle_t h, enum program program, const struct problem *p)
{
	unsigned int value = TROUBLE_NONE;
	hipDeviceptr_t at;
	size_t size;
	hipError_t e;

	for (size_t i = 0; i < COUNT(troubles); i++)
		if (knows[program] >> troubles[i].value & 1 && switched(troubles[i].name, p))
			value = troubles[i].value;
	if (h->trouble[program] == value)
		return hipSuccess;
	e = hipModuleGetGlobal(&at, &size, h->modules[program], "standin_trouble");
	if (!e)
		e = hipMemcpyHtoD(at, &value, sizeof(value));
	if (!e)
		h->trouble[program] = value;
	return e;
}

miopenStatus_t launch(miopenHandle_t h, enum program program, const struct problem *p,
		      const char *kernel, const size_t grid[3], size_t block, const void *arguments,
		      size_t size)
{
	void *extra[] = {HIP_LAUNCH_PARAM_BUFFER_POINTER, (void *)arguments,
			 HIP_LAUNCH_PARAM_BUFFER_SIZE, &size, HIP_LAUNCH_PARAM_END};
	miopenStatus_t status = load(h, program);
	hipFunction_t function;
	char text[600];
	hipError_t e;

	if (status)
		return status;
	e = set_trouble(h, program, p);
	if (!e)
		e = hipModuleGetFunction(&function, h->modules[program], kernel);
	if (!e)
		e = hipModuleLaunchKernel(function, grid[0] / block, grid[1], grid[2], block, 1, 1,
					  0, h->stream, NULL, extra);
	if (!e)
		return miopenStatusSuccess;
	snprintf(text, sizeof(text), "Failed to launch kernel %s: %s", kernel,
		 hipGetErrorString(e));
	return thrown(miopenStatusUnknownError, "hipoc/hipoc_kernel.cpp:111", text);
}
