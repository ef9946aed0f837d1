// SPDX-License-Identifier: MIT
/* Calls of libraries: the table, the printing, and MIOpen's descriptors joined by their pointers.
 */
#include "trace_dir.h"
#include "../../usr/analysis/calls.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* ---- the table ---- */

#define ROWS 1024 /* API_ROWS of bpf/shared.h */

static const struct row {
	const char *symbol, *args;
	unsigned int words;
	struct {
		int used, arg, count, elem;
	} copy[3];
} rows[ROWS] = {
#define API_CALL(nr, library, symbol_, num, args_)                                                 \
	[nr] = {.symbol = #symbol_, .args = args_, .words = num, .copy = {
#define API_COPY(slot, arg_, count_, elem_, how) [slot] = {1, arg_, count_, elem_},
#define API_END()                                                                                  \
	}                                                                                          \
	}                                                                                          \
	,
#include "../../bpf/api_calls.def"
};

/* Type of each argument, and how many words they are. */
static unsigned int types_of(const char *args, char types[40])
{
	unsigned int words = 0, n = 0;

	for (const char *at = args; *at; n++) {
		types[n] = at[0];
		CHECK(strchr("piuzxbDtlmFGHork", at[0]));
		CHECK_EQ(at[1], ' ');
		words += at[0] == 'D' ? 2 : 1;
		at += strcspn(at, ",");
		at += strspn(at, ", ");
	}
	types[n] = 0;
	return words;
}

static void test_table(void)
{
	unsigned int n = 0;

	for (unsigned int nr = 0; nr < ROWS; nr++) {
		const struct row *r = &rows[nr];
		char types[40];

		if (!r->symbol)
			continue;
		n++;
		CHECK(nr > 0);
		CHECK_EQ(types_of(r->args, types), r->words);
		CHECK(r->words <= API_CALL_ARGS);
		CHECK_STR(api_call_name((uint16_t)nr), r->symbol);
		CHECK_EQ(api_call_number(r->symbol), nr);
		for (unsigned int i = 0; i < 3 && r->copy[i].used; i++) {
			/* The programs count words, the table arguments: the same before a dim3. */
			CHECK(r->copy[i].arg < (int)strlen(types));
			CHECK_EQ(types[r->copy[i].arg], 'p');
			CHECK(!memchr(types, 'D', (size_t)r->copy[i].arg));
			if (r->copy[i].count >= 0)
				CHECK(strchr("iuz", types[r->copy[i].count]));
			CHECK(r->copy[i].elem <= 256);
		}
	}
	CHECK(n > 120);
	CHECK(!api_call_name(0));
	CHECK(!api_call_name(1023));
	CHECK(!api_call_name(65535));
	CHECK_EQ(api_call_number("nothing"), 0);
}

/* ---- calls ---- */

static struct stream_proc proc;
static struct stream stream;
static char *dir;
static uint64_t ts;

static void begin(void)
{
	int fd = t_trace_dir(&dir);

	CHECK_EQ(stream_proc__open(&proc, fd, SOURCE_kernel, "kernel"), 0);
	stream__open(&stream, &proc, "0", 0, 0);
	close(fd);
	ts = 1000;
}

struct blob {
	const void *data;
	uint16_t len;
};

static void put_words(uint32_t pid, uint16_t nr, bool returned, int64_t ret, const uint64_t *words,
		      unsigned int n, const struct blob copies[3])
{
	struct ev_api_call e = {
		.pid = pid, .begin_dt = 5000, .call = nr, .returned = returned, .ret = ret};
	size_t len = sizeof(e) + 2 + 8 * n;
	uint8_t *at;

	for (int i = 0; i < 3; i++)
		len += 2u + copies[i].len;
	at = stream__reserve(&stream, EV_api_call, len, pid, ts += 100);
	memcpy(at, &e, sizeof(e));
	at = stream__put_bytes(at + sizeof(e), (const uint8_t *)words, (uint16_t)(8 * n));
	for (int i = 0; i < 3; i++)
		at = stream__put_bytes(at, copies[i].data, copies[i].len);
	stream__commit(&stream);
}

static const struct blob nothing[3];

/* A call with as many words as the table says, all given as uint64_t. */
static void put(uint32_t pid, const char *call, int64_t ret, ...)
{
	uint16_t nr = api_call_number(call);
	uint64_t words[API_CALL_ARGS] = {0};
	va_list ap;

	CHECK(nr);
	va_start(ap, ret);
	for (unsigned int i = 0; i < rows[nr].words; i++)
		words[i] = va_arg(ap, uint64_t);
	va_end(ap);
	put_words(pid, nr, true, ret, words, rows[nr].words, nothing);
}

#define U(x) ((uint64_t)(x))
/* An int in a register, under rubbish. */
#define I(x) (0xdeadbeef00000000ull | (uint32_t)(x))

