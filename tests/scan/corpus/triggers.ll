; SPDX-License-Identifier: MIT
; Kernels that trigger what compilers seldom make of source: image instructions with many addresses, permutations
; of lanes behind comparisons, scalar loads beside v_readfirstlane. Written for LLVM 14, which later ones read.
target triple = "amdgcn-amd-amdhsa"

declare i32 @llvm.amdgcn.workitem.id.x()
declare i32 @llvm.amdgcn.readfirstlane(i32)
declare i32 @llvm.amdgcn.permlane16(i32, i32, i32, i32, i1, i1)
declare i32 @llvm.amdgcn.permlanex16(i32, i32, i32, i32, i1, i1)
declare <4 x float> @llvm.amdgcn.image.sample.d.3d.v4f32.f32.f32(i32, float, float, float, float, float, float, float, float, float, <8 x i32>, <4 x i32>, i1, i32, i32)
declare <4 x float> @llvm.amdgcn.image.sample.l.3d.v4f32.f32(i32, float, float, float, float, <8 x i32>, <4 x i32>, i1, i32, i32)
declare <4 x float> @llvm.amdgcn.image.load.3d.v4f32.i32(i32, i32, i32, i32, <8 x i32>, i32, i32)
declare float @llvm.amdgcn.raw.buffer.load.f32(<4 x i32>, i32, i32, i32)
declare void @llvm.amdgcn.raw.buffer.store.f32(float, <4 x i32>, i32, i32, i32)

; NSA of more than 16 bytes, then a buffer instruction with offset & 6.
define amdgpu_kernel void @nsa_to_vmem(<8 x i32> addrspace(4)* %image, <4 x i32> addrspace(4)* %buffer, float addrspace(1)* %in, <4 x float> addrspace(1)* %out) {
  %id = call i32 @llvm.amdgcn.workitem.id.x()
  %p = getelementptr float, float addrspace(1)* %in, i32 %id
  %t = load <8 x i32>, <8 x i32> addrspace(4)* %image
  %s = load <4 x i32>, <4 x i32> addrspace(4)* %buffer
  %p1 = getelementptr float, float addrspace(1)* %p, i32 100
  %p2 = getelementptr float, float addrspace(1)* %p, i32 200
  %p3 = getelementptr float, float addrspace(1)* %p, i32 300
  %p4 = getelementptr float, float addrspace(1)* %p, i32 400
  %a = load volatile float, float addrspace(1)* %p
  %b = load volatile float, float addrspace(1)* %p1
  %c = load volatile float, float addrspace(1)* %p2
  %d = load volatile float, float addrspace(1)* %p3
  %e = load volatile float, float addrspace(1)* %p4
  %x = call <4 x float> @llvm.amdgcn.image.sample.d.3d.v4f32.f32.f32(i32 15, float %d, float %a, float %c, float %b, float %e, float %a, float %c, float %d, float %b, <8 x i32> %t, <4 x i32> %s, i1 0, i32 0, i32 0)
  %l = call float @llvm.amdgcn.raw.buffer.load.f32(<4 x i32> %s, i32 6, i32 0, i32 0)
  %y = call <4 x float> @llvm.amdgcn.image.sample.d.3d.v4f32.f32.f32(i32 15, float %a, float %e, float %b, float %d, float %c, float %e, float %b, float %a, float %c, <8 x i32> %t, <4 x i32> %s, i1 0, i32 0, i32 0)
  call void @llvm.amdgcn.raw.buffer.store.f32(float %a, <4 x i32> %s, i32 4, i32 0, i32 0)
  %z = call <4 x float> @llvm.amdgcn.image.sample.d.3d.v4f32.f32.f32(i32 15, float %e, float %a, float %b, float %e, float %c, float %d, float %b, float %a, float %d, <8 x i32> %t, <4 x i32> %s, i1 0, i32 0, i32 0)
  call void @llvm.amdgcn.raw.buffer.store.f32(float %b, <4 x i32> %s, i32 16, i32 0, i32 0)
  %xl = insertelement <4 x float> %x, float %l, i32 2
  %sum = fadd <4 x float> %xl, %y
  %all = fadd <4 x float> %sum, %z
  %o = getelementptr <4 x float>, <4 x float> addrspace(1)* %out, i32 %id
  store <4 x float> %all, <4 x float> addrspace(1)* %o
  ret void
}

