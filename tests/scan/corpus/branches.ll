; SPDX-License-Identifier: MIT
; Branches over about 0x3f dwords.
target triple = "amdgcn-amd-amdhsa"

define amdgpu_kernel void @over_58(i32 addrspace(1)* %out, i32 %n) {
entry:
  %c = icmp slt i32 %n, 7
  br i1 %c, label %then, label %end
then:
  call void asm sideeffect ".rept 58\0As_sleep 1\0A.endr", ""()
  br label %end
end:
  store i32 %n, i32 addrspace(1)* %out
  ret void
}

define amdgpu_kernel void @over_59(i32 addrspace(1)* %out, i32 %n) {
entry:
  %c = icmp slt i32 %n, 7
  br i1 %c, label %then, label %end
then:
  call void asm sideeffect ".rept 59\0As_sleep 1\0A.endr", ""()
  br label %end
end:
  store i32 %n, i32 addrspace(1)* %out
  ret void
}

define amdgpu_kernel void @over_60(i32 addrspace(1)* %out, i32 %n) {
entry:
  %c = icmp slt i32 %n, 7
  br i1 %c, label %then, label %end
then:
  call void asm sideeffect ".rept 60\0As_sleep 1\0A.endr", ""()
  br label %end
end:
  store i32 %n, i32 addrspace(1)* %out
  ret void
}

define amdgpu_kernel void @over_61(i32 addrspace(1)* %out, i32 %n) {
entry:
  %c = icmp slt i32 %n, 7
  br i1 %c, label %then, label %end
then:
  call void asm sideeffect ".rept 61\0As_sleep 1\0A.endr", ""()
  br label %end
end:
  store i32 %n, i32 addrspace(1)* %out
  ret void
}

define amdgpu_kernel void @over_62(i32 addrspace(1)* %out, i32 %n) {
entry:
  %c = icmp slt i32 %n, 7
  br i1 %c, label %then, label %end
then:
  call void asm sideeffect ".rept 62\0As_sleep 1\0A.endr", ""()
  br label %end
end:
  store i32 %n, i32 addrspace(1)* %out
  ret void
}

define amdgpu_kernel void @over_63(i32 addrspace(1)* %out, i32 %n) {
entry:
  %c = icmp slt i32 %n, 7
  br i1 %c, label %then, label %end
then:
  call void asm sideeffect ".rept 63\0As_sleep 1\0A.endr", ""()
  br label %end
end:
  store i32 %n, i32 addrspace(1)* %out
  ret void
}

define amdgpu_kernel void @over_64(i32 addrspace(1)* %out, i32 %n) {
entry:
  %c = icmp slt i32 %n, 7
  br i1 %c, label %then, label %end
then:
  call void asm sideeffect ".rept 64\0As_sleep 1\0A.endr", ""()
  br label %end
end:
  store i32 %n, i32 addrspace(1)* %out
  ret void
}

define amdgpu_kernel void @over_65(i32 addrspace(1)* %out, i32 %n) {
entry:
  %c = icmp slt i32 %n, 7
  br i1 %c, label %then, label %end
then:
  call void asm sideeffect ".rept 65\0As_sleep 1\0A.endr", ""()
  br label %end
end:
  store i32 %n, i32 addrspace(1)* %out
  ret void
}

define amdgpu_kernel void @over_66(i32 addrspace(1)* %out, i32 %n) {
entry:
  %c = icmp slt i32 %n, 7
  br i1 %c, label %then, label %end
then:
  call void asm sideeffect ".rept 66\0As_sleep 1\0A.endr", ""()
  br label %end
end:
  store i32 %n, i32 addrspace(1)* %out
  ret void
}

