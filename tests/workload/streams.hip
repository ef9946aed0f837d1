// SPDX-License-Identifier: MIT
/*
 * Streams and events: order within a stream, none between streams but what events give, callbacks, times,
 * many threads that produce at once.
 */
#include "hip_check.h"

#include <atomic>
#include <chrono>
#include <thread>

enum { N = 4096, STEPS = 20, THREADS = 6 };

__global__ void add_one(unsigned int *v, unsigned int n)
{
	unsigned int i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i < n)
		v[i]++;
}

/* Slow enough that what does not wait for it would be seen to. */
__global__ void fill_slowly(unsigned int *v, unsigned int n, unsigned int with, unsigned int turns)
{
	unsigned int i = blockIdx.x * blockDim.x + threadIdx.x, x = with;

	for (unsigned int k = 0; k < turns; k++)
		x = x * 1664525u + (i ^ k);
	if (i < n)
		v[i] = with + (x == 12345u && turns == 1u);
}

__global__ void add_both(const unsigned int *a, const unsigned int *b, unsigned int *out, unsigned int n)
{
	unsigned int i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i < n)
		out[i] = a[i] + b[i];
}

static void check_all(const char *what, const std::vector<unsigned int> &v, unsigned int want)
{
	for (size_t i = 0; i < v.size(); i++)
		expect_same(what, i, v[i], want);
}

/* a and b are made on two streams, added on a third that waits for both events. */
static void wait_for_events(void)
{
	std::vector<unsigned int> out(N);
	unsigned int *a = device_array<unsigned int>("a", N), *b = device_array<unsigned int>("b", N);
	unsigned int *sum = device_array<unsigned int>("sum", N);
	hipStream_t s[3];
	hipEvent_t e[2];

	for (auto &x : s)
		HIP(hipStreamCreateWithFlags(&x, hipStreamNonBlocking));
	for (auto &x : e)
		HIP(hipEventCreateWithFlags(&x, hipEventDisableTiming));
	for (unsigned int turn = 1; turn <= 5; turn++) {
		fill_slowly<<<N / 256, 256, 0, s[0]>>>(a, N, turn, 500);
		HIP(hipEventRecord(e[0], s[0]));
		fill_slowly<<<N / 256, 256, 0, s[1]>>>(b, N, 1000 * turn, 300);
		HIP(hipEventRecord(e[1], s[1]));
		HIP(hipStreamWaitEvent(s[2], e[0], 0));
		HIP(hipStreamWaitEvent(s[2], e[1], 0));
		add_both<<<N / 256, 256, 0, s[2]>>>(a, b, sum, N);
		HIP(hipMemcpyAsync(out.data(), sum, N * 4, hipMemcpyDeviceToHost, s[2]));
		HIP(hipStreamSynchronize(s[2]));
		check_all("sum of two streams", out, 1001 * turn);
	}
	for (auto &x : s)
		HIP(hipStreamDestroy(x));
	for (auto &x : e)
		HIP(hipEventDestroy(x));
}

struct seen {
	const unsigned int *pinned;
	unsigned int order[4], n;
};

static void called(hipStream_t, hipError_t status, void *data)
{
	seen *s = (seen *)data;

	if (status == hipSuccess && s->n < 4)
		s->order[s->n++] = *(volatile const unsigned int *)s->pinned;
}

/* Between two kernels of a stream a callback sees what the first has done and not what the second will. */
static void call_back(void)
{
	unsigned int *pinned;
	hipStream_t stream;
	seen s = {};

	HIP(hipHostMalloc((void **)&pinned, 64 * 4, hipHostMallocCoherent));
	std::memset(pinned, 0, 64 * 4);
	s.pinned = pinned;
	HIP(hipStreamCreate(&stream));
	/* hipLaunchHostFunc is in the header of 5.2.3 and not in its library. */
	for (int i = 0; i < 4; i++) {
		add_one<<<1, 64, 0, stream>>>(pinned, 64);
		HIP(hipStreamAddCallback(stream, called, &s, 0));
	}
	HIP(hipStreamSynchronize(stream));
	for (unsigned int i = 0; i < 4; i++)
		expect_same("callback", i, s.order[i], i + 1);
	HIP(hipStreamDestroy(stream));
	HIP(hipHostFree(pinned));
}

