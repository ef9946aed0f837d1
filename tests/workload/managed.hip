// SPDX-License-Identifier: MIT
/*
 * Memory of every kind that HIP gives, read and written from both sides; copies of every kind between
 * them, of sizes and at addresses that are no multiple of anything.
 */
#include "hip_check.h"

#include <sys/mman.h>

enum { N = 5000 };

__global__ void times_three(unsigned int *v, unsigned int n)
{
	unsigned int i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i < n)
		v[i] = v[i] * 3 + i;
}

__global__ void count_up(unsigned int *v)
{
	atomicAdd_system(v, 1u);
}

/* The device's pointer to n values the host wrote; the device changes them, the host reads. */
static void both_sides(const char *what, unsigned int *host, unsigned int *device)
{
	for (unsigned int turn = 0; turn < 3; turn++) {
		for (unsigned int i = 0; i < N; i++)
			host[i] = i ^ turn;
		times_three<<<(N + 255) / 256, 256>>>(device, N);
		HIP(hipDeviceSynchronize());
		for (unsigned int i = 0; i < N; i++)
			expect_same(what, i, host[i], (i ^ turn) * 3 + i);
	}
	host[0] = 1;
	count_up<<<3, 64>>>(device);
	HIP(hipDeviceSynchronize());
	expect_same(what, N, host[0], 1u + 3 * 64);
}

static void pinned(void)
{
	static const struct {
		const char *name;
		unsigned int flags;
	} kinds[] = {
		{"hipHostMalloc", hipHostMallocDefault},
		{"hipHostMalloc mapped", hipHostMallocMapped},
		{"hipHostMalloc portable", hipHostMallocPortable},
		{"hipHostMalloc coherent", hipHostMallocCoherent},
		{"hipHostMalloc noncoherent", hipHostMallocNonCoherent},
		{"hipHostMalloc write combined", hipHostMallocWriteCombined},
		{"hipHostMalloc numa", hipHostMallocNumaUser},
	};

	for (const auto &k : kinds) {
		unsigned int *host = nullptr, *device = nullptr;

		HIP(hipHostMalloc((void **)&host, N * 4, k.flags));
		HIP(hipHostGetDevicePointer((void **)&device, host, 0));
		both_sides(k.name, host, device);
		HIP(hipHostFree(host));
	}
}

static void managed(void)
{
	unsigned int *v = nullptr;

	HIP(hipMallocManaged((void **)&v, N * 4));
	both_sides("hipMallocManaged", v, v);
	HIP(hipMemset(v, 0x11, N * 4));
	HIP(hipDeviceSynchronize());
	for (unsigned int i = 0; i < N; i++)
		expect_same("hipMemset of managed memory", i, v[i], 0x11111111u);
	HIP(hipFree(v));
}

/* Memory of malloc and of mmap, not at the beginning of a page. */
static void registered(void)
{
	std::vector<unsigned int> v(N + 3);
	unsigned int *device = nullptr;
	void *map = mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	HIP(hipHostRegister(v.data() + 3, N * 4, hipHostRegisterDefault));
	HIP(hipHostGetDevicePointer((void **)&device, v.data() + 3, 0));
	both_sides("hipHostRegister", v.data() + 3, device);
	HIP(hipHostUnregister(v.data() + 3));
	HIP(hipHostRegister(map, 1 << 20, hipHostRegisterMapped));
	HIP(hipHostGetDevicePointer((void **)&device, map, 0));
	both_sides("hipHostRegister of a mapping", (unsigned int *)map, device);
	HIP(hipHostUnregister(map));
	munmap(map, 1 << 20);
}

