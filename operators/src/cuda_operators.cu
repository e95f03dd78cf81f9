// The operators on GPUs of NVIDIA: one kernel each, and one block of threads for a row.
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>

#include "operators.h"
#include "secret.h"

namespace dynanoise {
namespace {

constexpr const char* kProvider = "CUDAExecutionProvider";
constexpr int kMostThreads = 256, kWarp = 32;
constexpr int kRounds = 12, kBlockWords = 16;
constexpr float kSteps = 64.0f, kMostSteps = 2047.0f, kShare = 1.0f - 0x1p-20f;

struct Secret {
  uint32_t words[kSecretWords];
};

void CheckCuda(cudaError_t error) {
  if (error != cudaSuccess) Fail(cudaGetErrorString(error));
}

int ThreadsFor(size_t k) {
  const size_t warps = (k + kWarp - 1) / kWarp;
  return static_cast<int>(std::min<size_t>(warps * kWarp, kMostThreads));
}

struct Add {
  __device__ float operator()(float a, float b) const { return a + b; }
};

struct Larger {
  __device__ float operator()(float a, float b) const { return b > a ? b : a; }
};

// Combines a value of each thread of the block; all threads get the result.
template <class Operation>
__device__ float Combine(float value, float neutral, Operation operation) {
  __shared__ float of_warps[kMostThreads / kWarp];
  for (int step = kWarp / 2; step > 0; step /= 2) value = operation(value, __shfl_xor_sync(0xffffffff, value, step));
  __syncthreads();  // the last result may still be read
  if (threadIdx.x % kWarp == 0) of_warps[threadIdx.x / kWarp] = value;
  __syncthreads();
  const int warps = blockDim.x / kWarp;
  value = threadIdx.x % kWarp < warps ? of_warps[threadIdx.x % kWarp] : neutral;
  for (int step = kWarp / 2; step > 0; step /= 2) value = operation(value, __shfl_xor_sync(0xffffffff, value, step));
  return value;
}

template <class T>
__device__ float Bounded(T logit) {
  const float z = static_cast<float>(logit);
  return z > kLargestLogit ? kLargestLogit : z < -kLargestLogit ? -kLargestLogit : z;
}

template <class T>
__device__ float LargestLogit(const T* logits, size_t k) {
  float largest = -kLargestLogit;
  for (size_t j = threadIdx.x; j < k; j += blockDim.x) largest = Larger()(largest, Bounded(logits[j]));
  return Combine(largest, -kLargestLogit, Larger());
}

template <class T>
__global__ void DynaNoiseOnGpu(const T* logits, const float* noise, size_t k, Parameters parameters, float* answers) {
  logits += blockIdx.x * k, noise += blockIdx.x * k, answers += blockIdx.x * k;
  const float largest = LargestLogit(logits, k);
  float sum = 0, weighted = 0;
  for (size_t j = threadIdx.x; j < k; j += blockDim.x) {
    const float below = Bounded(logits[j]) - largest, e = expf(below);
    sum += e;
    weighted += e * below;
  }
  sum = Combine(sum, 0.0f, Add());
  weighted = Combine(weighted, 0.0f, Add());
  const float sigma = sqrtf(parameters.a + parameters.b * (weighted / sum - logf(sum)));
  float top = -4 * kLargestLogit * parameters.sharpness;
  for (size_t j = threadIdx.x; j < k; j += blockDim.x) {
    answers[j] = (Bounded(logits[j]) - largest + sigma * noise[j]) * parameters.sharpness;
    top = Larger()(top, answers[j]);
  }
  top = Combine(top, -4 * kLargestLogit * parameters.sharpness, Larger());
  float total = 0;
  for (size_t j = threadIdx.x; j < k; j += blockDim.x) {
    answers[j] = expf(answers[j] - top);
    total += answers[j];
  }
  total = Combine(total, 0.0f, Add());
  for (size_t j = threadIdx.x; j < k; j += blockDim.x) answers[j] /= total;
}

// As Grid, with the tables on the GPU, where ONNX Runtime keeps weights.
struct GridOnGpu {
  const float* projection;
  const int32_t* width;
  const int32_t* offsets;
  const float* limit;
  const int32_t* hashes;
  uint32_t cells;
  size_t groups;
  const float* normals;
  uint32_t rows;
  size_t group;
};

template <class T>
__global__ void KeyedNormalsOnGpu(const T* logits, size_t k, GridOnGpu grid, float* normals) {
  logits += blockIdx.x * k, normals += blockIdx.x * grid.groups * grid.group;
  __shared__ uint32_t own[kProjections];
  const float largest = LargestLogit(logits, k);
  float sum = 0;
  for (size_t j = threadIdx.x; j < k; j += blockDim.x) sum += expf(Bounded(logits[j]) - largest);
  const float log_sum = logf(Combine(sum, 0.0f, Add()));
  float places[kProjections] = {};
  for (size_t j = threadIdx.x; j < k; j += blockDim.x) {
    const float log_p = Bounded(logits[j]) - largest - log_sum;
    const float root = sqrtf(1.0f - log_p) * kSteps, steps = rintf(root > kMostSteps ? kMostSteps : root);
    for (int i = 0; i < kProjections; ++i) places[i] += steps * grid.projection[j * kProjections + i];
  }
  for (int i = 0; i < kProjections; ++i) {
    const float place = Combine(places[i], 0.0f, Add());  // whole numbers below 2^24: exact in any order
    if (threadIdx.x == 0) {
      // NaN has no cell and takes the first.
      const float limit = *grid.limit, clipped = place >= -limit ? (place <= limit ? place : limit) : -limit;
      own[i] = static_cast<uint32_t>(static_cast<int32_t>(clipped) + grid.offsets[i]) / *grid.width % grid.cells;
    }
  }
  __syncthreads();
  for (size_t g = threadIdx.x; g < grid.groups; g += blockDim.x) {
    uint32_t hashed = 0;
    for (int i = 0; i < kProjections; ++i) hashed += grid.hashes[own[i] * grid.groups + g];
    const float* from = grid.normals + hashed % grid.rows * grid.group;
    for (size_t j = 0; j < grid.group; ++j) normals[g * grid.group + j] = from[j];
  }
}

__global__ void KeepLabelOnGpu(const float* probabilities, const int64_t* labels, size_t k, float* kept) {
  probabilities += blockIdx.x * k, kept += blockIdx.x * k;
  __shared__ int first;
  if (threadIdx.x == 0) first = INT_MAX;
  float largest = 0;
  for (size_t j = threadIdx.x; j < k; j += blockDim.x) largest = Larger()(largest, probabilities[j]);
  largest = Combine(largest, 0.0f, Larger());
  for (size_t j = threadIdx.x; j < k; j += blockDim.x)
    if (probabilities[j] == largest) atomicMin(&first, static_cast<int>(j));
  __syncthreads();
  const size_t label = static_cast<uint64_t>(labels[blockIdx.x]) % k;
  for (size_t j = threadIdx.x; j < k; j += blockDim.x)
    kept[j] = j == label ? largest : probabilities[j == static_cast<size_t>(first) ? label : j] * kShare;
}

__device__ void QuarterRound(uint32_t& a, uint32_t& b, uint32_t& c, uint32_t& d) {
  a += b, d = __funnelshift_l(d ^ a, d ^ a, 16);
  c += d, b = __funnelshift_l(b ^ c, b ^ c, 12);
  a += b, d = __funnelshift_l(d ^ a, d ^ a, 8);
  c += d, b = __funnelshift_l(b ^ c, b ^ c, 7);
}

// ChaCha with 12 rounds: block `counter` of the stream `nonce`.
__device__ void Block(const Secret& secret, uint64_t counter, uint64_t nonce, uint32_t block[kBlockWords]) {
  uint32_t start[kBlockWords] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  for (int i = 0; i < kSecretWords; ++i) start[4 + i] = secret.words[i];
  start[12] = static_cast<uint32_t>(counter), start[13] = static_cast<uint32_t>(counter >> 32);
  start[14] = static_cast<uint32_t>(nonce), start[15] = static_cast<uint32_t>(nonce >> 32);
  for (int i = 0; i < kBlockWords; ++i) block[i] = start[i];
  for (int round = 0; round < kRounds; round += 2) {
    for (int i = 0; i < 4; ++i) QuarterRound(block[i], block[4 + i], block[8 + i], block[12 + i]);
    for (int i = 0; i < 4; ++i)
      QuarterRound(block[i], block[4 + (i + 1) % 4], block[8 + (i + 2) % 4], block[12 + (i + 3) % 4]);
  }
  for (int i = 0; i < kBlockWords; ++i) block[i] += start[i];
}

// Each row takes a number that no row of the session had before, so a replayed CUDA graph draws afresh.
__global__ void RandomNormalsOnGpu(Secret secret, unsigned long long* rows_so_far, size_t k, float* normals) {
  normals += blockIdx.x * k;
  __shared__ unsigned long long own;
  if (threadIdx.x == 0) own = atomicAdd(rows_so_far, 1ULL);
  __syncthreads();
  uint32_t words[kBlockWords];
  for (size_t start = threadIdx.x * kBlockWords; start < k; start += blockDim.x * kBlockWords) {
    Block(secret, start / kBlockWords, own, words);
    for (int i = 0; i < kBlockWords && start + i < k; i += 2) {
      const float uniform = (words[i] >> 1) * 0x1p-31f + 0x1p-32f;  // in (0, 1]
      const float radius = sqrtf(-2.0f * logf(uniform));
      float sine, cosine;
      sincospif((words[i + 1] >> 1) * 0x1p-30f, &sine, &cosine);
      normals[start + i] = radius * cosine;
      if (start + i + 1 < k) normals[start + i + 1] = radius * sine;
    }
  }
}

cudaStream_t StreamOf(OrtKernelContext* context) { return static_cast<cudaStream_t>(Stream(context)); }

// Calls a function with the logits in their own type.
template <class Function>
void WithLogits(const Untyped& logits, Function function) {
  if (logits.type == kFloat)
    function(static_cast<const float*>(logits.data));
  else if (logits.type == kFloat16)
    function(static_cast<const __half*>(logits.data));
  else if (logits.type == kDouble)
    function(static_cast<const double*>(logits.data));
  else
    Fail("the logits are of a type that these operators do not take");
}

struct DynaNoiseKernel : Kernel {
  explicit DynaNoiseKernel(const OrtKernelInfo* info) : parameters(ParametersOf(info)) {}
  void Compute(OrtKernelContext* context) override {
    const Untyped logits = InputAt(context, 0);
    const auto noise = Get<float>(context, 1);
    const size_t n = logits.rows, k = logits.columns;
    if (noise.rows != n || noise.columns != k) Fail("the noise has another shape than the logits");
    float* answers = Output(context, n, k);
    if (n == 0) return;
    WithLogits(logits, [&](auto data) {
      DynaNoiseOnGpu<<<n, ThreadsFor(k), 0, StreamOf(context)>>>(data, noise.data, k, parameters, answers);
    });
    CheckCuda(cudaGetLastError());
  }
  Parameters parameters;
};

struct KeyedNormalsKernel : Kernel {
  explicit KeyedNormalsKernel(const OrtKernelInfo*) {}
  void Compute(OrtKernelContext* context) override {
    const Untyped logits = InputAt(context, 0);
    const auto projection = Get<float>(context, 1);
    const auto width = Get<int32_t>(context, 2), offsets = Get<int32_t>(context, 3);
    const auto limit = Get<float>(context, 4);
    const auto hashes = Get<int32_t>(context, 5);
    const auto normals = Get<float>(context, 6);
    const size_t n = logits.rows, k = logits.columns;
    if (projection.rows != k || projection.columns != kProjections || offsets.rows != kProjections ||
        width.rows != 1 || limit.rows != 1 || hashes.rows == 0 || normals.rows == 0)
      Fail("the tables of the keyed noise have another form");
    const GridOnGpu grid = {projection.data, width.data, offsets.data, limit.data, hashes.data,
                            static_cast<uint32_t>(hashes.rows), hashes.columns, normals.data,
                            static_cast<uint32_t>(normals.rows), normals.columns};
    float* drawn = Output(context, n, hashes.columns * normals.columns);
    if (n == 0) return;
    WithLogits(logits, [&](auto data) {
      KeyedNormalsOnGpu<<<n, ThreadsFor(k), 0, StreamOf(context)>>>(data, k, grid, drawn);
    });
    CheckCuda(cudaGetLastError());
  }
};

struct KeepLabelKernel : Kernel {
  explicit KeepLabelKernel(const OrtKernelInfo*) {}
  void Compute(OrtKernelContext* context) override {
    const auto probabilities = Get<float>(context, 0);
    const auto labels = Get<int64_t>(context, 1);
    const size_t n = probabilities.rows, k = probabilities.columns;
    if (labels.rows != n || labels.columns != 1) Fail("there is not one label for each row");
    float* kept = Output(context, n, k);
    if (n == 0) return;
    KeepLabelOnGpu<<<n, ThreadsFor(k), 0, StreamOf(context)>>>(probabilities.data, labels.data, k, kept);
    CheckCuda(cudaGetLastError());
  }
};

struct RandomNormalsKernel : Kernel {
  explicit RandomNormalsKernel(const OrtKernelInfo*) {
    if (!DrawSecret(secret.words)) Fail("the operating system gives no random numbers");
    CheckCuda(cudaMalloc(&rows_so_far, sizeof *rows_so_far));
    CheckCuda(cudaMemset(rows_so_far, 0, sizeof *rows_so_far));
  }
  ~RandomNormalsKernel() override { cudaFree(rows_so_far); }
  void Compute(OrtKernelContext* context) override {
    const Untyped logits = InputAt(context, 0);
    const size_t n = logits.rows, k = logits.columns;
    float* normals = Output(context, n, k);
    if (n == 0) return;
    const int threads = ThreadsFor((k + kBlockWords - 1) / kBlockWords);
    RandomNormalsOnGpu<<<n, threads, 0, StreamOf(context)>>>(secret, rows_so_far, k, normals);
    CheckCuda(cudaGetLastError());
  }
  Secret secret;
  unsigned long long* rows_so_far = nullptr;
};

}  // namespace

const std::vector<Operator>& CudaOperators() {
  static const std::vector<Operator> all = {
      {kDynaNoise, kProvider, Make<DynaNoiseKernel>},
      {kKeyedNormals, kProvider, Make<KeyedNormalsKernel>},
      {kKeepLabel, kProvider, Make<KeepLabelKernel>},
      {kRandomNormals, kProvider, Make<RandomNormalsKernel>},
  };
  return all;
}

}  // namespace dynanoise
