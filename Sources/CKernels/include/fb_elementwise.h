// The elementwise engine: runs a small register program tile by tile over strided operands.
#ifndef FB_ELEMENTWISE_H
#define FB_ELEMENTWISE_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// X(name, arity). The Swift side derives gradients per opcode; the kernels live in elementwise*.cpp.
#define FB_OPCODES(X) \
  X(ADD, 2) X(SUB, 2) X(MUL, 2) X(DIV, 2) X(FLOORDIV, 2) X(TRUNCDIV, 2) X(REMAINDER, 2) X(FMOD, 2) \
  X(POW, 2) X(NEG, 1) X(ABS, 1) X(SGN, 1) X(RECIPROCAL, 1) X(SQRT, 1) X(RSQRT, 1) \
  X(MINIMUM, 2) X(MAXIMUM, 2) X(FMIN, 2) X(FMAX, 2) X(ATAN2, 2) X(HYPOT, 2) X(COPYSIGN, 2) X(NEXTAFTER, 2) \
  X(FLOOR, 1) X(CEIL, 1) X(TRUNC, 1) X(ROUND, 1) \
  X(EXP, 1) X(EXP2, 1) X(EXPM1, 1) X(LOG, 1) X(LOG2, 1) X(LOG10, 1) X(LOG1P, 1) \
  X(SIN, 1) X(COS, 1) X(TAN, 1) X(ASIN, 1) X(ACOS, 1) X(ATAN, 1) \
  X(SINH, 1) X(COSH, 1) X(TANH, 1) X(ASINH, 1) X(ACOSH, 1) X(ATANH, 1) X(SIGMOID, 1) \
  X(ERF, 1) X(ERFC, 1) X(ERFINV, 1) X(LGAMMA, 1) X(DIGAMMA, 1) X(POLYGAMMA, 2) \
  X(I0, 1) X(I0E, 1) X(I1, 1) X(I1E, 1) X(ERFCX, 1) X(NDTRI, 1) X(ZETA, 2) X(IGAMMA, 2) X(IGAMMAC, 2) \
  X(BESSEL_J0, 1) X(BESSEL_J1, 1) X(BESSEL_Y0, 1) X(BESSEL_Y1, 1) X(K0, 1) X(K1, 1) X(K0E, 1) X(K1E, 1) \
  X(AIRY_AI, 1) X(SPHERICAL_J0, 1) X(CHEBYSHEV_T, 2) X(CHEBYSHEV_U, 2) X(CHEBYSHEV_V, 2) X(CHEBYSHEV_W, 2) \
  X(HERMITE_H, 2) X(HERMITE_HE, 2) X(LAGUERRE_L, 2) X(LEGENDRE_P, 2) \
  X(EQ, 2) X(NE, 2) X(LT, 2) X(LE, 2) X(GT, 2) X(GE, 2) \
  X(LOGICAL_AND, 2) X(LOGICAL_OR, 2) X(LOGICAL_XOR, 2) X(LOGICAL_NOT, 1) \
  X(ISNAN, 1) X(ISINF, 1) X(SIGNBIT, 1) \
  X(BITWISE_AND, 2) X(BITWISE_OR, 2) X(BITWISE_XOR, 2) X(BITWISE_NOT, 1) X(SHIFT_LEFT, 2) X(SHIFT_RIGHT, 2) \
  X(GCD, 2) X(LCM, 2) X(SELECT, 3) \
  X(CONJ, 1) X(REAL, 1) X(IMAG, 1) X(ANGLE, 1) X(COMPLEX, 2)