static void end(struct calls *s, struct buf *text)
{
	struct event ev;
	struct trace *t;
	char err[256];

	stream__close(&stream);
	stream_proc__close(&proc);
	t = trace__open(dir, err, sizeof(err));
	CHECK(t);
	memset(s, 0, sizeof(*s));
	while (trace__next(t, &ev) > 0) {
		struct api_call c;

		if (text && calls__view(&ev, &c)) {
			api_call__print(text, &c);
			buf__putc(text, '\n');
		}
		calls__event(s, &ev);
	}
	trace__close(t);
}

static void put_forward(uint32_t pid, uint64_t x, uint64_t w, uint64_t conv, uint64_t y,
			uint64_t algo, int64_t ret)
{
	put(pid, "miopenConvolutionForward", ret, U(1), U(2), x, U(3), w, U(4), conv, I(algo), U(5),
	    y, U(6), U(0), U(0));
}

static void test_join(void)
{
	const int lens[] = {2, 3, 8, 9, 10}, pad[] = {1, 2, 3}, one[] = {1, 1, 1};
	const size_t wide[] = {4, 5};
	const struct blob dims5[3] = {{lens, sizeof(lens)}, {lens, sizeof(lens)}};
	const struct blob dims2[3] = {{wide, sizeof(wide)}, {wide, sizeof(wide)}};
	const struct blob nd[3] = {{pad, sizeof(pad)}, {one, sizeof(one)}, {one, sizeof(one)}};
	const uint64_t set5[] = {0x50, I(0), I(5), 1, 2}, set2[] = {0x60, I(5), I(2), 1, 2},
		       init_nd[] = {0x70, I(3), 1, 2, 3, I(1)};
	struct calls s;

	begin();
	put(7, "miopenSet4dTensorDescriptor", 0, U(0x10), I(1), I(1), I(3), I(44), I(44));
	put(7, "miopenSet4dTensorDescriptor", 0, U(0x20), I(1), I(64), I(3), I(3), I(3));
	put(7, "miopenSet4dTensorDescriptor", 0, U(0x30), I(1), I(1), I(64), I(42), I(42));
	put(7, "miopenInitConvolutionDescriptor", 0, U(0x40), I(0), I(0), I(0), I(1), I(1), I(1),
	    I(1));
	put_forward(7, 0x10, 0x20, 0x40, 0x30, 1, 0);
	put_forward(7, 0x10, 0x20, 0x40, 0x30, 1, 0);
	/* one that fails is another; so is another algorithm, a process that knows none of these */
	put_forward(7, 0x10, 0x20, 0x40, 0x30, 1, 7);
	put_forward(7, 0x10, 0x20, 0x40, 0x30, 77, 0);
	put_forward(8, 0x10, 0x20, 0x40, 0x30, 1, 0);
	/* a descriptor that is set anew, by a call that failed, destroyed */
	put(7, "miopenSet4dTensorDescriptor", 0, U(0x10), I(0), I(16), I(3), I(44), I(44));
	put(7, "miopenSet4dTensorDescriptor", 3, U(0x20), I(0), I(99), I(99), I(99), I(99));
	put_forward(7, 0x10, 0x20, 0x40, 0x30, 1, 0);
	put(7, "miopenDestroyTensorDescriptor", 0, U(0x10));
	put(7, "miopenDestroyConvolutionDescriptor", 0, U(0x40));
	put_forward(7, 0x10, 0x20, 0x40, 0x30, 1, 0);
	/* other ways to say it, in more dimensions */
	put_words(7, api_call_number("miopenSetTensorDescriptor"), true, 0, set5, 5, dims5);
	put_words(7, api_call_number("miopenSetTensorDescriptorV2"), true, 0, set2, 5, dims2);
	put_words(7, api_call_number("miopenInitConvolutionNdDescriptor"), true, 0, init_nd, 6, nd);
	put(7, "miopenSetConvolutionGroupCount", 0, U(0x70), I(3));
	put(7, "miopenConvolutionBackwardWeightsImmediate", 0, U(1), U(0x50), U(2), U(0x60), U(3),
	    U(0x70), U(0x20), U(4), U(0), U(0), U(89));
	/* dimensions that were not copied: not known, and not those of before */
	put_words(7, api_call_number("miopenSetTensorDescriptor"), true, 0, set5, 5, nothing);
	put(7, "miopenConvolutionForwardGetSolutionCount", 0, U(1), U(0x50), U(0x60), U(0x70),
	    U(0x20), U(9));
	end(&s, NULL);

	CHECK_EQ(s.convs.n, 8);
	CHECK_STR(s.convs.v[0].text,
		  "miopenConvolutionForward x=[1,3,44,44] w=[64,3,3,3] y=[1,64,42,42] "
		  "pad 0 stride 1 dilation 1 float by Direct");
	CHECK_EQ(s.convs.v[0].count, 2);
	CHECK_EQ(s.convs.v[0].total_ns, 10000);
	CHECK_STR(s.convs.v[0].status, "");
	CHECK_STR(s.convs.v[1].text, s.convs.v[0].text);
	CHECK_STR(s.convs.v[1].status, "miopenStatusUnknownError (7)");
	CHECK(strstr(s.convs.v[2].text, " by algorithm 77"));
	CHECK_EQ(s.convs.v[3].pid, 8);
	CHECK_STR(s.convs.v[3].text, "miopenConvolutionForward x=? w=? y=? conv=? by Direct");
	CHECK_STR(s.convs.v[4].text,
		  "miopenConvolutionForward x=[16,3,44,44] w=[64,3,3,3] y=[1,64,42,42] "
		  "pad 0 stride 1 dilation 1 float by Direct");
	CHECK_STR(
		s.convs.v[5].text,
		"miopenConvolutionForward x=? w=[64,3,3,3] y=[1,64,42,42] conv=? float by Direct");
	CHECK_STR(s.convs.v[6].text,
		  "miopenConvolutionBackwardWeightsImmediate dy=[2,3,8,9,10] x=[4,5] dw=[64,3,3,3] "
		  "pad 1,2,3 stride 1 dilation 1 groups 3 transpose float by solution 89");
	CHECK_STR(s.convs.v[7].text,
		  "miopenConvolutionForwardGetSolutionCount w=? x=[4,5] y=[64,3,3,3] "
		  "pad 1,2,3 stride 1 dilation 1 groups 3 transpose float");
	CHECK_EQ(s.counts.n, 11);
	CHECK_EQ(s.counts.v[2].count, 7);
	CHECK_EQ(s.counts.v[2].failed, 1);
	calls__free(&s);
}

