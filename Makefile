# SPDX-License-Identifier: MIT
# rdna1-trace. Targets: all (default), demo, check-fast, check, check-long, check-vm, check-rocm6, bench,
# fuzz (FUZZ_SECONDS=600), tsan, soak (SOAK_SECONDS=3600), install and uninstall (PREFIX=/usr/local, DESTDIR=), clean.
# V=1 shows commands, SAN=1 builds with the address and undefined-behaviour sanitizers (into
# build/san), DEBUG=1 without optimisation (into build/debug).

MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

GOALS := $(or $(MAKECMDGOALS),all)

# What rdna1-trace would say of it (sudo ran make) is no news here.
unexport SUDO_COMMAND

# Under sudo: do the work, then give build/ to the user who called. Several goals: one after the other, since
# each makes what it needs.
ifeq ($(RDNA1_INNER),)
ifneq ($(SUDO_UID)$(word 2,$(GOALS)),)
WRAP := 1
endif
endif

# All but the chroot of check-rocm6, which is a system of its own.
GIVE_BUILD = find build -path build/rocm6/root -prune -o -exec chown -h $(SUDO_UID):$(SUDO_GID) {} +

ifdef WRAP
.PHONY: $(GOALS)
$(GOALS): wrapped ;
.PHONY: wrapped
wrapped:
	@status=0; for goal in $(GOALS); do \
		$(MAKE) --no-print-directory RDNA1_INNER=1 $$goal || { status=$$?; break; }; done; \
	[ -z "$(SUDO_UID)" ] || [ ! -e build ] || $(GIVE_BUILD); exit $$status
else

ifeq ($(V),1)
Q :=
msg = @:
else
Q := @
msg = @printf '  %-7s %s\n' "$(1)" "$(2)"
endif

comma := ,
B := build
OPTIMISE := -O2
ifeq ($(SAN),1)
B := build/san
OPTIMISE := -O1
VARIANT_CFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -DRDNA1_SAN_PRELOAD='"$(shell gcc -print-file-name=libasan.so)"'
VARIANT_LDFLAGS := -fsanitize=address,undefined
endif
# Only the tests of make tsan are for this one.
ifeq ($(TSAN),1)
B := build/tsan
OPTIMISE := -O1
VARIANT_CFLAGS := -fsanitize=thread -fno-omit-frame-pointer
VARIANT_LDFLAGS := -fsanitize=thread
endif
ifeq ($(DEBUG),1)
B := $(if $(filter 1,$(SAN)),build/san-debug,build/debug)
OPTIMISE := -O0
endif

CC := gcc
HOSTCC := gcc
BPF_CLANG := clang-15
LLVM_STRIP := llvm-strip-15
LLVM_MC := llvm-mc-15
LLVM_OPT := opt-15
BPFTOOL := /usr/sbin/bpftool
HIPCC := hipcc

WARN := -Wall -Wextra $(if $(WERROR),-Werror)
CFLAGS := -std=gnu11 -g $(OPTIMISE) $(VARIANT_CFLAGS) $(WARN) -D_GNU_SOURCE -MMD -MP $(EXTRA_CFLAGS)
LDFLAGS := $(VARIANT_LDFLAGS)
PIC_CFLAGS := -fPIC -fvisibility=hidden

# Every object is rebuilt when the Makefile or the flags change.
FLAGS_STAMP := $(B)/.flags
DEPS_ALL := Makefile $(FLAGS_STAMP)
FLAGS_TEXT := $(CC) $(CFLAGS) $(LDFLAGS)
.PHONY: force
$(FLAGS_STAMP): force
	@mkdir -p $(@D); echo '$(FLAGS_TEXT)' | cmp -s - $@ || echo '$(FLAGS_TEXT)' > $@