// Whole functions, and gradients (of g, then what they read), in one instruction: F32 and F64 only. Expressions never
// contain them; a program may have one beside its steps.
#define FB_FUSED_OPCODES(X) \
  X(GELU, 1) X(GELU_GRAD, 2) X(GELU_TANH, 1) X(GELU_TANH_GRAD, 2) X(SILU, 1) X(SILU_GRAD, 2) X(TANH_GRAD, 2) \
  X(SIGMOID_GRAD, 2) X(RELU, 1) X(RELU_GRAD, 2) X(LEAKY_RELU, 2) X(LEAKY_RELU_GRAD, 3) X(ABS_GRAD, 2) X(SQRT_GRAD, 2) \
  X(ERF_GRAD, 2) X(DIVISOR_GRAD, 3) X(MAXIMUM_GRAD, 3) X(MAXIMUM_GRAD_OF_SECOND, 3) X(SCALE_SHIFT, 3)

typedef enum {
#define X(name, arity) FB_OP_##name,
  FB_OPCODES(X)
  FB_FUSED_OPCODES(X)
#undef X
  FB_OP_COUNT
} fb_opcode;

// The type in which a whole program computes. Operands are converted on load, results on store.
// bool and integers but uint64: I64 (stores wrap); uint64: U64; float8, float16, bfloat16, float32: F32; complex32: C64.
enum {
  FB_COMPUTE_I64 = 0, FB_COMPUTE_F32 = 1, FB_COMPUTE_F64 = 2, FB_COMPUTE_C64 = 3, FB_COMPUTE_C128 = 4,
  FB_COMPUTE_U64 = 5, FB_COMPUTE_COUNT = 6
};

// Registers: 0..<n_inputs are the operands, then the parameters, then one per instruction.
typedef struct { uint16_t op, a, b, c; } fb_instruction;

// A parameter, in the form that the compute type needs: i for I64 and (its bits) U64, re (and im) otherwise.
typedef struct { int64_t i; double re, im; } fb_scalar;

enum { FB_LINEAR = 0, FB_SINGLE = 1, FB_STRIDED = 2 };
typedef struct {
  void *data;              // first element of the view (offset applied)
  fb_dtype dtype;
  int32_t kind;            // LINEAR: element k at data[k]; SINGLE: all elements data[0]; STRIDED: by strides
  const int64_t *strides;  // in elements, `ndim` of them; used only if STRIDED
} fb_operand;

// What went wrong, as bits.
enum {
  FB_ERROR_DIVISION_BY_ZERO = 1,  // an integer was divided by zero; 0 was written there
  FB_ERROR_UNSUPPORTED = 2        // an opcode has no meaning in this compute type; nothing was written
};

// Computes elements begin..<end (row-major linear index over `shape`) of every output; returns error bits, 0 if all
// went well. Outputs may be LINEAR or STRIDED, and may be registers of operands (a conversion or copy: `n_code` 0).
// An output may be the same memory as a LINEAR input of the same element size.
//
// Semantics are those of PyTorch's CPU kernels. Operands may have any dtype that has a conversion to the compute type
// (elementwise_convert.cpp); the process ends if there is none. Integers are widened to 64 bits and wrap when stored, so SHIFT_LEFT by
// less than 64 drops the bits that leave the dtype; BITWISE_NOT on bool is LOGICAL_NOT. SELECT(c, a, b) is c ? a : b;
// POLYGAMMA(n, x); COMPLEX(re, im) takes the real parts of its operands. Comparisons and predicates give 0 or 1.
// Unsupported: division and transcendental functions in I64 and U64; bits, shifts, GCD, LCM outside them; order, rounding,
// FLOORDIV … FMOD, ATAN2 … NEXTAFTER and the special functions in C64 and C128; COMPLEX outside them.
int32_t fb_elementwise(const fb_instruction *code, int32_t n_code,
                    const fb_operand *inputs, int32_t n_inputs,
                    const fb_scalar *params, int32_t n_params,
                    const fb_operand *outputs, const uint16_t *output_registers, int32_t n_outputs,
                    int32_t compute, int32_t ndim, const int64_t *shape, int64_t begin, int64_t end);

// Copies `rows` runs of `bytes` bytes, `from_step` and `to_step` bytes apart.
void fb_copy_rows(const void *from, int64_t from_step, void *to, int64_t to_step, int64_t rows, int64_t bytes);

#ifdef __cplusplus
}
#endif
#endif
