// Linear layers, packed for the kernels.
#pragma once

#include <cstdint>

#include "memory.h"
#include "network/kernels.h"

namespace genmo {

// A float32 matrix as it lies in a file: any alignment.
struct Stored {
  const unsigned char* data = nullptr;
  int64_t rows = 0, columns = 0;

  float at(int64_t row, int64_t column) const {
    float value;
    std::memcpy(&value, data + (row * columns + column) * 4, 4);
    return value;
  }
};

// x W + b with W [depth, columns] in panels; in fixed point where `fixed` is there.
struct Layer {
  int depth = 0, columns = 0, panels = 0;
  const float* weight = nullptr;
  const int16_t* fixed = nullptr;
  const float* unit = nullptr;  // of `fixed`, by column
  const float* bias = nullptr;
};

inline int round_up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

// Floats between rows of a matrix: whole panels, and a shift that keeps rows out of each other's cache sets.
inline int stride_of(int columns) { return round_up(columns, kMaxPanel) + 16; }

// What a layer is packed from.
struct LayerSource {
  Stored weight, bias;              // [depth, columns of the file], [1, columns of the file] or none
  Stored norm_weight, norm_bias;    // [1, depth] of the LayerNorm before it, which is folded in; or none
  const int32_t* order = nullptr;   // the file's column of every column; nullptr: as they are
  int run = 1;                      // so many columns of `order` follow each other in the file
  int columns = 0;                  // how many

  int64_t column(int64_t index) const { return order ? order[index] : index; }
};

// What packing needs meanwhile, kept for the next layer.
class PackScratch {
 public:
  PackScratch() = default;
  PackScratch(const PackScratch&) = delete;
  PackScratch& operator=(const PackScratch&) = delete;
  ~PackScratch() {
    free_memory(sums_.data);
    free_memory(values_.data);
  }
  // Room for so many; nullptr: no memory.
  double* sums(int64_t count) { return static_cast<double*>(sums_.get(static_cast<size_t>(count) * sizeof(double))); }
  float* values(int64_t count) { return static_cast<float*>(values_.get(static_cast<size_t>(count) * sizeof(float))); }

 private:
  struct Block {
    void* data = nullptr;
    size_t size = 0;
    void* get(size_t bytes) {
      if (bytes > size) {
        free_memory(data);
        data = get_memory(bytes);
        size = data ? bytes : 0;
      }
      return data;
    }
  };
  Block sums_, values_;
};

// Memory comes from the arena, whose `failed` says whether the layer may be used.
Layer pack(const LayerSource& source, const NetworkKernels& kernels, bool fixed, Arena& arena, PackScratch& scratch);

// Where rows are put in fixed point.
struct FixedRows {
  int16_t* numbers;  // [rows, stride]
  ptrdiff_t stride;
  float* unit;  // [rows]
};

// Rows of c = or += a [rows, depth] through a layer.  nullptr for a layer in fixed point: what is in `fixed`, which a layer in float32
// does not use.
void multiply(const NetworkKernels& kernels, const Layer& layer, const float* a, ptrdiff_t a_stride, float* c,
              ptrdiff_t c_stride, int rows, Store store, const FixedRows& fixed = {});

}  // namespace genmo
