// The part of ONNX Runtime's C interface that a library of custom operators needs, as of version 17 of that interface.
//
// ONNX Runtime only ever appends to its table of functions, so a place in the table keeps its meaning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

struct OrtStatus;
struct OrtKernelInfo;
struct OrtKernelContext;
struct OrtValue;
struct OrtTensorTypeAndShapeInfo;
struct OrtSessionOptions;
struct OrtCustomOpDomain;
struct OrtShapeInferContext;

struct OrtApi {
  void* functions[275];
};

struct OrtApiBase {
  const OrtApi* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

struct OrtCustomOp {
  uint32_t version;
  void* (*CreateKernel)(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo*);
  const char* (*GetName)(const OrtCustomOp*);
  const char* (*GetExecutionProviderType)(const OrtCustomOp*);
  int (*GetInputType)(const OrtCustomOp*, size_t);
  size_t (*GetInputTypeCount)(const OrtCustomOp*);
  int (*GetOutputType)(const OrtCustomOp*, size_t);
  size_t (*GetOutputTypeCount)(const OrtCustomOp*);
  void (*KernelCompute)(void*, OrtKernelContext*);
  void (*KernelDestroy)(void*);
  int (*GetInputCharacteristic)(const OrtCustomOp*, size_t);
  int (*GetOutputCharacteristic)(const OrtCustomOp*, size_t);
  int (*GetInputMemoryType)(const OrtCustomOp*, size_t);
  int (*GetVariadicInputMinArity)(const OrtCustomOp*);
  int (*GetVariadicInputHomogeneity)(const OrtCustomOp*);
  int (*GetVariadicOutputMinArity)(const OrtCustomOp*);
  int (*GetVariadicOutputHomogeneity)(const OrtCustomOp*);
  OrtStatus* (*CreateKernelV2)(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo*, void**);
  OrtStatus* (*KernelComputeV2)(void*, OrtKernelContext*);
  OrtStatus* (*InferOutputShapeFn)(const OrtCustomOp*, OrtShapeInferContext*);
  int (*GetStartVersion)(const OrtCustomOp*);
  int (*GetEndVersion)(const OrtCustomOp*);
};

namespace dynanoise {

constexpr uint32_t kApiVersion = 17;

// ONNX's numbers of the types of tensors.
enum Type { kAny = 0, kFloat = 1, kInt32 = 6, kInt64 = 7, kFloat16 = 10, kDouble = 11 };

// A failure of a call to ONNX Runtime, or of this library.
struct Failure {
  OrtStatus* status;
};

// Must come before every other call.
void SetApi(const OrtApiBase* base);
[[noreturn]] void Fail(const char* message);

// Throws what a call returns.
inline void Check(OrtStatus* status) {
  if (status != nullptr) throw Failure{status};
}

float FloatAttribute(const OrtKernelInfo* info, const char* name);
int64_t IntAttribute(const OrtKernelInfo* info, const char* name);

// An input of a node: its data and its shape, of two axes at most.
template <class T>
struct Input {
  const T* data;
  size_t rows, columns;  // 1 for an axis that it has not
};

struct Untyped {
  const void* data;
  int type;
  size_t rows, columns;
};

Untyped InputAt(OrtKernelContext* context, size_t index);
float* Output(OrtKernelContext* context, size_t rows, size_t columns);
void* Stream(OrtKernelContext* context);

template <class T>
Input<T> Get(OrtKernelContext* context, size_t index) {
  const Untyped found = InputAt(context, index);
  return {static_cast<const T*>(found.data), found.rows, found.columns};
}

// A node of a session.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void Compute(OrtKernelContext* context) = 0;
};

// The name of an operator, the version of its domain, and the types of its inputs. It has one output of floats.
struct Signature {
  const char* name;
  int version;
  std::vector<Type> inputs;
};

// An operator on a provider, null for the CPU, and how to make a kernel for a node.
struct Operator : OrtCustomOp {
  Operator(const Signature& signature, const char* provider, Kernel* (*make)(const OrtKernelInfo*));

  const Signature& signature;
  const char* provider;
  Kernel* (*make)(const OrtKernelInfo*);
};

// Adds operators, which live as long as the library, to a session.
OrtStatus* RegisterOperators(OrtSessionOptions* options, const char* domain,
                             std::initializer_list<const std::vector<Operator>*> operators);

template <class K>
Kernel* Make(const OrtKernelInfo* info) {
  return new K(info);
}

}  // namespace dynanoise
