// The operators on the CPU.
#include <algorithm>
#include <vector>

#include "heads.h"
#include "operators.h"
#include "secret.h"

namespace dynanoise {
namespace {

// Logits as floats, whatever the type of the model.
class Logits {
 public:
  explicit Logits(OrtKernelContext* context) : given_(InputAt(context, 0)) {
    if (given_.type == kFloat) return;
    converted_.resize(given_.rows * given_.columns);
    if (given_.type == kFloat16)
      Convert<_Float16>();
    else if (given_.type == kDouble)
      Convert<double>();
    else
      Fail("the logits are of a type that these operators do not take");
  }
  size_t rows() const { return given_.rows; }
  size_t columns() const { return given_.columns; }
  const float* data() const { return converted_.empty() ? static_cast<const float*>(given_.data) : converted_.data(); }

 private:
  template <class T>
  void Convert() {
    std::copy_n(static_cast<const T*>(given_.data), converted_.size(), converted_.begin());
  }
  Untyped given_;
  std::vector<float> converted_;
};

struct DynaNoiseKernel : Kernel {
  explicit DynaNoiseKernel(const OrtKernelInfo* info) : parameters(ParametersOf(info)) {}
  void Compute(OrtKernelContext* context) override {
    const Logits logits(context);
    const auto noise = Get<float>(context, 1);
    if (noise.rows != logits.rows() || noise.columns != logits.columns()) Fail("the noise has another shape than the logits");
    float* answers = Output(context, noise.rows, noise.columns);
    DynaNoise(logits.data(), noise.data, noise.rows, noise.columns, parameters, answers);
  }
  Parameters parameters;
};

struct KeyedNormalsKernel : Kernel {
  explicit KeyedNormalsKernel(const OrtKernelInfo*) {}
  void Compute(OrtKernelContext* context) override {
    const Logits logits(context);
    const auto projection = Get<float>(context, 1);
    const auto width = Get<int32_t>(context, 2), offsets = Get<int32_t>(context, 3);
    const auto limit = Get<float>(context, 4);
    const auto hashes = Get<int32_t>(context, 5);
    const auto normals = Get<float>(context, 6);
    const size_t k = logits.columns();
    if (projection.rows != k || projection.columns != kProjections || offsets.rows != kProjections ||
        width.rows != 1 || limit.rows != 1 || *width.data <= 0 || hashes.rows == 0 || normals.rows == 0)
      Fail("the tables of the keyed noise have another form");
    const Grid grid = {projection.data, static_cast<uint32_t>(*width.data), offsets.data, *limit.data, hashes.data,
                       static_cast<uint32_t>(hashes.rows), hashes.columns, normals.data,
                       static_cast<uint32_t>(normals.rows), normals.columns};
    float* drawn = Output(context, logits.rows(), hashes.columns * normals.columns);
    KeyedNormals(logits.data(), logits.rows(), k, grid, drawn);
  }
};

struct KeepLabelKernel : Kernel {
  explicit KeepLabelKernel(const OrtKernelInfo*) {}
  void Compute(OrtKernelContext* context) override {
    const auto probabilities = Get<float>(context, 0);
    const auto labels = Get<int64_t>(context, 1);
    const size_t n = probabilities.rows, k = probabilities.columns;
    if (labels.rows != n || labels.columns != 1) Fail("there is not one label for each row");
    for (size_t row = 0; row < n; ++row)
      if (static_cast<uint64_t>(labels.data[row]) >= k) Fail("a label is not a class");
    KeepLabel(probabilities.data, labels.data, n, k, Output(context, n, k));
  }
};

// Each call has a secret of its own, so neither sessions, nor instances, nor copies of a process share their noise.
struct RandomNormalsKernel : Kernel {
  explicit RandomNormalsKernel(const OrtKernelInfo*) {}
  void Compute(OrtKernelContext* context) override {
    const Untyped logits = InputAt(context, 0);
    float* normals = Output(context, logits.rows, logits.columns);
    uint32_t secret[kSecretWords];
    if (!DrawSecret(secret)) Fail("the operating system gives no random numbers");
    DrawNormals(secret, logits.rows * logits.columns, normals);
  }
};

}  // namespace

const std::vector<Operator>& CpuOperators() {
  static const std::vector<Operator> all = {
      {kDynaNoise, nullptr, Make<DynaNoiseKernel>},
      {kKeyedNormals, nullptr, Make<KeyedNormalsKernel>},
      {kKeepLabel, nullptr, Make<KeepLabelKernel>},
      {kRandomNormals, nullptr, Make<RandomNormalsKernel>},
  };
  return all;
}

}  // namespace dynanoise
