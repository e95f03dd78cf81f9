#include "runtime.h"

#include <new>

namespace dynanoise {
namespace {

// Where the functions stand in ONNX Runtime's table.
enum Place {
  kCreateStatus = 0,
  kCreateCustomOpDomain = 26,
  kCustomOpDomainAdd = 27,
  kAddCustomOpDomain = 28,
  kGetTensorMutableData = 51,
  kGetTensorElementType = 60,
  kGetDimensionsCount = 61,
  kGetDimensions = 62,
  kGetTensorTypeAndShape = 65,
  kKernelInfoGetAttributeFloat = 85,
  kKernelInfoGetAttributeInt64 = 86,
  kKernelContextGetInput = 90,
  kKernelContextGetOutput = 91,
  kReleaseTensorTypeAndShapeInfo = 99,
  kKernelContextGetGpuComputeStream = 193,
};

const OrtApi* the_api = nullptr;

template <class... Arguments>
OrtStatus* Call(Place place, Arguments... arguments) {
  return reinterpret_cast<OrtStatus* (*)(Arguments...)>(the_api->functions[place])(arguments...);
}

OrtStatus* StatusOf(const char* message) {
  constexpr int failed = 1;
  return Call(kCreateStatus, failed, message);
}

// Runs a function and gives what it throws as a status, because ONNX Runtime takes no exceptions.
template <class Function>
OrtStatus* Guarded(Function function) {
  try {
    function();
    return nullptr;
  } catch (const Failure& failure) {
    return failure.status;
  } catch (const std::bad_alloc&) {
    return StatusOf("there is not enough memory");
  }
}

const Operator& Self(const OrtCustomOp* op) { return *static_cast<const Operator*>(op); }

}  // namespace

void SetApi(const OrtApiBase* base) { the_api = base->GetApi(kApiVersion); }

void Fail(const char* message) { throw Failure{StatusOf(message)}; }

float FloatAttribute(const OrtKernelInfo* info, const char* name) {
  float value;
  Check(Call(kKernelInfoGetAttributeFloat, info, name, &value));
  return value;
}

int64_t IntAttribute(const OrtKernelInfo* info, const char* name) {
  int64_t value;
  Check(Call(kKernelInfoGetAttributeInt64, info, name, &value));
  return value;
}

Untyped InputAt(OrtKernelContext* context, size_t index) {
  const OrtValue* value;
  Check(Call(kKernelContextGetInput, static_cast<const OrtKernelContext*>(context), index, &value));
  OrtTensorTypeAndShapeInfo* info;
  Check(Call(kGetTensorTypeAndShape, value, &info));
  const OrtTensorTypeAndShapeInfo* form = info;
  int type = 0;
  size_t axes = 0;
  int64_t sizes[2] = {1, 1};
  OrtStatus* status = Call(kGetTensorElementType, form, &type);
  if (status == nullptr) status = Call(kGetDimensionsCount, form, &axes);
  if (status == nullptr && axes <= 2) status = Call(kGetDimensions, form, &sizes[0], axes);
  reinterpret_cast<void (*)(OrtTensorTypeAndShapeInfo*)>(the_api->functions[kReleaseTensorTypeAndShapeInfo])(info);
  Check(status);
  if (axes > 2) Fail("an input has more than two axes");
  void* data;
  Check(Call(kGetTensorMutableData, const_cast<OrtValue*>(value), &data));
  return {data, type, static_cast<size_t>(sizes[0]), static_cast<size_t>(sizes[1])};
}

float* Output(OrtKernelContext* context, size_t rows, size_t columns) {
  const int64_t sizes[2] = {static_cast<int64_t>(rows), static_cast<int64_t>(columns)};
  OrtValue* value;
  Check(Call(kKernelContextGetOutput, context, size_t{0}, &sizes[0], size_t{2}, &value));
  void* data;
  Check(Call(kGetTensorMutableData, value, &data));
  return static_cast<float*>(data);
}

void* Stream(OrtKernelContext* context) {
  void* stream;
  Check(Call(kKernelContextGetGpuComputeStream, static_cast<const OrtKernelContext*>(context), &stream));
  return stream;
}

Operator::Operator(const Signature& signature, const char* provider, Kernel* (*make)(const OrtKernelInfo*))
    : OrtCustomOp{}, signature(signature), provider(provider), make(make) {
  version = kApiVersion;
  GetName = [](const OrtCustomOp* op) { return Self(op).signature.name; };
  GetExecutionProviderType = [](const OrtCustomOp* op) { return Self(op).provider; };
  GetInputType = [](const OrtCustomOp* op, size_t index) { return static_cast<int>(Self(op).signature.inputs[index]); };
  GetInputTypeCount = [](const OrtCustomOp* op) { return Self(op).signature.inputs.size(); };
  GetOutputType = [](const OrtCustomOp*, size_t) { return static_cast<int>(kFloat); };
  GetOutputTypeCount = [](const OrtCustomOp*) { return size_t{1}; };
  GetInputCharacteristic = GetOutputCharacteristic = GetInputMemoryType = [](const OrtCustomOp*, size_t) { return 0; };
  GetVariadicInputMinArity = GetVariadicOutputMinArity = [](const OrtCustomOp*) { return 0; };
  GetVariadicInputHomogeneity = GetVariadicOutputHomogeneity = GetVariadicInputMinArity;
  GetStartVersion = GetEndVersion = [](const OrtCustomOp* op) { return Self(op).signature.version; };
  CreateKernelV2 = [](const OrtCustomOp* op, const OrtApi*, const OrtKernelInfo* info, void** kernel) {
    return Guarded([&] { *kernel = Self(op).make(info); });
  };
  KernelComputeV2 = [](void* kernel, OrtKernelContext* context) {
    return Guarded([&] { static_cast<Kernel*>(kernel)->Compute(context); });
  };
  KernelDestroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
}

OrtStatus* RegisterOperators(OrtSessionOptions* options, const char* domain,
                             std::initializer_list<const std::vector<Operator>*> operators) {
  return Guarded([&] {
    // A session keeps the pointer to its domain, and no call tells when the last session ends.
    static OrtCustomOpDomain* const kept = [&] {
      OrtCustomOpDomain* made;
      Check(Call(kCreateCustomOpDomain, domain, &made));
      for (const auto* of_provider : operators)
        for (const Operator& op : *of_provider)
          Check(Call(kCustomOpDomainAdd, made, static_cast<const OrtCustomOp*>(&op)));
      return made;
    }();
    Check(Call(kAddCustomOpDomain, options, kept));
  });
}

}  // namespace dynanoise
