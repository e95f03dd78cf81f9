#include "rows.h"

namespace dynanoise {
namespace {

// Rows that are computed side by side, because the steps of one row wait for each other.
constexpr size_t kTogether = 4;

// Adds up the exponentials of a row, and their products with the row.
DYNANOISE_INLINE void AddUp(const Floats* row, size_t vectors, Floats* sum, Floats* product) {
  *sum = *product = Floats{};
  for (size_t i = 0; i < vectors; ++i) {
    const Floats e = Exp(row[i]);
    *sum += e;
    *product += e * row[i];
  }
}

// Adds the noise to a row, in exponents of 2, and gives the largest of each lane.
DYNANOISE_INLINE Floats AddNoise(Floats* row, size_t vectors, const Reader& normals, Floats sigma, float sharpness) {
  Floats largest = Fill(-4 * kLargestLogit);
  for (size_t i = 0; i < vectors; ++i) {
    row[i] = row[i] * sharpness + sigma * normals[i];
    largest = Max(largest, row[i]);
  }
  return largest;
}

// Replaces a row by the powers of 2 below its largest, and gives their sum in each lane.
DYNANOISE_INLINE Floats Powers(Floats* row, size_t vectors, Floats largest) {
  Floats total{};
  for (size_t i = 0; i < vectors; ++i) {
    row[i] = Exp2(row[i] - largest);
    total += row[i];
  }
  return total;
}

}  // namespace

DYNANOISE_FOR_EACH_CPU
void DynaNoise(const float* logits, const float* noise, size_t n, size_t k, Parameters parameters, float* answers) {
  const size_t vectors = VectorsFor(k);
  const float sharpness = parameters.sharpness * kLog2E;
  Reader queries(logits, n, k, -kLargestLogit), normals(noise, n, k, 0.0f);
  Writer written(answers, n, k);
  Row work(kTogether * vectors * kLanes);
  Floats a[kTogether], b[kTogether];
  for (size_t first = 0; first < n; first += kTogether) {
    const size_t rows = std::min(kTogether, n - first);
    for (size_t row = 0; row < rows; ++row, queries.Next()) {
      BelowTheLargest(queries, vectors, &work[row * vectors]);
      AddUp(&work[row * vectors], vectors, &a[row], &b[row]);
    }
    for (size_t row = 0; row < rows; ++row) {
      const Floats sum = Sum(a[row]), negative_entropy = Sum(b[row]) / sum - Log(sum);
      b[row] = Sqrt(parameters.a + parameters.b * negative_entropy) * sharpness;
    }
    for (size_t row = 0; row < rows; ++row, normals.Next())
      a[row] = AddNoise(&work[row * vectors], vectors, normals, b[row], sharpness);
    for (size_t row = 0; row < rows; ++row) a[row] = Largest(a[row]);
    for (size_t row = 0; row < rows; ++row) b[row] = Powers(&work[row * vectors], vectors, a[row]);
    for (size_t row = 0; row < rows; ++row) b[row] = 1.0f / Sum(b[row]);
    for (size_t row = 0; row < rows; ++row, written.Next())
      for (size_t i = 0; i < vectors; ++i) written.Put(i, work[row * vectors + i] * b[row]);
  }
}

}  // namespace dynanoise
