// Rows of k floats, in whole vectors.
#pragma once

#include <algorithm>
#include <memory>

#include "heads.h"
#include "lanes.h"

namespace dynanoise {

DYNANOISE_INLINE size_t VectorsFor(size_t k) { return (k + kLanes - 1) / kLanes; }

// Room for a row. One of up to 1,024 classes needs no heap.
class Row {
 public:
  explicit Row(size_t k) {
    if (VectorsFor(k) > kFew) many_ = std::make_unique<Floats[]>(VectorsFor(k));
    vectors_ = many_ ? many_.get() : few_;
  }
  DYNANOISE_INLINE Floats& operator[](size_t index) { return vectors_[index]; }

 private:
  static constexpr size_t kFew = 64;
  Floats few_[kFew];
  std::unique_ptr<Floats[]> many_;
  Floats* vectors_;
};

// Reads an array row after row. What a row's last vector holds beyond the row becomes `padding`.
class Reader {
 public:
  DYNANOISE_INLINE Reader(const float* array, size_t n, size_t k, float padding)
      : row_(array), end_(array + n * k), k_(k), padding_(Fill(padding)) {
    const Ints lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    inside_ = lane < static_cast<int32_t>((k - 1) % kLanes + 1);
  }
  DYNANOISE_INLINE void Next() { row_ += k_; }
  DYNANOISE_INLINE Floats operator[](size_t index) const {
    const float* from = row_ + index * kLanes;
    if ((index + 1) * kLanes <= k_) return Load(from);
    Floats last = padding_;
    if (end_ - from >= kLanes)
      last = Load(from);
    else
      std::memcpy(&last, from, (end_ - from) * sizeof(float));
    return inside_ ? last : padding_;
  }
  // Puts the padding back into a row's last vector.
  DYNANOISE_INLINE void Pad(Floats* row, float padding) const {
    Floats& last = row[(k_ - 1) / kLanes];
    last = inside_ ? last : Fill(padding);
  }

 private:
  const float *row_, *end_;
  size_t k_;
  Floats padding_;
  Ints inside_;
};

// Writes an array row after row. A row's last vector may spill into the next row, which is written later.
class Writer {
 public:
  DYNANOISE_INLINE Writer(float* array, size_t n, size_t k) : row_(array), end_(array + n * k), k_(k) {}
  DYNANOISE_INLINE void Next() { row_ += k_; }
  DYNANOISE_INLINE void Put(size_t index, Floats values) {
    float* to = row_ + index * kLanes;
    if (end_ - to >= kLanes)
      Store(to, values);
    else
      std::memcpy(to, &values, (end_ - to) * sizeof(float));
  }

 private:
  float *row_, *end_;
  size_t k_;
};

// Puts a row of logits, within their bounds and less the largest, into `below`. The padding has probability 0.
DYNANOISE_INLINE void BelowTheLargest(const Reader& logits, size_t vectors, Floats* below) {
  Floats largest = Fill(-kLargestLogit);
  for (size_t i = 0; i < vectors; ++i) {
    below[i] = Max(Min(logits[i], Fill(kLargestLogit)), Fill(-kLargestLogit));
    largest = Max(largest, below[i]);
  }
  logits.Pad(below, -4 * kLargestLogit);
  largest = Largest(largest);
  for (size_t i = 0; i < vectors; ++i) below[i] -= largest;
}

}  // namespace dynanoise