/* Exactly these bytes are copied, and none beside them; from and to pageable memory, and device to device. */
static void sizes(void)
{
	static const size_t bytes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 17, 31, 33, 63, 65, 255, 257, 4095, 4097, 65535, 70001};
	const size_t most = 80000;
	std::vector<unsigned char> from(most), back(most);
	unsigned char *a = device_array<unsigned char>("a", most), *b = device_array<unsigned char>("b", most);
	uint32_t seed = 9;

	for (auto &x : from)
		x = (unsigned char)next_random(&seed);
	for (size_t n : bytes)
		for (size_t at : {0, 1, 2, 3, 4, 13}) {
			size_t to = at * 7 % 16;

			HIP(hipMemset(a, 0xaa, n + 64));
			HIP(hipMemset(b, 0xbb, n + 64));
			HIP(hipMemcpy(a + at, &from[at], n, hipMemcpyHostToDevice));
			HIP(hipMemcpy(b + to, a + at, n, hipMemcpyDeviceToDevice));
			HIP(hipMemcpy(back.data(), b, n + 64, hipMemcpyDeviceToHost));
			bool right = !std::memcmp(&back[to], &from[at], n);

			for (size_t i = 0; i < n + 64; i++)
				right &= (i >= to && i < to + n) || back[i] == 0xbb;
			expect_that(right, "copy of bytes", n * 100 + at);
		}
	device_free("a", a);
	device_free("b", b);
}

static void fills(void)
{
	std::vector<unsigned char> v(10000), want(10000, 1);
	unsigned char *d = device_array<unsigned char>("filled", v.size());
	hipStream_t stream;

	auto put = [&](size_t at, size_t n, unsigned int value, size_t size) {
		for (size_t i = 0; i < n * size; i++)
			want[at + i] = (unsigned char)(value >> i % size * 8);
	};
	HIP(hipStreamCreate(&stream));
	HIP(hipMemset(d, 1, v.size()));
	HIP(hipMemset(d + 1, 0x5a, 77));
	put(1, 77, 0x5a, 1);
	HIP(hipMemsetD8((hipDeviceptr_t)(d + 103), 0x6b, 1001));
	put(103, 1001, 0x6b, 1);
	HIP(hipMemsetD16((hipDeviceptr_t)(d + 2002), 0x1234, 333));
	put(2002, 333, 0x1234, 2);
	HIP(hipMemsetD32((hipDeviceptr_t)(d + 4004), 0x76543210, 555));
	put(4004, 555, 0x76543210, 4);
	HIP(hipDeviceSynchronize());
	HIP(hipMemsetAsync(d + 7001, 0x3c, 999, stream));
	put(7001, 999, 0x3c, 1);
	HIP(hipMemsetD32Async((hipDeviceptr_t)(d + 8800), -2, 100, stream));
	put(8800, 100, -2, 4);
	HIP(hipStreamSynchronize(stream));
	HIP(hipMemcpy(v.data(), d, v.size(), hipMemcpyDeviceToHost));
	for (size_t i = 0; i < v.size(); i++)
		expect_same("filled", i, v[i], want[i]);
	HIP(hipStreamDestroy(stream));
	device_free("filled", d);
}

