#include <vector>

#include "rows.h"

namespace dynanoise {
namespace {

// sqrt(1 - log p) is rounded to 1 / kSteps and clipped at kMostSteps.
constexpr float kSteps = 64.0f, kMostSteps = 2047.0f;
constexpr int kChains = 4;

typedef float Projections __attribute__((vector_size(4 * kProjections)));

// Whole numbers below 2^24, so the sums are exact in any order.
DYNANOISE_INLINE Projections Project(const float* steps, const float* signs, size_t k) {
  Projections sums[kChains] = {};
  for (size_t j = 0; j < k; ++j) {
    Projections own;
    std::memcpy(&own, signs + j * kProjections, sizeof own);
    sums[j % kChains] += own * steps[j];
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// The row of `hashes` of one projection. NaN has no cell and takes the first.
DYNANOISE_INLINE const int32_t* HashesOf(float place, int projection, const Grid& grid) {
  const float clipped = place >= -grid.limit ? (place <= grid.limit ? place : grid.limit) : -grid.limit;
  const uint32_t cell = static_cast<uint32_t>(static_cast<int32_t>(clipped) + grid.offsets[projection]) / grid.width;
  return grid.hashes + (cell % grid.cells) * grid.groups;
}

}  // namespace

DYNANOISE_FOR_EACH_CPU
void KeyedNormals(const float* logits, size_t n, size_t k, const Grid& grid, float* normals) {
  const size_t vectors = VectorsFor(k), groups = grid.groups;
  Reader queries(logits, n, k, -kLargestLogit);
  Row work(k);
  std::vector<float> steps(vectors * kLanes);
  std::vector<int32_t> hashed(groups);
  for (size_t row = 0; row < n; ++row, queries.Next()) {
    BelowTheLargest(queries, vectors, &work[0]);
    Floats sum{};
    for (size_t i = 0; i < vectors; ++i) sum += Exp(work[i]);
    const Floats log_sum = Log(Sum(sum));
    for (size_t i = 0; i < vectors; ++i) {
      const Floats root = Sqrt(1.0f - (work[i] - log_sum));
      Store(&steps[i * kLanes], Round(Min(root * kSteps, Fill(kMostSteps))));
    }
    const Projections places = Project(steps.data(), grid.projection, k);
    std::fill(hashed.begin(), hashed.end(), 0);
    for (int i = 0; i < kProjections; ++i) {
      const int32_t* own = HashesOf(places[i], i, grid);
      for (size_t g = 0; g < groups; ++g) hashed[g] += own[g];
    }
    float* to = normals + row * groups * grid.group;
    for (size_t g = 0; g < groups; ++g) {
      const float* from = grid.normals + (static_cast<uint32_t>(hashed[g]) % grid.rows) * grid.group;
      for (size_t j = 0; j < grid.group; ++j) *to++ = from[j];
    }
  }
}

}  // namespace dynanoise
