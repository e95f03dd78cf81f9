#include "rows.h"

namespace dynanoise {
namespace {

// All other probabilities get this much smaller, so that there is never a tie.
constexpr float kShare = 1.0f - 0x1p-20f;

}  // namespace

DYNANOISE_FOR_EACH_CPU
void KeepLabel(const float* probabilities, const int64_t* labels, size_t n, size_t k, float* kept) {
  const size_t vectors = VectorsFor(k);
  Reader answers(probabilities, n, k, 0.0f);
  for (size_t row = 0; row < n; ++row, answers.Next()) {
    Floats tops = answers[0];
    for (size_t i = 1; i < vectors; ++i) tops = Max(tops, answers[i]);
    const float* from = probabilities + row * k;
    float* to = kept + row * k;
    const float largest = Largest(tops)[0];
    const size_t label = labels[row];
    const size_t noisy = std::find(from, from + k, largest) - from;
    for (size_t j = 0; j < k; ++j) to[j] = from[j] * kShare;
    if (noisy < k) to[noisy] = from[label] * kShare;  // NaN is not found
    to[label] = largest;
  }
}

}  // namespace dynanoise