/* A rectangle, then a box, into the middle of larger ones and back out. */
static void rectangles(void)
{
	const size_t w = 100, h = 37, deep = 5, x = 13, y = 4, z = 1;
	std::vector<unsigned char> from(w * h * deep), back(from.size(), 7);
	size_t pitch = 0;
	void *flat = nullptr;
	hipPitchedPtr box = {};
	uint32_t seed = 10;

	for (auto &c : from)
		c = (unsigned char)next_random(&seed);
	HIP(hipMallocPitch(&flat, &pitch, w, h));
	HIP(hipMemset2D(flat, pitch, 0xee, w, h));
	HIP(hipMemcpy2D((char *)flat + y * pitch + x, pitch, &from[3], w, 50, 20, hipMemcpyHostToDevice));
	HIP(hipMemcpy2D(back.data(), w, flat, pitch, w, h, hipMemcpyDeviceToHost));
	for (size_t i = 0; i < w * h; i++) {
		size_t c = i % w - x, r = i / w - y;

		expect_same("rectangle", i, back[i], c < 50 && r < 20 ? from[3 + r * w + c] : (unsigned char)0xee);
	}
	HIP(hipFree(flat));

	hipExtent whole = make_hipExtent(w, h, deep);
	hipMemcpy3DParms p = {};

	HIP(hipMalloc3D(&box, whole));
	HIP(hipMemset3D(box, 0xdd, whole));
	p.srcPtr = make_hipPitchedPtr(from.data(), w, w, h);
	p.dstPtr = box;
	p.dstPos = make_hipPos(x, y, z);
	p.extent = make_hipExtent(60, 21, 3);
	p.kind = hipMemcpyHostToDevice;
	HIP(hipMemcpy3D(&p));
	p = {};
	p.srcPtr = box;
	p.dstPtr = make_hipPitchedPtr(back.data(), w, w, h);
	p.extent = whole;
	p.kind = hipMemcpyDeviceToHost;
	HIP(hipMemcpy3D(&p));
	for (size_t i = 0; i < from.size(); i++) {
		size_t c = i % w - x, r = i / w % h - y, s = i / (w * h) - z;

		expect_same("box", i, back[i],
			    c < 60 && r < 21 && s < 3 ? from[s * w * h + r * w + c] : (unsigned char)0xdd);
	}
	HIP(hipFree(box.ptr));
}

/* Pinned memory both ways, without waiting between; more than ROCr copies at once (4 MiB less a little). */
static void asynchronous(void)
{
	const size_t n = (9 << 20) / 4 + 3;
	unsigned int *host, *device = device_array<unsigned int>("big", n), wrong = 0;
	hipStream_t stream;

	HIP(hipHostMalloc((void **)&host, 2 * n * 4, hipHostMallocDefault));
	for (size_t i = 0; i < n; i++) {
		host[i] = (unsigned int)i * 2654435761u;
		host[n + i] = 0;
	}
	HIP(hipStreamCreate(&stream));
	HIP(hipMemcpyAsync(device, host, n * 4, hipMemcpyHostToDevice, stream));
	HIP(hipMemcpyAsync(host + n, device, n * 4, hipMemcpyDeviceToHost, stream));
	HIP(hipStreamSynchronize(stream));
	for (size_t i = 0; i < n; i++)
		wrong += host[n + i] != host[i];
	expect_same("asynchronous copies", 0, wrong, 0u);
	HIP(hipStreamDestroy(stream));
	HIP(hipHostFree(host));
}

/* Fine-grained memory of the device's is there with HSA_FORCE_FINE_GRAIN_PCIE=1, and not otherwise. */
static void fine_grained(void)
{
	const char *forced = std::getenv("HSA_FORCE_FINE_GRAIN_PCIE");
	std::vector<unsigned int> v(N, 1);
	unsigned int *d = nullptr;
	hipError_t err = hipExtMallocWithFlags((void **)&d, N * 4, hipDeviceMallocFinegrained);

	if (!forced || *forced != '1') {
		expect_that(err == hipErrorOutOfMemory, "no fine-grained memory", (size_t)err);
		(void)hipGetLastError();
		return;
	}
	HIP(err);
	std::printf("hipExtMallocWithFlags fine %p %d bytes\n", (void *)d, N * 4);
	HIP(hipMemcpy(d, v.data(), N * 4, hipMemcpyHostToDevice));
	times_three<<<(N + 255) / 256, 256>>>(d, N);
	HIP(hipMemcpy(v.data(), d, N * 4, hipMemcpyDeviceToHost));
	for (unsigned int i = 0; i < N; i++)
		expect_same("fine-grained", i, v[i], 3 + i);
	HIP(hipFree(d));
}

int main(int argc, char **)
{
	if (argc > 1) {
		std::fprintf(stderr, "usage: managed\n");
		return 2;
	}
	pinned();
	managed();
	registered();
	sizes();
	fills();
	rectangles();
	asynchronous();
	fine_grained();
	return verdict();
}