; The same across a block's end: the buffer instruction begins the next one.
define amdgpu_kernel void @nsa_then_block(<8 x i32> addrspace(4)* %image, <4 x i32> addrspace(4)* %buffer, float addrspace(1)* %in, <4 x float> addrspace(1)* %out, i32 %n) {
entry:
  %id = call i32 @llvm.amdgcn.workitem.id.x()
  %p = getelementptr float, float addrspace(1)* %in, i32 %id
  %t = load <8 x i32>, <8 x i32> addrspace(4)* %image
  %s = load <4 x i32>, <4 x i32> addrspace(4)* %buffer
  %p1 = getelementptr float, float addrspace(1)* %p, i32 100
  %p2 = getelementptr float, float addrspace(1)* %p, i32 200
  %a = load volatile float, float addrspace(1)* %p
  %b = load volatile float, float addrspace(1)* %p1
  %c = load volatile float, float addrspace(1)* %p2
  br label %loop

loop:
  %i = phi i32 [ 0, %entry ], [ %next, %loop ]
  %v = phi <4 x float> [ zeroinitializer, %entry ], [ %sum, %loop ]
  call void @llvm.amdgcn.raw.buffer.store.f32(float %a, <4 x i32> %s, i32 4, i32 0, i32 0)
  %x = call <4 x float> @llvm.amdgcn.image.sample.l.3d.v4f32.f32(i32 15, float %c, float %a, float %a, float %b, <8 x i32> %t, <4 x i32> %s, i1 0, i32 0, i32 0)
  %sum = fadd <4 x float> %x, %v
  %next = add i32 %i, 1
  %more = icmp slt i32 %next, %n
  br i1 %more, label %loop, label %end

end:
  %o = getelementptr <4 x float>, <4 x float> addrspace(1)* %out, i32 %id
  store <4 x float> %sum, <4 x float> addrspace(1)* %o
  ret void
}

; NSA instructions of one kind behind one another, which make a clause.
define amdgpu_kernel void @nsa_clause(<8 x i32> addrspace(4)* %image, <4 x i32> addrspace(4)* %buffer, i32 addrspace(1)* %in, <4 x float> addrspace(1)* %out) {
  %id = call i32 @llvm.amdgcn.workitem.id.x()
  %p = getelementptr i32, i32 addrspace(1)* %in, i32 %id
  %t = load <8 x i32>, <8 x i32> addrspace(4)* %image
  %p1 = getelementptr i32, i32 addrspace(1)* %p, i32 100
  %p2 = getelementptr i32, i32 addrspace(1)* %p, i32 200
  %a = load volatile i32, i32 addrspace(1)* %p
  %b = load volatile i32, i32 addrspace(1)* %p1
  %c = load volatile i32, i32 addrspace(1)* %p2
  %x = call <4 x float> @llvm.amdgcn.image.load.3d.v4f32.i32(i32 15, i32 %a, i32 %c, i32 %b, <8 x i32> %t, i32 0, i32 0)
  %y = call <4 x float> @llvm.amdgcn.image.load.3d.v4f32.i32(i32 15, i32 %c, i32 %a, i32 %b, <8 x i32> %t, i32 0, i32 0)
  %z = call <4 x float> @llvm.amdgcn.image.load.3d.v4f32.i32(i32 15, i32 %b, i32 %a, i32 %c, <8 x i32> %t, i32 0, i32 0)
  %sum = fadd <4 x float> %x, %y
  %all = fadd <4 x float> %sum, %z
  %o = getelementptr <4 x float>, <4 x float> addrspace(1)* %out, i32 %id
  store <4 x float> %all, <4 x float> addrspace(1)* %o
  ret void
}

