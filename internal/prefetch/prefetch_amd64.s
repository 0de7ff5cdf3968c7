#include "textflag.h"

// func lines(address uintptr, n int)
TEXT ·lines(SB),NOSPLIT,$0-16
	MOVQ	address+0(FP), AX
	MOVQ	n+8(FP), CX
next:
	PREFETCHT0	(AX)
	ADDQ	$64, AX
	DECQ	CX
	JGT	next
	RET

// func sleepsAt(id uintptr) uintptr
TEXT ·sleepsAt(SB),NOSPLIT,$0-16
	MOVQ	id+0(FP), AX
	MOVQ	56(AX), AX
	MOVQ	AX, ret+8(FP)
	RET
