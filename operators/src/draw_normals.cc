// ChaCha (Bernstein) with 12 rounds, sixteen blocks at a time, and the Box-Muller method.
#include "heads.h"
#include "lanes.h"

namespace dynanoise {
namespace {

constexpr int kRounds = 12;
constexpr int kWords = 16;  // of a block

DYNANOISE_INLINE Words Rotated(Words x, int bits) { return (x << bits) | (x >> (32 - bits)); }

DYNANOISE_INLINE void QuarterRound(Words& a, Words& b, Words& c, Words& d) {
  a += b; d = Rotated(d ^ a, 16);
  c += d; b = Rotated(b ^ c, 12);
  a += b; d = Rotated(d ^ a, 8);
  c += d; b = Rotated(b ^ c, 7);
}

// The blocks from `counter` on: word i of sixteen blocks in block[i].
DYNANOISE_INLINE void Blocks(const uint32_t secret[8], uint64_t counter, Words block[kWords]) {
  static const uint32_t constants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  const Words lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  Words start[kWords];
  for (int i = 0; i < 4; ++i) start[i] = Words{} + constants[i];
  for (int i = 0; i < 8; ++i) start[4 + i] = Words{} + secret[i];
  start[12] = lane + static_cast<uint32_t>(counter);  // a multiple of 16, so no lane carries over
  start[13] = Words{} + static_cast<uint32_t>(counter >> 32);
  start[14] = start[15] = Words{};
  for (int i = 0; i < kWords; ++i) block[i] = start[i];
  for (int round = 0; round < kRounds; round += 2) {
    for (int i = 0; i < 4; ++i) QuarterRound(block[i], block[4 + i], block[8 + i], block[12 + i]);
    for (int i = 0; i < 4; ++i)
      QuarterRound(block[i], block[4 + (i + 1) % 4], block[8 + (i + 2) % 4], block[12 + (i + 3) % 4]);
  }
  for (int i = 0; i < kWords; ++i) block[i] += start[i];
}

// Uniforms in (0, 1]: 0 has no logarithm.
DYNANOISE_INLINE Floats Uniforms(Words bits) {
  const Ints upper = reinterpret_cast<Ints>(bits >> 1);  // 31 bits, because a conversion from signed numbers is faster
  return __builtin_convertvector(upper, Floats) * 0x1p-31f + 0x1p-32f;
}

}  // namespace

DYNANOISE_FOR_EACH_CPU
void DrawNormals(const uint32_t secret[8], size_t count, float* normals) {
  Words block[kWords];
  size_t drawn = 0;
  for (uint64_t counter = 0; drawn < count; counter += kLanes) {
    Blocks(secret, counter, block);
    for (int i = 0; i < kWords && drawn < count; i += 2) {
      const Floats radius = Sqrt(-2.0f * Log(Uniforms(block[i])));
      Floats pair[2];
      CosSin(Uniforms(block[i + 1]), &pair[0], &pair[1]);
      for (int half = 0; half < 2 && drawn < count; ++half, drawn += kLanes) {
        const Floats made = radius * pair[half];
        if (count - drawn >= kLanes)
          Store(normals + drawn, made);
        else
          std::memcpy(normals + drawn, &made, (count - drawn) * sizeof(float));
      }
    }
  }
}

}  // namespace dynanoise