; Contiguous addresses: a clause, and no NSA.
define amdgpu_kernel void @no_nsa_clause(<8 x i32> addrspace(4)* %image, <4 x i32> addrspace(1)* %in, <4 x float> addrspace(1)* %out) {
  %id = call i32 @llvm.amdgcn.workitem.id.x()
  %p = getelementptr <4 x i32>, <4 x i32> addrspace(1)* %in, i32 %id
  %t = load <8 x i32>, <8 x i32> addrspace(4)* %image
  %v = load <4 x i32>, <4 x i32> addrspace(1)* %p
  %a = extractelement <4 x i32> %v, i32 0
  %b = extractelement <4 x i32> %v, i32 1
  %c = extractelement <4 x i32> %v, i32 2
  %x = call <4 x float> @llvm.amdgcn.image.load.3d.v4f32.i32(i32 15, i32 %a, i32 %b, i32 %c, <8 x i32> %t, i32 0, i32 0)
  %y = call <4 x float> @llvm.amdgcn.image.load.3d.v4f32.i32(i32 7, i32 %a, i32 %b, i32 %c, <8 x i32> %t, i32 0, i32 0)
  %sum = fadd <4 x float> %x, %y
  %o = getelementptr <4 x float>, <4 x float> addrspace(1)* %out, i32 %id
  store <4 x float> %sum, <4 x float> addrspace(1)* %o
  ret void
}

define amdgpu_kernel void @permlane_behind_branch(i32 addrspace(1)* %in, i32 addrspace(1)* %out, i32 %n) {
entry:
  %id = call i32 @llvm.amdgcn.workitem.id.x()
  %p = getelementptr i32, i32 addrspace(1)* %in, i32 %id
  %v = load i32, i32 addrspace(1)* %p
  %c = icmp slt i32 %v, %n
  br i1 %c, label %then, label %end

then:
  %x = call i32 @llvm.amdgcn.permlane16(i32 %v, i32 %v, i32 1985229328, i32 -19088744, i1 false, i1 false)
  %y = call i32 @llvm.amdgcn.permlanex16(i32 %x, i32 %x, i32 1985229328, i32 -19088744, i1 false, i1 false)
  %o = getelementptr i32, i32 addrspace(1)* %out, i32 %id
  store i32 %y, i32 addrspace(1)* %o
  br label %end

end:
  ret void
}

; v_cmp alone: LLVM before 15 takes it for v_cmpx.
define amdgpu_kernel void @permlane_behind_compare(i32 addrspace(1)* %in, i32 addrspace(1)* %out, i32 %n) {
  %id = call i32 @llvm.amdgcn.workitem.id.x()
  %p = getelementptr i32, i32 addrspace(1)* %in, i32 %id
  %v = load i32, i32 addrspace(1)* %p
  %c = icmp slt i32 %v, 12345678
  %x = call i32 @llvm.amdgcn.permlane16(i32 %v, i32 %v, i32 %n, i32 %n, i1 false, i1 false)
  %y = select i1 %c, i32 %x, i32 %v
  %o = getelementptr i32, i32 addrspace(1)* %out, i32 %id
  store i32 %y, i32 addrspace(1)* %o
  ret void
}

define amdgpu_kernel void @permlane_in_loop(i32 addrspace(1)* %in, i32 addrspace(1)* %out, i32 %n) {
entry:
  %id = call i32 @llvm.amdgcn.workitem.id.x()
  %p = getelementptr i32, i32 addrspace(1)* %in, i32 %id
  %v = load i32, i32 addrspace(1)* %p
  br label %loop

loop:
  %i = phi i32 [ %v, %entry ], [ %x, %loop ]
  %x = call i32 @llvm.amdgcn.permlane16(i32 %i, i32 %i, i32 %n, i32 %n, i1 false, i1 false)
  %c = icmp slt i32 %x, %v
  br i1 %c, label %loop, label %end

end:
  %o = getelementptr i32, i32 addrspace(1)* %out, i32 %id
  store i32 %x, i32 addrspace(1)* %o
  ret void
}

