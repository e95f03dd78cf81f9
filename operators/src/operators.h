// The operators of the domain `ai.dynanoise`. Each has the name, the inputs and the attributes of a function in a file.
#pragma once

#include <vector>

#include "heads.h"
#include "runtime.h"

namespace dynanoise {

extern const Signature kDynaNoise, kKeyedNormals, kKeepLabel, kRandomNormals;

const std::vector<Operator>& CpuOperators();
const std::vector<Operator>& CudaOperators();

// The attributes of a DynaNoise node, folded.
Parameters ParametersOf(const OrtKernelInfo* info);

}  // namespace dynanoise