/* The device's times lie within the host's. */
static void measure(void)
{
	unsigned int *v = device_array<unsigned int>("timed", N);
	hipEvent_t begin, mid, end;
	float first = -1, second = -1, both = -1;

	HIP(hipEventCreate(&begin));
	HIP(hipEventCreate(&mid));
	HIP(hipEventCreate(&end));
	fill_slowly<<<N / 256, 256>>>(v, N, 1, 10);
	HIP(hipDeviceSynchronize());
	auto t0 = std::chrono::steady_clock::now();
	HIP(hipEventRecord(begin));
	fill_slowly<<<N / 256, 256>>>(v, N, 1, 3000);
	HIP(hipEventRecord(mid));
	fill_slowly<<<N / 256, 256>>>(v, N, 2, 300);
	HIP(hipEventRecord(end));
	HIP(hipEventSynchronize(end));
	float wall = std::chrono::duration<float, std::milli>(std::chrono::steady_clock::now() - t0).count();

	HIP(hipEventQuery(begin));
	HIP(hipEventElapsedTime(&first, begin, mid));
	HIP(hipEventElapsedTime(&second, mid, end));
	HIP(hipEventElapsedTime(&both, begin, end));
	std::printf("device %.2f + %.2f = %.2f ms, host %.2f ms\n", first, second, both, wall);
	expect_that(first > 0 && second > 0, "times of two kernels", 0);
	expect_that(both > first && both < wall + 1 && first + second < both + 0.1f, "time of both", 0);
}

/* Each thread its own stream and memory; copies in and out among the kernels. */
static void produce(unsigned int which)
{
	std::vector<unsigned int> v(N, which), out(N);
	hipStream_t stream;
	unsigned int *d;

	HIP(hipStreamCreate(&stream));
	HIP(hipMalloc((void **)&d, N * 4));
	for (unsigned int i = 0; i < STEPS; i++) {
		HIP(hipMemcpyAsync(d, v.data(), N * 4, hipMemcpyHostToDevice, stream));
		for (unsigned int k = 0; k <= i % 4; k++)
			add_one<<<N / 256, 256, 0, stream>>>(d, N);
		HIP(hipMemcpyAsync(out.data(), d, N * 4, hipMemcpyDeviceToHost, stream));
		HIP(hipStreamSynchronize(stream));
		for (unsigned int x : out)
			if (x != which + i % 4 + 1) {
				std::printf("thread %u, step %u: %u\n", which, i, x);
				std::exit(1);
			}
	}
	HIP(hipFree(d));
	HIP(hipStreamDestroy(stream));
}

/* The null stream waits for blocking streams, and they for it. */
static void through_null(void)
{
	std::vector<unsigned int> out(N);
	unsigned int *v = device_array<unsigned int>("null", N);
	hipStream_t stream;

	HIP(hipStreamCreate(&stream));
	fill_slowly<<<N / 256, 256, 0, stream>>>(v, N, 5, 2000);
	add_one<<<N / 256, 256>>>(v, N);
	add_one<<<N / 256, 256, 0, stream>>>(v, N);
	HIP(hipMemcpy(out.data(), v, N * 4, hipMemcpyDeviceToHost));
	check_all("past the null stream", out, 7);
	expect_that(hipStreamQuery(stream) == hipSuccess, "stream at rest", 0);
	HIP(hipStreamDestroy(stream));
}

int main(int argc, char **)
{
	std::vector<std::thread> pool;

	if (argc > 1) {
		std::fprintf(stderr, "usage: streams\n");
		return 2;
	}
	wait_for_events();
	call_back();
	measure();
	through_null();
	for (unsigned int t = 0; t < THREADS; t++)
		pool.emplace_back(produce, 100 * t);
	for (auto &t : pool)
		t.join();
	return verdict();
}