# Programs are linked again when a source is added or removed; a recipe takes its objects by type.
OBJECTS_STAMP := $(B)/.objects
SOURCES := $(sort $(wildcard usr/*.c usr/*/*.c hsa-tools/*/*.c hsa-tools/*/*/*.c))
$(OBJECTS_STAMP): force
	@mkdir -p $(@D); echo '$(SOURCES)' | cmp -s - $@ || echo '$(SOURCES)' > $@

# Two at a time, unless the user said how many.
JOBS = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j2)

$(B)/obj/%.o: %.c $(DEPS_ALL)
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -I$(B)/gen -c $< -o $@

$(B)/pic/%.o: %.c $(DEPS_ALL)
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(PIC_CFLAGS) -I$(B)/gen -c $< -o $@

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
pic = $(patsubst %.c,$(B)/pic/%.o,$(1))

# ---- sources by room ----

STREAM_SRC := $(wildcard hsa-tools/stream/*.c)
EMU_SRC := $(filter-out hsa-tools/emu/gen-decode.c,$(wildcard hsa-tools/emu/*.c))
LAUNCH_SRC := $(wildcard hsa-tools/emu/launch/*.c)
PURE_SRC := $(wildcard usr/base/*.c usr/caps/*.c usr/decode/*.c usr/trace/*.c)
USR_SRC := usr/main.c $(wildcard usr/cmd_*.c usr/record/*.c usr/analysis/*.c usr/report/*.c)

# ---- BPF ----

$(B)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h bpf/*.def) $(DEPS_ALL)
	$(call msg,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(BPF_CLANG) -g -O2 -target bpf -D__TARGET_ARCH_x86 $(WARN) -c $< -o $@
	$(Q)$(LLVM_STRIP) -g $@

$(B)/gen/%.skel.h: $(B)/bpf/%.bpf.o
	$(call msg,SKEL,$@)
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< > $@

$(B)/obj/usr/record/kernel.o $(B)/obj/usr/record/load.o $(B)/obj/usr/record/api_calls.o: | $(B)/gen/rdna1.skel.h

# ---- the command ----

SCAN_SRC := $(wildcard hsa-tools/isa/*.c hsa-tools/isa/scan/*.c)
TRACE_OBJ := $(call obj,$(USR_SRC) $(PURE_SRC) $(STREAM_SRC) $(LAUNCH_SRC) $(SCAN_SRC) $(wildcard hsa-tools/quarantine/*.c) \
	hsa-tools/agent/override_rules.c)
$(B)/rdna1-trace: $(TRACE_OBJ) $(OBJECTS_STAMP)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $(filter %.o,$^) -lbpf -lelf -ljansson -lz -o $@

# ---- the emulated device ----

# The decode tables come from LLVM, not from hands.
GEN_DECODE := $(B)/gen/isa.h
$(B)/gen-decode: hsa-tools/emu/gen-decode.c hsa-tools/emu/encoding.h Makefile
	$(call msg,HOSTCC,$@)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 -O1 $(WARN) -D_GNU_SOURCE $< -o $@

$(GEN_DECODE): $(B)/gen-decode
	$(call msg,SWEEP,$@)
	@mkdir -p $(@D)
	$(Q)$(B)/gen-decode $(LLVM_MC) $@ gfx1010 gfx1011 gfx1012 gfx1030

# Vector instructions and the hot memory ones are built twice: for any x86-64 and for AVX2 with FMA.
# They run under the rounding that MODE asks for.
VECTOR_CFLAGS := -O3 -fno-math-errno -fno-trapping-math -frounding-math
$(call pic,$(addprefix hsa-tools/emu/exec_,vector.c hot.c half.c special.c)): CFLAGS += $(VECTOR_CFLAGS)
AVX2_OBJ := $(addprefix $(B)/pic/hsa-tools/emu/exec_,vector.avx2.o hot.avx2.o half.avx2.o)
$(B)/pic/%.avx2.o: %.c $(DEPS_ALL)
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(PIC_CFLAGS) $(VECTOR_CFLAGS) -mavx2 -mfma -mf16c -DEXEC_VARIANT=avx2 -I$(B)/gen -c $< -o $@

EMU_OBJ := $(call pic,$(EMU_SRC) $(STREAM_SRC)) $(AVX2_OBJ)
$(EMU_OBJ): | $(GEN_DECODE) $(B)/gen/drm
$(B)/librdna1-emu.so: $(EMU_OBJ) hsa-tools/emu/emu.map $(OBJECTS_STAMP)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-soname,librdna1-emu.so -Wl,--no-undefined -Wl,--version-script=hsa-tools/emu/emu.map $(filter %.o,$^) -o $@

# ---- the HSA tools agent ----

# What happens at a doorbell goes through several files. clang would need another linker for it.
# libdl.so.2: for oneDNN, when it is asked for (see ROCTX below).
AGENT_CFLAGS := $(if $(VARIANT_CFLAGS)$(filter 1,$(DEBUG)),,-O3 $(if $(filter gcc%,$(notdir $(CC))),-flto -flto-partition=none -ffat-lto-objects))
CONV_SRC := $(wildcard hsa-tools/conv/*.c)
# Convolution kernels of our own, in the library. They need no device library.
$(B)/gen/conv.co: hsa-tools/conv/kernel.cl Makefile
	$(call msg,CLC,$@)
	@mkdir -p $(@D)
	$(Q)$(BPF_CLANG) -x cl -cl-std=CL2.0 -target amdgcn-amd-amdhsa -mcpu=gfx1010 -nogpulib -O2 $(WARN) \
		-Wno-unused-parameter -o $@ $<
$(call obj,hsa-tools/conv/image.c) $(call pic,hsa-tools/conv/image.c): $(B)/gen/conv.co
$(call obj,hsa-tools/conv/image.c) $(call pic,hsa-tools/conv/image.c): CFLAGS += -DCONV_IMAGE='"$(B)/gen/conv.co"'
QUARANTINE_SRC := $(wildcard hsa-tools/quarantine/*.c)
AGENT_OBJ := $(call pic,$(wildcard hsa-tools/agent/*.c hsa-tools/isa/*.c) $(CONV_SRC) $(QUARANTINE_SRC) $(STREAM_SRC))
$(AGENT_OBJ): PIC_CFLAGS += $(AGENT_CFLAGS)
# Its bytes come by the assembler, which the optimiser of a whole program does not see.
$(call pic,hsa-tools/conv/image.c): AGENT_CFLAGS :=
$(B)/librdna1-agent.so.1: $(AGENT_OBJ) $(OBJECTS_STAMP)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $(AGENT_CFLAGS) -shared -Wl,-z,nodelete -Wl,-soname,librdna1-agent.so.1 -Wl,--no-undefined -Wl,-z,now $(filter %.o,$^) -Wl,--no-as-needed -l:libdl.so.2 -o $@

# ---- named ranges: the ROCTX API ----

# libdl.so.2 is part of glibc; before 2.34 dlopen and dlsym are in it.
ROCTX_OBJ := $(call pic,$(wildcard hsa-tools/roctx/*.c))
$(B)/librdna1-roctx.so.1: $(ROCTX_OBJ) hsa-tools/roctx/roctx.map $(OBJECTS_STAMP)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-soname,librdna1-roctx.so.1 -Wl,--no-undefined -Wl,-z,now -Wl,--version-script=hsa-tools/roctx/roctx.map $(filter %.o,$^) -Wl,--no-as-needed -l:libdl.so.2 -o $@
	$(Q)ln -sfn $(@F) $(B)/libroctx64.so.4
	$(Q)ln -sfn $(@F) $(B)/libroctx64.so

# <linux/kfd_ioctl.h> includes <drm/drm.h>, which Debian installs as <libdrm/drm.h>.
$(B)/gen/drm:
	@mkdir -p $(@D)
	$(Q)ln -sfn /usr/include/libdrm $@

# ---- what check --run records: a program with its kernel in it, which needs hipcc only here ----

PROBE_CHIPS := gfx1010 gfx1011 gfx1012 gfx1030
$(B)/gen/probe.co: hsa-tools/probe/conv.hip Makefile
	$(call msg,HIPCC,$@)
	@mkdir -p $(@D)
	$(Q)$(HIPCC) --genco $(addprefix --offload-arch=,$(PROBE_CHIPS)) -O2 -Wall -o $@ $<
$(B)/obj/hsa-tools/probe/probe.o: $(B)/gen/probe.co
$(B)/obj/hsa-tools/probe/probe.o: CFLAGS += -DPROBE_CODE='"$(B)/gen/probe.co"'
# -mfma would change nothing: fmaf is fmaf. The sanitizers are not for a program that HIP is loaded into.
$(B)/rdna1-probe: $(B)/obj/hsa-tools/probe/probe.o
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $< -lm -Wl,--no-as-needed -l:libdl.so.2 -o $@

# ---- workloads: real HIP programs ----

# PROGRAM-VARIANT: the same source by other flags. A renamed program has other symbols in another order.
# HIP refuses waves of 64 on gfx10, where shuffles reach 32 lanes; without shuffles they are right.
FLAGS_wave64 := -mwavefrontsize64 -D__gfx1010__=0 -Wno-macro-redefined
FLAGS_cumode := -mcumode
FLAGS_O0 := -O0
FLAGS_O3 := -O3
FLAGS_renamed := -DRENAMED
VARIANTS := reduce-cumode atomics-wave64 scratch-wave64 sort-wave64 sort-cumode sort-O3 sort-renamed
LONG_VARIANTS := reduce-O0 scratch-O0 sort-O0 gemm-wave64 gemm-cumode gemm-O3 opencl-wave64.co
LIBS_sparse := -lrocsparse
LIBS_patience := -lhsa-runtime64

DEMO_BIN := $(B)/workload/conv2d
WORKLOAD_BIN := $(patsubst tests/workload/%.hip,$(B)/workload/%,$(wildcard tests/workload/*.hip)) \
	$(patsubst %,$(B)/workload/%,$(VARIANTS) conv2d.py conv2d.co opencl.co)
LONG_BIN := $(LONG_VARIANTS:%=$(B)/workload/%)
HIP_DEPS := tests/workload/hip_check.h Makefile
GFX_override := gfx1030
GFX_cards := gfx1010 gfx1011 gfx1012 gfx1030
GFX_pair := gfx1010 gfx1030
$(B)/workload/%: tests/workload/%.hip $(HIP_DEPS)
	$(call msg,HIPCC,$@)
	@mkdir -p $(@D)
	$(Q)$(HIPCC) $(addprefix --offload-arch=,$(or $(GFX_$*),gfx1010)) -O2 -Wall -o $@ $< $(LIBS_$*)

define VARIANT
$(B)/workload/%-$(1): tests/workload/%.hip $(HIP_DEPS)
	$$(call msg,HIPCC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(HIPCC) --offload-arch=gfx1010 -O2 -Wall $$(FLAGS_$(1)) -o $$@ $$<
endef
$(foreach v,wave64 cumode O0 O3 renamed,$(eval $(call VARIANT,$(v))))

$(B)/workload/%.co: tests/workload/%.hip $(HIP_DEPS)
	$(call msg,HIPCC,$@)
	@mkdir -p $(@D)
	$(Q)$(HIPCC) --genco --offload-arch=gfx1010 -O2 -Wall -o $@ $<

# OpenCL C, with the device library that Debian's rocm-device-libs has for it.
BITCODE := /usr/lib/x86_64-linux-gnu/amdgcn/bitcode
$(B)/workload/opencl.co $(B)/workload/opencl-wave64.co: tests/workload/opencl.cl Makefile
	$(call msg,CLC,$@)
	@mkdir -p $(@D)
	$(Q)$(BPF_CLANG) -x cl -cl-std=CL2.0 -target amdgcn-amd-amdhsa -mcpu=gfx1010 -O2 -Wall \
		$(if $(findstring wave64,$@),-mwavefrontsize64) --rocm-device-lib-path=$(BITCODE) -o $@ $<

# Kernels that are replaced, and others to replace them with.
STEER_CO := $(B)/tests/tools/steer.co $(B)/tests/tools/steer-other.co
$(STEER_CO): tests/tools/steer.cl Makefile
	$(call msg,CLC,$@)
	@mkdir -p $(@D)
	$(Q)$(BPF_CLANG) -x cl -cl-std=CL2.0 -target amdgcn-amd-amdhsa -mcpu=gfx1010 -O2 -Wall \
		$(if $(findstring other,$@),-DOTHER) --rocm-device-lib-path=$(BITCODE) -o $@ $<

$(B)/workload/%.py: tests/workload/%.py
	$(call msg,INSTALL,$@)
	@mkdir -p $(@D)
	$(Q)install -m 755 $< $@

# ---- tests ----

$(B)/obj/tests/unit/test_decode.o $(B)/obj/tests/unit/test_culprits.o $(B)/obj/tests/unit/test_model.o $(B)/obj/tests/unit/test_address.o $(B)/obj/tests/unit/test_report.o $(B)/obj/tests/unit/test_agent_side.o $(B)/obj/tests/unit/test_steering.o $(B)/obj/tests/tools/ioctl-storm.o $(B)/obj/tests/tools/kfd-errors.o $(B)/obj/tests/tools/kfd-versions.o $(B)/obj/tests/tools/kfd-svm.o $(B)/obj/tests/tools/hsa-memory.o: | $(B)/gen/drm

UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(UNIT_SRC))
# Libraries, for LD_PRELOAD or HSA_TOOLS_LIB.
LIBRARY_SRC := $(wildcard tests/tools/preload_*.c tests/tools/agent-faults.c tests/tools/other-tool.c)
TOOL_BIN := $(patsubst tests/tools/%.c,$(B)/tests/tools/%,$(filter-out $(LIBRARY_SRC),$(wildcard tests/tools/*.c))) \
	$(patsubst tests/tools/%.c,$(B)/tests/tools/%.so,$(LIBRARY_SRC)) $(B)/tests/tools/other-tool-first.so

# What a unit test links besides the pure rooms.
EXTRA_test_isa_decode := $(B)/obj/hsa-tools/emu/decode.o
EXTRA_test_isa := $(call obj,$(wildcard hsa-tools/isa/*.c))
EXTRA_test_metadata := $(EXTRA_test_isa)
EXTRA_test_verdict := $(EXTRA_test_isa)
LIBS_test_verdict := -pthread
EXTRA_test_scan := $(call obj,$(SCAN_SRC))
EXTRA_co-metadata := $(EXTRA_test_isa)
EXTRA_test_options := $(call obj,$(addprefix hsa-tools/agent/,options.c override_rules.c))
EXTRA_test_quarantine := $(call obj,$(wildcard hsa-tools/quarantine/*.c))
EXTRA_test_layout := $(B)/obj/hsa-tools/agent/layout.o
EXTRA_test_map := $(B)/obj/hsa-tools/agent/map.o
LIBS_test_map := -pthread
EXTRA_test_conv := $(call obj,$(CONV_SRC)) $(EXTRA_test_isa)
LIBS_test_conv := -pthread -lm
EXTRA_test_resolve := $(call obj,$(wildcard hsa-tools/agent/*.c) $(CONV_SRC) $(QUARANTINE_SRC)) $(EXTRA_test_isa)
LIBS_test_resolve := -pthread -lm
EXTRA_test_model := $(call obj,$(wildcard usr/analysis/*.c) hsa-tools/isa/scan/classes.c)
EXTRA_test_address := $(EXTRA_test_model)
EXTRA_test_report := $(EXTRA_test_model) $(call obj,$(wildcard usr/report/*.c))
EXTRA_test_culprits := $(EXTRA_test_model)
EXTRA_test_steering := $(EXTRA_test_report)
EXTRA_test_agent_side := $(EXTRA_test_report)
EXTRA_test_rules := $(EXTRA_test_model)
EXTRA_test_calls := $(call obj,usr/analysis/calls.c)
EXTRA_test_facts := $(call obj,$(wildcard usr/record/facts*.c) usr/record/value.c usr/record/ld_cache.c)
LIBS_test_facts := -ljansson
EXTRA_test_signatures := $(call obj,usr/analysis/signatures.c)
EXTRA_test_variables := $(call obj,$(addprefix usr/analysis/,machine.c variables.c parameters.c versions.c))
EXTRA_test_machine := $(call obj,usr/cmd_machine.c usr/record/value.c usr/analysis/machine.c)
LIBS_test_machine := -ljansson
EXTRA_test_program := $(B)/obj/usr/record/program.o
EXTRA_test_vm := $(B)/obj/hsa-tools/emu/vm.o
LIBS_test_lane_math := -lm
LIBS_hsa-queues := -lhsa-runtime64
LIBS_roctx-ranges := -lhsa-runtime64
LIBS_hsa-packets := -lhsa-runtime64
LIBS_hsa-memory := -lhsa-runtime64
LIBS_hsa-dispatch := -lhsa-runtime64
LIBS_hsa-steer := -lhsa-runtime64 -pthread
LIBS_hsa-leave := -lhsa-runtime64 -ldl -pthread
EXTRA_conv-families := $(EXTRA_test_conv)
LIBS_conv-families := -pthread
EXTRA_hsa-conv := $(EXTRA_test_conv)
LIBS_hsa-conv := -lhsa-runtime64 -pthread -lm
LIBS_hsa-survive := -lhsa-runtime64 -pthread
$(B)/obj/tests/unit/test_isa_decode.o $(B)/obj/hsa-tools/emu/decode.o: | $(GEN_DECODE)

# Every instruction against a reference: the device's pure parts, and lines that llvm-mc assembles.
INSN := $(B)/tests/insn
INSN_REF := $(call obj,$(wildcard tests/insn/ref*.c))
INSN_DEVICE := $(filter $(addprefix $(B)/pic/hsa-tools/emu/,decode.o wave.o vm.o exec_%),$(EMU_OBJ))
$(B)/obj/tests/insn/insn.o: | $(GEN_DECODE)
$(INSN)/insn: $(B)/obj/tests/insn/insn.o $(INSN_REF) $(INSN_DEVICE)
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ -lm -o $@

$(INSN)/rows: $(B)/obj/tests/insn/rows.o $(INSN_REF)
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ -lm -o $@

$(INSN)/insns: $(INSN)/rows tests/insn/gen.py
	$(call msg,ASM,$@)
	$(Q)$(INSN)/rows > $@.rows
	$(Q)tests/insn/gen.py $@.rows $(LLVM_MC) $@

$(INSN)/folds: tests/insn/folds.py Makefile
	$(call msg,FOLD,$@)
	@mkdir -p $(@D)
	$(Q)tests/insn/folds.py $(LLVM_OPT) $@

.SECONDEXPANSION:
$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(call obj,$(STREAM_SRC) $(PURE_SRC)) $$(EXTRA_$$*)
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ $(LIBS_$*) -o $@

$(B)/tests/tools/%: $(B)/obj/tests/tools/%.o $(call obj,$(STREAM_SRC) $(PURE_SRC)) $$(EXTRA_$$*)
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ $(LIBS_$*) -o $@

$(B)/tests/tools/roctx-ranges: $(B)/tests/tools/preload_roctx.so

# Stand-ins for libraries whose calls are recorded, and a program that makes some.
APILIB := $(B)/tests/apilib
$(APILIB)/%.c: tests/apilib/gen.py bpf/api_calls.def
	$(call msg,GEN,$@)
	@mkdir -p $(@D)
	$(Q)tests/apilib/gen.py $* > $@
$(APILIB)/libMIOpen.so.1: $(APILIB)/miopen.c tests/apilib/fill.h
$(APILIB)/librocblas.so.0: $(APILIB)/rocblas.c tests/apilib/fill.h
$(APILIB)/lib%:
	$(call msg,LINK,$@)
	$(Q)$(CC) -std=gnu11 -g -O2 $(WARN) -fPIC -shared -Itests/apilib -Wl,-soname,$(@F) $(filter %.c,$^) -o $@
$(APILIB)/convs: tests/apilib/convs.c $(APILIB)/libMIOpen.so.1
	$(call msg,LINK,$@)
	$(Q)$(CC) -std=gnu11 -g -O2 -Wall -Wno-deprecated-non-prototype $^ -Wl,-rpath,$(abspath $(APILIB)) -o $@

# A stand-in for MIOpen that fails on demand, and programs that convolve by it: see tests/miopen/standin.h.
# Processes without the sanitizers' runtime load it.
MIO := $(B)/miopen
MIO_GFX := gfx1010 gfx1030
MIO_CO := $(foreach g,$(MIO_GFX),$(addprefix $(MIO)/,naive_conv-$g.co gemm-$g.co im2col-float-$g.co im2col-half-$g.co))
MIO_SRC := $(wildcard tests/miopen/*.c)
MIO_OBJ := $(MIO_SRC:tests/miopen/%.c=$(MIO)/obj/%.o)
MIO_BIN := $(MIO)/libMIOpen.so.1 $(MIO)/conv $(MIO)/conv.py $(MIO)/wheel/lib/libMIOpen.so.1

define MIO_RULES
$(MIO)/%-$(1).co: tests/miopen/%.hip tests/miopen/device.h Makefile
	$$(call msg,HIPCC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(HIPCC) --genco --offload-arch=$(1) --no-gpu-bundle-output -O3 -Wall -o $$@ $$<

$(MIO)/im2col-%-$(1).co: tests/miopen/im2col.cl Makefile
	$$(call msg,CLC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(BPF_CLANG) -x cl -cl-std=CL1.2 -target amdgcn-amd-amdhsa -mcpu=$(1) -O3 -Wall -DTYPE=$$* \
		--rocm-device-lib-path=$$(BITCODE) -o $$@ $$<
endef
$(foreach g,$(MIO_GFX),$(eval $(call MIO_RULES,$g)))

$(MIO)/obj/%.o: tests/miopen/%.c $(DEPS_ALL)
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out $(VARIANT_CFLAGS),$(CFLAGS)) $(PIC_CFLAGS) -c $< -o $@

$(MIO)/obj/code.o: tests/miopen/code.S $(MIO_CO)
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -c -Wa,-I$(MIO) $< -o $@

$(MIO)/libMIOpen.so.1: $(filter-out %/conv.o,$(MIO_OBJ)) $(MIO)/obj/code.o
	$(call msg,LINK,$@)
	$(Q)$(CC) -shared -Wl,-soname,$(@F) -Wl,--no-undefined -Wl,--enable-new-dtags -Wl,-rpath,'$$ORIGIN' $^ -lamdhip64 -o $@

$(MIO)/conv: $(MIO)/obj/conv.o $(MIO)/libMIOpen.so.1
	$(call msg,LINK,$@)
	$(Q)$(CC) -Wl,--enable-new-dtags -Wl,-rpath,'$$ORIGIN' $^ -lamdhip64 -lm -o $@

$(MIO)/conv.py: tests/miopen/conv.py
	$(call msg,INSTALL,$@)
	@mkdir -p $(@D)
	$(Q)install -m 755 $< $@

# As a wheel brings them: copies of its own, which find each other.
$(MIO)/wheel/lib/libMIOpen.so.1: $(MIO)/libMIOpen.so.1 tests/miopen/wheel.py
	$(call msg,WHEEL,$(@D))
	$(Q)tests/miopen/wheel.py $(@D) $<

# Runs in the virtual machine of check-vm.
$(B)/obj/tests/vm/guest/kick.o: | $(B)/gen/drm
$(B)/tests/vm/kick: $(B)/obj/tests/vm/guest/kick.o
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ -lbpf -o $@

# The recorder without the command: see tests/bench/ioctl_cost.c.
BENCH_RECORDER := $(addprefix usr/record/,kernel.c load.c hooks.c ordinals.c open_calls.c api_calls.c \
	ld_cache.c proc.c)
$(B)/obj/tests/bench/ioctl_cost.o: | $(B)/gen/drm
$(B)/tests/bench/ioctl_cost: $(B)/obj/tests/bench/ioctl_cost.o $(call obj,$(BENCH_RECORDER) $(PURE_SRC) $(STREAM_SRC))
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ -lbpf -lelf -o $@

# What reading a long trace takes.
$(B)/obj/tests/bench/model_events.o: | $(B)/gen/drm
$(B)/tests/bench/model_events: $(B)/obj/tests/bench/model_events.o $(EXTRA_test_model) $(call obj,$(PURE_SRC) $(STREAM_SRC))
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ -o $@

# One event of the agent's stream beside one of LTTng-UST's, where that is installed.
LTTNG := $(wildcard /usr/include/lttng/tracepoint.h /usr/include/*/lttng/tracepoint.h)
$(B)/obj/tests/bench/lttng-tp.o $(B)/obj/tests/bench/event_cost.o: CFLAGS += -I.
$(B)/tests/bench/event_cost: $(call obj,tests/bench/event_cost.c tests/bench/lttng-tp.c $(STREAM_SRC))
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ -llttng-ust -ldl -o $@

$(B)/tests/bench/launches: tests/bench/launches.hip $(HIP_DEPS)
	$(call msg,HIPCC,$@)
	@mkdir -p $(@D)
	$(Q)$(HIPCC) --offload-arch=gfx1010 -O2 -Wall -o $@ $<

LIBS_agent_memory := -lhsa-runtime64
$(B)/tests/bench/%: tests/bench/%.c Makefile
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -ffp-contract=off $< -o $@ -lm $(LIBS_$*)

# Stand-ins have the names of what they stand in for.
# They are loaded by whoever is there, also without the sanitizers' runtime.
$(B)/pic/tests/tools/preload_%.o: CFLAGS := $(filter-out $(VARIANT_CFLAGS),$(CFLAGS))
SONAME_preload_range := librdna1-agent.so.1
SONAME_preload_roctx := libroctx64.so.4
$(B)/tests/tools/%.so: $(B)/pic/tests/tools/%.o
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -shared $(addprefix -Wl$(comma)-soname$(comma),$(SONAME_$*)) $^ -o $@

# Harnesses of the readers of code objects: with libFuzzer, which comes with clang, and over files alone.
FUZZ := elf metadata msgpack bundle scan
FUZZ_SECONDS := 600
FUZZ_CFLAGS := -std=gnu11 -g -O1 $(WARN) -D_GNU_SOURCE -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined
FUZZ_SRC := $(SCAN_SRC)
FUZZ_DEPS := tests/fuzz/fuzz.h $(FUZZ_SRC) $(wildcard hsa-tools/isa/*.h hsa-tools/isa/scan/*.h) Makefile
build/fuzz/%: tests/fuzz/%.c $(FUZZ_DEPS)
	$(call msg,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(BPF_CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer $< $(FUZZ_SRC) -o $@

$(B)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c $(FUZZ_DEPS)
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FUZZ_CFLAGS) $< tests/fuzz/replay.c $(FUZZ_SRC) -o $@

# The same with a priority, which ROCr 5.3 and later run before the agent's.
$(B)/tests/tools/other-tool-first.so: tests/tools/other-tool.c $(DEPS_ALL)
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(PIC_CFLAGS) -DPRIORITY=10 -shared $< -o $@

.SECONDARY:

.PHONY: all build-all demo check-fast check check-long check-vm check-rocm6 bench fuzz fuzz-bin tsan tsan-bin soak install uninstall clean tests-bin long-bin bench-bin
all:
	@.ci/install-packages
	@$(MAKE) --no-print-directory build-all

build-all: $(B)/rdna1-trace $(B)/rdna1-probe $(B)/librdna1-agent.so.1 $(B)/librdna1-roctx.so.1 $(B)/librdna1-emu.so $(DEMO_BIN)

# A real HIP convolution of the size that hangs in bug reports, on the emulated card.
demo:
	@.ci/install-packages demo
	@$(MAKE) --no-print-directory $(JOBS) build-all
	@rm -rf build/demo
	@[ -z "$(SUDO_UID)" ] || $(GIVE_BUILD)
	$(B)/rdna1-trace --emulate -o build/demo -- $(B)/workload/conv2d
	@echo
	$(B)/rdna1-trace report build/demo

tests-bin: build-all $(WORKLOAD_BIN) $(UNIT_BIN) $(TOOL_BIN) $(INSN)/insn $(INSN)/insns $(INSN)/folds \
	$(APILIB)/convs $(APILIB)/librocblas.so.0 $(MIO_BIN) $(STEER_CO) $(FUZZ:%=$(B)/tests/fuzz/%)
long-bin: tests-bin $(LONG_BIN)

TIER_check-fast := fast
TIER_check := full
TIER_check-long := long
check-long: BIN := long-bin
check-fast check check-long:
	@.ci/install-packages demo check
	@$(MAKE) --no-print-directory $(JOBS) $(or $(BIN),tests-bin)
	@B=$(B) tests/run $(TIER_$@)

# The kernel's side on the real driver: Debian's kernels in QEMU, under its own emulation.
check-vm:
	@.ci/install-packages demo check check-vm
	@$(MAKE) --no-print-directory $(JOBS) tests-bin $(B)/tests/vm/kick
	@B=$(B) tests/run vm

# The device and the agent with the newer ROCm and the MIOpen of Debian sid, in a chroot that is kept.
ROCM6 := build/rocm6
check-rocm6:
	@.ci/install-packages check
	@[ "$$(id -u)" != 0 ] || .ci/install-packages check-rocm6 || :
	@$(MAKE) --no-print-directory $(JOBS) tests-bin
	@B=$(B) tests/rocm6/run $(ROCM6)

bench:
	@.ci/install-packages demo check bench
	@$(MAKE) --no-print-directory $(JOBS) tests-bin bench-bin
	@B=$(abspath $(B)) tests/bench/bench.py

bench-bin: $(addprefix $(B)/tests/bench/,conv_cpu model_events ioctl_cost agent_memory launches $(if $(LTTNG),event_cost))

fuzz:
	@.ci/install-packages check
	@$(MAKE) --no-print-directory $(JOBS) fuzz-bin
	@B=$(B) tests/fuzz/fuzz.py fuzz $(FUZZ_SECONDS)

# Unit tests with threads, under the thread sanitizer. With all of Linux's randomisation of addresses it may not start;
# containers may refuse to switch that off.
TSAN_TESTS := test_stream test_stream_threads test_stream_spare test_ring test_map test_vm
tsan-bin: $(TSAN_TESTS:%=$(B)/tests/unit/%)
tsan:
	@$(MAKE) --no-print-directory $(JOBS) TSAN=1 tsan-bin
	@fixed=; ! setarch -R true 2>/dev/null || fixed="setarch -R"; \
	for t in $(TSAN_TESTS); do TSAN_OPTIONS=exitcode=66 $$fixed build/tsan/tests/unit/$$t || exit 1; done

fuzz-bin: $(FUZZ:%=build/fuzz/%) $(FUZZ:%=$(B)/tests/fuzz/%)

# Hours of ring mode: memory and disk stay flat.
SOAK_SECONDS := 3600
soak:
	@.ci/install-packages demo check
	@$(MAKE) --no-print-directory $(JOBS) tests-bin
	@rm -rf $(B)/soak && mkdir -p $(B)/soak
	@B=$(abspath $(B)) T=$(abspath $(B))/soak TOP=$(CURDIR) RDNA1_TRACE=$(abspath $(B))/rdna1-trace \
		PYTHONDONTWRITEBYTECODE=1 tests/soak.py $(SOAK_SECONDS)

# The command in PREFIX/bin finds its libraries in PREFIX/lib/rdna1-trace. Paths may hold spaces.
PREFIX ?= /usr/local
export PREFIX DESTDIR
install: all
	@B='$(B)' .ci/install-files install

uninstall:
	@.ci/install-files uninstall

clean:
	rm -rf build

-include $(shell find $(B) \( -path '*/rocm6/root' -o -path '$(B)/vm' \) -prune -o -name '*.d' -type f -print 2>/dev/null)
endif
