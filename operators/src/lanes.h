// Sixteen floats at a time, by the compiler's own vector types: AVX-512, AVX2, NEON or plain SSE from one source.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace dynanoise {

constexpr int kLanes = 16;

typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef int32_t Ints __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Words __attribute__((vector_size(4 * kLanes)));

// One build for each level of x86-64; the loader takes the best that the CPU has.
#if defined(__x86_64__) && defined(__linux__)
#define DYNANOISE_FOR_EACH_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DYNANOISE_FOR_EACH_CPU
#endif

#define DYNANOISE_INLINE __attribute__((always_inline)) inline

DYNANOISE_INLINE Floats Fill(float value) { return Floats{} + value; }

DYNANOISE_INLINE Floats Load(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

DYNANOISE_INLINE void Store(float* to, Floats values) { std::memcpy(to, &values, sizeof values); }

// NaN in `a` stays NaN, as in ONNX's Clip.
DYNANOISE_INLINE Floats Min(Floats a, Floats b) { return b < a ? b : a; }
DYNANOISE_INLINE Floats Max(Floats a, Floats b) { return b > a ? b : a; }

// To whole numbers, halves to even, for magnitudes below 2^22.
DYNANOISE_INLINE Floats Round(Floats x) {
  const float shift = 12582912.0f;  // 1.5 * 2^23: what is added to it loses its fraction
  return (x + shift) - shift;
}

DYNANOISE_INLINE Floats Sqrt(Floats x) {
  Floats root;
  for (int lane = 0; lane < kLanes; ++lane) root[lane] = __builtin_sqrtf(x[lane]);
  return root;
}

// The sum, or the largest, of all lanes, in each lane.
DYNANOISE_INLINE Floats Sum(Floats x) {
  x += __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  x += __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
  x += __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  x += __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
  return x;
}

DYNANOISE_INLINE Floats Largest(Floats x) {
  x = Max(x, __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  x = Max(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  x = Max(x, __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  return Max(x, __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
}

// 2^x for x <= 127; 0 below the smallest normal float. Taylor's series of e^(x log 2) on |x| <= 1/2.
DYNANOISE_INLINE Floats Exp2(Floats x) {
  const float shift = 12582912.0f + 127.0f;  // as in Round; the last bits become the biased exponent of 2^n
  const Floats bounded = Max(x, Fill(-127.0f));
  const Floats shifted = bounded + shift;
  const Floats r = bounded - (shifted - shift);
  Floats series = Fill(1.5252734e-5f);
  series = series * r + 1.5403530e-4f;
  series = series * r + 1.3333558e-3f;
  series = series * r + 9.6181291e-3f;
  series = series * r + 5.5504109e-2f;
  series = series * r + 2.4022651e-1f;
  series = series * r + 6.9314718e-1f;
  series = series * r + 1.0f;
  return series * reinterpret_cast<Floats>(reinterpret_cast<Ints>(shifted) << 23);
}

constexpr float kLog2E = 1.44269504f;

DYNANOISE_INLINE Floats Exp(Floats x) { return Exp2(x * kLog2E); }

// log(x) for normal floats above 0. The polynomial is that of logf in the Cephes library (Moshier).
DYNANOISE_INLINE Floats Log(Floats x) {
  const Ints bits = reinterpret_cast<Ints>(x) - 0x3f3504f3;  // the bits of sqrt(1/2)
  const Floats powers = __builtin_convertvector(bits >> 23, Floats);
  const Floats f = reinterpret_cast<Floats>((bits & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const Floats squared = f * f;
  Floats series = Fill(7.0376836292e-2f);
  series = series * f - 1.1514610310e-1f;
  series = series * f + 1.1676998740e-1f;
  series = series * f - 1.2420140846e-1f;
  series = series * f + 1.4249322787e-1f;
  series = series * f - 1.6668057665e-1f;
  series = series * f + 2.0000714765e-1f;
  series = series * f - 2.4999993993e-1f;
  series = series * f + 3.3333331174e-1f;
  return powers * 0.69314718f + (f + squared * (series * f - 0.5f));
}

// The cosine and the sine of `turns` full turns, for turns in [0, 1].
DYNANOISE_INLINE void CosSin(Floats turns, Floats* cosine, Floats* sine) {
  const Floats quarters = Round(turns * 4.0f);
  const Floats r = (turns * 4.0f - quarters) * 1.57079633f;
  const Floats squared = r * r;
  Floats odd = Fill(1.0f / 362880);
  odd = odd * squared - 1.0f / 5040;
  odd = odd * squared + 1.0f / 120;
  odd = odd * squared - 1.0f / 6;
  odd = (odd * squared + 1.0f) * r;
  Floats even = Fill(-1.0f / 3628800);
  even = even * squared + 1.0f / 40320;
  even = even * squared - 1.0f / 720;
  even = even * squared + 1.0f / 24;
  even = even * squared - 0.5f;
  even = even * squared + 1.0f;
  const Ints quarter = __builtin_convertvector(quarters, Ints);
  const Ints swapped = (quarter & 1) != 0;
  const Ints cosine_sign = ((quarter + 1) & 2) << 30, sine_sign = (quarter & 2) << 30;
  *cosine = reinterpret_cast<Floats>(reinterpret_cast<Ints>(swapped ? odd : even) ^ cosine_sign);
  *sine = reinterpret_cast<Floats>(reinterpret_cast<Ints>(swapped ? even : odd) ^ sine_sign);
}

}  // namespace dynanoise
