// The entry that ONNX Runtime calls. It prefers a kernel to the body of the function of the same name in a file.
#include "operators.h"

#include <cmath>

namespace dynanoise {

// VERSION in dynanoise_export/onnx_functions.py. Files of other versions run the bodies of their functions.
constexpr int kVersion = 2;

const Signature kDynaNoise = {"DynaNoise", kVersion, {kAny, kFloat}};
const Signature kKeyedNormals = {"KeyedNormals", kVersion, {kAny, kFloat, kInt32, kInt32, kFloat, kInt32, kFloat}};
const Signature kKeepLabel = {"KeepLabel", kVersion, {kFloat, kInt64}};
const Signature kRandomNormals = {"RandomNormals", kVersion, {kAny}};

Parameters ParametersOf(const OrtKernelInfo* info) {
  const float sigma0 = FloatAttribute(info, "sigma0");
  const float scaled = sigma0 * sigma0 * FloatAttribute(info, "lambda_");
  const float log_k = std::log(static_cast<float>(IntAttribute(info, "classes")));
  return {sigma0 * sigma0 + scaled, scaled / log_k, 1 / FloatAttribute(info, "temperature")};
}

}  // namespace dynanoise

extern "C" __attribute__((visibility("default"))) OrtStatus* RegisterCustomOps(OrtSessionOptions* options,
                                                                              const OrtApiBase* base) {
  using namespace dynanoise;
  SetApi(base);
#ifdef DYNANOISE_CUDA
  return RegisterOperators(options, "ai.dynanoise", {&CpuOperators(), &CudaOperators()});
#else
  return RegisterOperators(options, "ai.dynanoise", {&CpuOperators()});
#endif
}
