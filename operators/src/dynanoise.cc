#include "rows.h"

namespace dynanoise {

DYNANOISE_FOR_EACH_CPU
void DynaNoise(const float* logits, const float* noise, size_t n, size_t k, Parameters parameters, float* answers) {
  const size_t vectors = VectorsFor(k);
  Reader queries(logits, n, k, -kLargestLogit), normals(noise, n, k, 0.0f);
  Writer written(answers, n, k);
  Row work(k);
  for (size_t row = 0; row < n; ++row, queries.Next(), normals.Next(), written.Next()) {
    BelowTheLargest(queries, vectors, work);
    Floats sum{}, weighted{};
    for (size_t i = 0; i < vectors; ++i) {
      const Floats e = Exp(work[i]);
      sum += e;
      weighted += e * work[i];
    }
    sum = Sum(sum);
    const Floats negative_entropy = Sum(weighted) / sum - Log(sum);
    const Floats sigma = Sqrt(parameters.a + parameters.b * negative_entropy);
    Floats largest = Fill(-4 * kLargestLogit);
    for (size_t i = 0; i < vectors; ++i) {
      work[i] = (work[i] + sigma * normals[i]) * parameters.sharpness;
      largest = Max(largest, work[i]);
    }
    largest = Largest(largest);
    Floats total{};
    for (size_t i = 0; i < vectors; ++i) {
      work[i] = Exp(work[i] - largest);
      total += work[i];
    }
    const Floats share = 1.0f / Sum(total);
    for (size_t i = 0; i < vectors; ++i) written.Put(i, work[i] * share);
  }
}

}  // namespace dynanoise
