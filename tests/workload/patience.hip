// SPDX-License-Identifier: MIT
/*
 * What a watchdog must not call a hang: patience MODE SECONDS takes about SECONDS, most of it in
 *   host      the GPU's queue waits for a word that the host sets: hipStreamWaitValue32, a barrier-value packet
 *   spin      the same call as HIP 5.2.3 makes it by itself: a kernel that spins, __amd_rocclr_streamOpsWait
 *   barrier   it waits in a barrier-AND packet for a signal that the host completes (HSA)
 *   callback  a stream waits for a function on the host, which sleeps
 *   kernel    one dispatch of a kernel that ran before, at once larger by so many groups
 *   first     one dispatch of a kernel that never ran
 *   compile   hipRTC compiles, the queue is idle
 *   idle      nothing
 * How large a kernel must be is measured, so that it takes SECONDS on any device. Each result is verified.
 */
#include "hip_check.h"

#include <chrono>
#include <hip/hiprtc.h>
#include <hsa/hsa.h>
#include <string>
#include <thread>

enum { BLOCK = 256 };

/* A value that only so many steps lead to. */
__host__ __device__ static inline unsigned int steps(unsigned int seed, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		seed = seed * 1664525u + (seed >> 7 ^ i);
	return seed;
}

extern "C" __global__ void patience_short(unsigned int *out, unsigned int n)
{
	out[blockIdx.x * blockDim.x + threadIdx.x] = steps(threadIdx.x, n);
}

extern "C" __global__ void patience_kernel(unsigned int *out, unsigned int n)
{
	out[blockIdx.x * blockDim.x + threadIdx.x] = steps(threadIdx.x, n);
}

extern "C" __global__ void patience_first(unsigned int *out, unsigned int n)
{
	out[blockIdx.x * blockDim.x + threadIdx.x] = steps(threadIdx.x, n);
}

typedef void (*kernel_t)(unsigned int *out, unsigned int n);

static double seconds;

static double now(void)
{
	return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static void sleep_seconds(double s)
{
	std::this_thread::sleep_for(std::chrono::duration<double>(s));
}

static void expect_steps(const unsigned int *from, size_t groups, unsigned int n)
{
	std::vector<unsigned int> got(groups * BLOCK), want(BLOCK);

	copy_back(got, from);
	for (unsigned int t = 0; t < BLOCK; t++)
		want[t] = steps(t, n);
	for (size_t i = 0; i < got.size(); i++)
		expect_same("steps", i, got[i], want[i % BLOCK]);
}

static void launched(const char *kernel)
{
	HIP(hipGetLastError());
	std::printf("launched %s 1 times\n", kernel);
	std::fflush(stdout);
}

/* One dispatch; how long until its end. */
static double run(const char *name, kernel_t kernel, size_t groups, unsigned int n)
{
	unsigned int *out;
	double begin;

	HIP(hipMalloc((void **)&out, groups * BLOCK * sizeof(*out)));
	HIP(hipDeviceSynchronize());
	begin = now();
	kernel<<<(unsigned int)groups, BLOCK>>>(out, n);
	launched(name);
	HIP(hipDeviceSynchronize());
	begin = now() - begin;
	std::printf("%zu groups, %u steps: %.3f s\n", groups, n, begin);
	expect_steps(out, groups, n);
	HIP(hipFree(out));
	return begin;
}

/* Steps after which `groups` of the kernel take about `want` seconds. */
static unsigned int measure_steps(const char *name, kernel_t kernel, size_t groups, double want)
{
	unsigned int n = 100;
	double took;

	run(name, kernel, groups, n); /* the first pays for what is made once */
	for (;;) {
		took = run(name, kernel, groups, n);
		if (took > want / 4 || n > 1u << 30)
			break;
		n = took > 1e-3 && want / took < 16 ? (unsigned int)(n * want / took) : n * 8;
	}
	return (unsigned int)(n * want / took) + 1;
}

/* ---- the queue waits for the host ---- */

static void host(void)
{
	unsigned int *word, *out;
	hipStream_t stream;

	HIP(hipExtMallocWithFlags((void **)&word, 8, hipMallocSignalMemory));
	HIP(hipMalloc((void **)&out, BLOCK * sizeof(*out)));
	HIP(hipStreamCreate(&stream));
	*word = 0;
	HIP(hipStreamWaitValue32(stream, word, 1, hipStreamWaitValueEq, 0xffffffff));
	patience_short<<<1, BLOCK, 0, stream>>>(out, 10);
	launched("patience_short");
	sleep_seconds(seconds);
	expect_that(hipStreamQuery(stream) == hipErrorNotReady, "the stream has not waited", 0);
	__atomic_store_n(word, 1, __ATOMIC_RELEASE);
	HIP(hipStreamSynchronize(stream));
	expect_steps(out, 1, 10);
}

static void must(hsa_status_t status, const char *what)
{
	if (status == HSA_STATUS_SUCCESS)
		return;
	std::fprintf(stderr, "%s: status 0x%x\n", what, (unsigned int)status);
	std::exit(3);
}
#define HSA(call) must(call, #call)

static hsa_status_t take_gpu(hsa_agent_t agent, void *to)
{
	hsa_device_type_t type;

	HSA(hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type));
	if (type == HSA_DEVICE_TYPE_GPU)
		*(hsa_agent_t *)to = agent;
	return HSA_STATUS_SUCCESS;
}

