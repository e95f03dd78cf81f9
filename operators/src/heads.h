// What the operators compute, without ONNX Runtime. Arrays are dense, row after row; n is rows, k classes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dynanoise {

// An infinite logit counts as the limit of a large one.
constexpr float kLargestLogit = 1e30f;

// Parameters of DynaNoise: sigma^2 = a + b * sum(p log p), and sharpness = 1 / temperature.
struct Parameters {
  float a, b, sharpness;
};

// Algorithm 1: logits and standard normals [n, k] to probabilities [n, k].
void DynaNoise(const float* logits, const float* noise, size_t n, size_t k, Parameters parameters, float* answers);

// As many projections as noise/keyed/tables.py makes.
constexpr int kProjections = 8;

// The tables of one grid of keyed noise; docs/keyed-noise.md says what they are for.
struct Grid {
  const float* projection;  // [k, kProjections]
  uint32_t width;
  const int32_t* offsets;  // [kProjections]
  float limit;
  const int32_t* hashes;  // [cells, groups]
  uint32_t cells;
  size_t groups;
  const float* normals;  // [rows, group]
  uint32_t rows;
  size_t group;
};

// Keyed noise: logits [n, k] to standard normals [n, groups * group].
void KeyedNormals(const float* logits, size_t n, size_t k, const Grid& grid, float* normals);

// The largest probability goes back to the label: probabilities [n, k] and labels [n, 1] below k.
void KeepLabel(const float* probabilities, const int64_t* labels, size_t n, size_t k, float* kept);

// Standard normals from a secret of 32 bytes.
void DrawNormals(const uint32_t secret[8], size_t count, float* normals);

}  // namespace dynanoise