static void test_print(void)
{
	static const char kernel[] = "conv";
	const uint64_t ptr = 0x7f00, five = 5,
		       launch[] = {0x1, 0x200000441, 0xffffffff00000003, 0x100, 1, 0, 64, 0},
		       get[] = {0x10, 0x20, 0x30}, module[] = {0x10, 0x20}, odd[] = {1, 2, 3, 4},
		       sync[] = {0};
	const struct blob out[3] = {{&ptr, 8}}, named[3] = {{&ptr, 8}, {kernel, 4}},
			  half[3] = {{&ptr, 3}};
	struct buf b = {0};
	struct calls s;
	const uint64_t alloc[] = {0x10, 23232};

	begin();
	put_words(7, api_call_number("hipMalloc"), true, 0, alloc, 2, out);
	put_words(7, api_call_number("hipMalloc"), true, (int64_t)(0xabcdull << 32 | 2), alloc, 2,
		  nothing);
	put_words(7, api_call_number("hipMalloc"), true, 0, alloc, 2, half);
	put_words(7, api_call_number("hipLaunchKernel"), true, 98, launch, 8, nothing);
	put_words(7, api_call_number("hipModuleGetFunction"), true, 0, get, 3, named);
	put_words(7, api_call_number("hipStreamSynchronize"), false, 0, sync, 1, nothing);
	put_words(7, api_call_number("hipModuleLoad"), true, 301, module, 1,
		  nothing); /* too few words */
	put_words(7, api_call_number("hsa_init"), true, 0x1008, odd, 0, nothing);
	put_words(7, 999, true, 5, odd, 4, out);
	put(7, "rocblas_sgemm", 3, U(1), I(111), I(112), I(-1), I(2), I(3), five, five, I(4), five,
	    I(5), five, U(0), I(6));
	end(&s, &b);
	CHECK_STR(buf__str(&b),
		  "hipMalloc(ptr=0x10 => 0x7f00, size=23232) = hipSuccess (0)\n"
		  "hipMalloc(ptr=0x10, size=23232) = hipErrorOutOfMemory (2)\n"
		  "hipMalloc(ptr=0x10 => , size=23232) = hipSuccess (0)\n"
		  "hipLaunchKernel(function_address=0x1, numBlocks=1089x2x3, dimBlocks=256x0x1, "
		  "args=0, "
		  "sharedMemBytes=64, stream=0) = hipErrorInvalidDeviceFunction (98)\n"
		  "hipModuleGetFunction(function=0x10 => 0x7f00, module=0x20, kname=0x30 => "
		  "\"conv\") = "
		  "hipSuccess (0)\n"
		  "hipStreamSynchronize(stream=0) has not returned\n"
		  "hipModuleLoad(module=0x10) = hipErrorFileNotFound (301)\n"
		  "hsa_init() = HSA_STATUS_ERROR_OUT_OF_RESOURCES (4104)\n"
		  "call 999() = 5\n"
		  "rocblas_sgemm(handle=0x1, transA=none, transB=transpose, m=-1, n=2, k=3, "
		  "alpha=0x5, A=0x5, "
		  "lda=4, B=0x5, ldb=5, beta=0x5, C=0, ldc=6) = rocblas_status_invalid_pointer "
		  "(3)\n");
	CHECK_EQ(s.counts.v[2].open + s.counts.v[3].open, 1);
	buf__free(&b);
	calls__free(&s);
}

int main(void)
{
	test_table();
	test_join();
	test_print();
	END_TESTS;
}