static void put_barrier(hsa_queue_t *q, hsa_signal_t wait_for, hsa_signal_t done)
{
	uint64_t index = hsa_queue_add_write_index_relaxed(q, 1);
	hsa_barrier_and_packet_t *p = (hsa_barrier_and_packet_t *)q->base_address + index % q->size;

	std::memset((char *)p + 2, 0, sizeof(*p) - 2);
	p->dep_signal[0] = wait_for;
	p->completion_signal = done;
	__atomic_store_n(&p->header,
			 (uint16_t)(HSA_PACKET_TYPE_BARRIER_AND | 1 << HSA_PACKET_HEADER_BARRIER),
			 __ATOMIC_RELEASE);
	hsa_signal_store_screlease(q->doorbell_signal, (hsa_signal_value_t)index);
}

/* A second packet waits behind the first. */
static void barrier(void)
{
	hsa_signal_t wait_for, first, second;
	hsa_agent_t gpu = {};
	hsa_queue_t *q;

	HSA(hsa_init());
	HSA(hsa_iterate_agents(take_gpu, &gpu));
	HSA(hsa_signal_create(1, 0, nullptr, &wait_for));
	HSA(hsa_signal_create(1, 0, nullptr, &first));
	HSA(hsa_signal_create(1, 0, nullptr, &second));
	HSA(hsa_queue_create(gpu, 64, HSA_QUEUE_TYPE_SINGLE, nullptr, nullptr, UINT32_MAX, UINT32_MAX, &q));
	put_barrier(q, wait_for, first);
	put_barrier(q, hsa_signal_t{}, second);
	sleep_seconds(seconds);
	expect_same("the packet has not waited", 0, hsa_signal_load_scacquire(first), (hsa_signal_value_t)1);
	expect_same("the packet behind it", 0, hsa_signal_load_scacquire(second), (hsa_signal_value_t)1);
	hsa_signal_store_screlease(wait_for, 0);
	hsa_signal_wait_scacquire(second, HSA_SIGNAL_CONDITION_LT, 1, UINT64_MAX, HSA_WAIT_STATE_BLOCKED);
	expect_same("the packet has gone on", 0, hsa_signal_load_scacquire(first), (hsa_signal_value_t)0);
	HSA(hsa_queue_destroy(q));
	HSA(hsa_shut_down());
}

static void sleep_on_host(hipStream_t, hipError_t, void *slept)
{
	sleep_seconds(seconds);
	*(bool *)slept = true;
}

static void callback(void)
{
	bool slept = false;
	unsigned int *out;
	hipStream_t stream;

	HIP(hipMalloc((void **)&out, 2 * BLOCK * sizeof(*out)));
	HIP(hipStreamCreate(&stream));
	patience_short<<<1, BLOCK, 0, stream>>>(out, 10);
	launched("patience_short");
	HIP(hipStreamAddCallback(stream, sleep_on_host, &slept, 0));
	patience_short<<<1, BLOCK, 0, stream>>>(out + BLOCK, 10);
	launched("patience_short");
	HIP(hipStreamSynchronize(stream));
	expect_that(slept, "the function on the host has not run", 0);
	expect_steps(out, 2, 10);
}

/* ---- the GPU works ---- */

