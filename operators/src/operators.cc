// The entry that ONNX Runtime calls. It prefers a kernel to the body of the function of the same name in a file.
#include "operators.h"

#include <cmath>

namespace dynanoise {

const Signature kDynaNoise = {"DynaNoise", {kAny, kFloat}};
const Signature kKeyedNormals = {"KeyedNormals", {kAny, kFloat, kInt32, kInt32, kFloat, kInt32, kFloat}};
const Signature kKeepLabel = {"KeepLabel", {kFloat, kInt64}};
const Signature kRandomNormals = {"RandomNormals", {kAny}};

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
