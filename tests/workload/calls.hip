// SPDX-License-Identifier: MIT
/*
 * Calls of HIP that the other programs do not make: symbols, all of LDS at run time, memory in stream order,
 * graphs, streams that wait for a value in memory, clocks.
 */
#include "hip_check.h"

enum { N = 256, LDS_INTS = 64 * 1024 / 4 };

__constant__ int table[64];
__device__ int factor = 5;
__device__ unsigned int counter;
extern __shared__ int dynamic[];

__global__ void with_symbols(int *out)
{
	int i = (int)threadIdx.x;

	out[i] = table[i % 64] * factor + i;
	atomicAdd(&counter, 1u);
}

__global__ void reverse(int *out, int n)
{
	for (int i = (int)threadIdx.x; i < n; i += (int)blockDim.x)
		dynamic[i] = i * i;
	__syncthreads();
	for (int i = (int)threadIdx.x; i < n; i += (int)blockDim.x)
		out[i] = dynamic[n - 1 - i];
}

__global__ void add_one(int *v)
{
	v[threadIdx.x]++;
}

__global__ void clocks(long long *out)
{
	long long begin = clock64();

	out[1] = (long long)__builtin_readcyclecounter();
	__threadfence();
	out[0] = clock64() - begin;
}

static void check_all(const char *what, const std::vector<int> &v, int want)
{
	for (size_t i = 0; i < v.size(); i++)
		expect_same(what, i, v[i], want);
}

static void symbols(void)
{
	int values[64], by = 0;
	unsigned int n = 0;
	std::vector<int> got(N);
	int *d = device_array<int>("symbols", N);

	for (int i = 0; i < 64; i++)
		values[i] = i * 3 - 50;
	HIP(hipMemcpyToSymbol(HIP_SYMBOL(table), values, sizeof(values)));
	HIP(hipMemcpyFromSymbol(&by, HIP_SYMBOL(factor), sizeof(by)));
	expect_same("initial value", 0, by, 5);
	by = -7;
	HIP(hipMemcpyToSymbol(HIP_SYMBOL(factor), &by, sizeof(by)));
	with_symbols<<<1, N>>>(d);
	copy_back(got, d);
	for (int i = 0; i < N; i++)
		expect_same("symbols", i, got[i], values[i % 64] * by + i);
	HIP(hipMemcpyFromSymbol(&n, HIP_SYMBOL(counter), sizeof(n)));
	expect_same("counter", 0, n, (unsigned int)N);
}

static void all_of_lds(void)
{
	std::vector<int> got(LDS_INTS);
	int *d = device_array<int>("lds", LDS_INTS);

	reverse<<<1, N, LDS_INTS * 4>>>(d, LDS_INTS);
	HIP(hipGetLastError());
	copy_back(got, d);
	for (int i = 0; i < LDS_INTS; i++)
		expect_same("all of LDS", i, got[i], (LDS_INTS - 1 - i) * (LDS_INTS - 1 - i));
}

static void in_stream_order(hipStream_t stream)
{
	std::vector<int> got(N);
	int *d;

	for (int turn = 0; turn < 3; turn++) {
		HIP(hipMallocAsync((void **)&d, N * 4, stream));
		HIP(hipMemsetAsync(d, 0, N * 4, stream));
		add_one<<<1, N, 0, stream>>>(d);
		HIP(hipMemcpyAsync(got.data(), d, N * 4, hipMemcpyDeviceToHost, stream));
		HIP(hipFreeAsync(d, stream));
		HIP(hipStreamSynchronize(stream));
		check_all("memory in stream order", got, 1);
	}
}

static void graphs(hipStream_t stream)
{
	std::vector<int> got(N);
	int *d = device_array<int>("graph", N);
	hipGraph_t graph;
	hipGraphExec_t exec;

	HIP(hipMemset(d, 0, N * 4));
	HIP(hipStreamBeginCapture(stream, hipStreamCaptureModeGlobal));
	for (int i = 0; i < 5; i++)
		add_one<<<1, N, 0, stream>>>(d);
	HIP(hipStreamEndCapture(stream, &graph));
	HIP(hipGraphInstantiate(&exec, graph, nullptr, nullptr, 0));
	for (int i = 0; i < 3; i++)
		HIP(hipGraphLaunch(exec, stream));
	HIP(hipStreamSynchronize(stream));
	copy_back(got, d);
	check_all("graph", got, 15);
	HIP(hipGraphExecDestroy(exec));
	HIP(hipGraphDestroy(graph));
}

/* One stream waits until another has written. */
static void values(hipStream_t writer)
{
	std::vector<int> got(N);
	int *d = device_array<int>("values", N);
	uint64_t *word = nullptr;
	hipStream_t waiter;

	HIP(hipExtMallocWithFlags((void **)&word, 8, hipMallocSignalMemory));
	*(volatile uint64_t *)word = 0;
	HIP(hipStreamCreateWithFlags(&waiter, hipStreamNonBlocking));
	HIP(hipMemset(d, 0, N * 4));
	HIP(hipDeviceSynchronize());
	HIP(hipStreamWaitValue32(waiter, word, 3, hipStreamWaitValueEq, 0xffffffff));
	add_one<<<1, N, 0, waiter>>>(d);
	expect_that(hipStreamQuery(waiter) == hipErrorNotReady, "waiting for the value", 0);
	HIP(hipStreamWriteValue32(writer, word, 3, 0));
	HIP(hipStreamSynchronize(writer));
	HIP(hipStreamSynchronize(waiter));
	copy_back(got, d);
	check_all("past the value", got, 1);
	HIP(hipStreamDestroy(waiter));
	HIP(hipFree(word));
}

int main(int argc, char **)
{
	std::vector<long long> times(2);
	hipStream_t stream;

	if (argc > 1) {
		std::fprintf(stderr, "usage: calls\n");
		return 2;
	}
	HIP(hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
	symbols();
	all_of_lds();
	graphs(stream);
	values(stream);
	/* Last: HIP 5.2.3 loops for ever in hipStreamDestroy, of any stream, once a pool has freed memory. */
	in_stream_order(stream);
	long long *d = device_array<long long>("clocks", 2);

	clocks<<<1, 1>>>(d);
	copy_back(times, d);
	expect_that(times[0] > 0 && times[1] > 0, "clocks", 0);
	return verdict();
}