enum { GROUPS = 64 }; /* enough for every worker of an emulated device */

/* So many groups more of what took a tenth of the time, or a second, four times before. */
static void kernel(void)
{
	double small = seconds / 10 < 1 ? seconds / 10 : 1, took = 0;
	unsigned int n = measure_steps("patience_kernel", patience_kernel, GROUPS, small);

	for (int i = 0; i < 4; i++)
		took += run("patience_kernel", patience_kernel, GROUPS, n) / 4;
	run("patience_kernel", patience_kernel, (size_t)(GROUPS * seconds / took) + 1, n);
}

static void first(void)
{
	double small = seconds / 10 < 1 ? seconds / 10 : 1;
	unsigned int n = measure_steps("patience_short", patience_short, GROUPS, small);

	run("patience_first", patience_first, GROUPS, (unsigned int)(n * seconds / small));
}

/* ---- the queue is idle ---- */

#define RTC(call)                                                                                  \
	do {                                                                                       \
		hiprtcResult err_ = (call);                                                        \
                                                                                                   \
		if (err_ != HIPRTC_SUCCESS) {                                                      \
			std::fprintf(stderr, "%s: %s\n", #call, hiprtcGetErrorString(err_));       \
			std::exit(3);                                                              \
		}                                                                                  \
	} while (0)

/* A program that nobody has compiled before, loaded. */
static hipFunction_t compiled(unsigned int number)
{
	std::string text = "extern \"C\" __global__ void patience_rtc(unsigned int *out) { out[threadIdx.x] = "
			   "threadIdx.x * " + std::to_string(number) + "u; }";
	hiprtcProgram program;
	std::vector<char> code;
	hipFunction_t function;
	hipModule_t module;
	size_t size;

	RTC(hiprtcCreateProgram(&program, text.c_str(), "patience.hip", 0, nullptr, nullptr));
	RTC(hiprtcCompileProgram(program, 0, nullptr));
	RTC(hiprtcGetCodeSize(program, &size));
	code.resize(size);
	RTC(hiprtcGetCode(program, code.data()));
	RTC(hiprtcDestroyProgram(&program));
	HIP(hipModuleLoadData(&module, code.data()));
	HIP(hipModuleGetFunction(&function, module, "patience_rtc"));
	return function;
}

static void compile(void)
{
	std::vector<unsigned int> got(BLOCK);
	double end = now() + seconds;
	hipFunction_t function;
	unsigned int n = 0, *out;
	void *params[] = {&out};

	HIP(hipMalloc((void **)&out, BLOCK * sizeof(*out)));
	do
		function = compiled(++n);
	while (now() < end);
	HIP(hipModuleLaunchKernel(function, 1, 1, 1, BLOCK, 1, 1, 0, nullptr, params, nullptr));
	launched("patience_rtc");
	HIP(hipDeviceSynchronize());
	copy_back(got, out);
	for (unsigned int t = 0; t < BLOCK; t++)
		expect_same("compiled", t, got[t], t * n);
	std::printf("compiled %u programs\n", n);
}

static void idle(void)
{
	sleep_seconds(seconds);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {{"host", host},     {"spin", host},   {"barrier", barrier}, {"callback", callback},
		     {"kernel", kernel}, {"first", first}, {"compile", compile}, {"idle", idle}};
	char *end = nullptr;
	double begin;

	seconds = argc == 3 ? std::strtod(argv[2], &end) : 0;
	for (size_t i = 0; end && !*end && seconds >= 0.1 && seconds <= 3600 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (std::strcmp(argv[1], modes[i].name))
			continue;
		if (modes[i].run == host) /* HIP reads it at its first call */
			setenv("GPU_STREAMOPS_CP_WAIT", std::strcmp(argv[1], "spin") ? "1" : "0", 1);
		run("patience_short", patience_short, 1, 10); /* there is a queue, and it has worked */
		begin = now();
		modes[i].run();
		std::printf("%s took %.1f s\n", argv[1], now() - begin);
		run("patience_short", patience_short, 1, 10);
		if (verdict())
			return 1;
		std::printf("patience %s ok\n", argv[1]);
		return 0;
	}
	std::fprintf(stderr, "usage: patience host|spin|barrier|callback|kernel|first|compile|idle SECONDS\n"
			     "       SECONDS from 0.1 to 3600\n");
	return 2;
}