; A scalar load by an address that v_readfirstlane then writes again.
define amdgpu_kernel void @smem_then_readfirstlane(i32 addrspace(1)* %in, i32 addrspace(1)* %out, i8 addrspace(4)* %table, i32 %n) {
entry:
  %id = call i32 @llvm.amdgcn.workitem.id.x()
  %p = getelementptr i32, i32 addrspace(1)* %in, i32 %id
  %v = load i32, i32 addrspace(1)* %p
  br label %loop

loop:
  %i = phi i32 [ 0, %entry ], [ %next, %loop ]
  %s = phi i32 [ %v, %entry ], [ %t, %loop ]
  %u = call i32 @llvm.amdgcn.readfirstlane(i32 %s)
  %masked = and i32 %u, -4
  %at = getelementptr i8, i8 addrspace(4)* %table, i32 %masked
  %word = bitcast i8 addrspace(4)* %at to i32 addrspace(4)*
  %x = load i32, i32 addrspace(4)* %word
  %t = add i32 %x, %s
  %c0 = icmp ult i32 %t, %v
  %w = select i1 %c0, i32 %x, i32 7
  %o = getelementptr i32, i32 addrspace(1)* %out, i32 %i
  store i32 %w, i32 addrspace(1)* %o
  %next = add i32 %i, 1
  %more = icmp slt i32 %next, %n
  br i1 %more, label %loop, label %end

end:
  ret void
}

; Scalar loads, then comparisons into SGPRs that they read.
define amdgpu_kernel void @smem_then_compare(i32 addrspace(1)* %in, i32 addrspace(1)* %out, i32 addrspace(4)* addrspace(4)* %table) {
  %id = call i32 @llvm.amdgcn.workitem.id.x()
  %p = getelementptr i32, i32 addrspace(1)* %in, i32 %id
  %v = load i32, i32 addrspace(1)* %p
  %t0 = load i32 addrspace(4)*, i32 addrspace(4)* addrspace(4)* %table
  %x = load i32, i32 addrspace(4)* %t0
  %c0 = icmp ult i32 %v, 17
  %c1 = icmp ugt i32 %v, 1000
  %c2 = icmp eq i32 %v, 333
  %c3 = icmp slt i32 %v, -5
  %a = or i1 %c0, %c1
  %b = xor i1 %c2, %c3
  %c = or i1 %a, %b
  %w = select i1 %c, i32 %x, i32 %v
  %w2 = select i1 %a, i32 %w, i32 %id
  %o = getelementptr i32, i32 addrspace(1)* %out, i32 %id
  store i32 %w2, i32 addrspace(1)* %o
  ret void
}

; Nothing between v_cmpx and the permutation.
@lds = internal addrspace(3) global [64 x i32] undef

define amdgpu_kernel void @permlane_first(i32 addrspace(1)* %in, i32 %n, i32 %sel) {
entry:
  %id = call i32 @llvm.amdgcn.workitem.id.x()
  %p = getelementptr i32, i32 addrspace(1)* %in, i32 %id
  %v = load volatile i32, i32 addrspace(1)* %p
  %o = getelementptr [64 x i32], [64 x i32] addrspace(3)* @lds, i32 0, i32 %id
  store volatile i32 7, i32 addrspace(3)* %o
  %c = icmp slt i32 %v, %n
  br i1 %c, label %then, label %end

then:
  %x = call i32 @llvm.amdgcn.permlane16(i32 %v, i32 %v, i32 %sel, i32 %sel, i1 false, i1 false)
  store volatile i32 %x, i32 addrspace(3)* %o
  br label %end

end:
  store volatile i32 %n, i32 addrspace(3)* %o
  ret void
}

; Scratch below a pointer, by bytes: with flat scratch.
define amdgpu_kernel void @scratch_below(i32 addrspace(1)* %in, i8 addrspace(1)* %out) {
  %id = call i32 @llvm.amdgcn.workitem.id.x()
  %p = getelementptr i32, i32 addrspace(1)* %in, i32 %id
  %v = load volatile i32, i32 addrspace(1)* %p
  %s = inttoptr i32 %v to i8 addrspace(5)*
  %s3 = getelementptr i8, i8 addrspace(5)* %s, i32 -3
  %s4 = getelementptr i8, i8 addrspace(5)* %s, i32 -4
  %s5 = getelementptr i8, i8 addrspace(5)* %s, i32 5
  %a = load volatile i8, i8 addrspace(5)* %s3
  %b = load volatile i8, i8 addrspace(5)* %s4
  %c = load volatile i8, i8 addrspace(5)* %s5
  %ab = add i8 %a, %b
  %abc = add i8 %ab, %c
  %o = getelementptr i8, i8 addrspace(1)* %out, i32 %id
  store i8 %abc, i8 addrspace(1)* %o
  ret void
}
