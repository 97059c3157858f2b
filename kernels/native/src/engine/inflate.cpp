#include "engine/inflate.h"

#include <algorithm>
#include <cstring>

namespace genmo {
namespace {

constexpr int kLongestCode = 15, kLiterals = 288, kDistances = 32, kEndOfBlock = 256;

// The bits of bytes, the lowest first.
class Bits {
 public:
  explicit Bits(Bytes bytes) : at_(reinterpret_cast<const unsigned char*>(bytes.data)), end_(at_ + bytes.size) {}

  bool failed() const { return failed_; }

  // As many of the next bits as there are, at least kLongestCode where the bytes do not end.
  uint64_t ahead() {
    while (count_ <= 56 && at_ < end_) {
      held_ |= uint64_t{*at_++} << count_;
      count_ += 8;
    }
    return held_;
  }
  void skip(int bits) {
    failed_ = failed_ || bits > count_;
    if (failed_) return;
    held_ >>= bits;
    count_ -= bits;
  }
  uint32_t take(int bits) {
    const auto value = static_cast<uint32_t>(ahead() & ((uint64_t{1} << bits) - 1));
    skip(bits);
    return failed_ ? 0 : value;
  }
  // The next whole bytes, from where a byte begins.
  bool copy(char* out, size_t size) {
    skip(count_ % 8);
    for (; size && count_; --size) *out++ = static_cast<char>(take(8));
    if (static_cast<size_t>(end_ - at_) < size) return false;
    std::memcpy(out, at_, size);
    at_ += size;
    return true;
  }

 private:
  const unsigned char *at_, *end_;
  uint64_t held_ = 0;
  int count_ = 0;
  bool failed_ = false;
};

// A canonical prefix code: of each code its symbol, short ones by a table.
class PrefixCode {
 public:
  // False where the lengths [count] are those of no prefix code.
  bool build(const uint8_t* lengths, int count) {
    std::memset(counts_, 0, sizeof counts_);
    std::memset(quick_, 0, sizeof quick_);
    for (int symbol = 0; symbol < count; ++symbol) ++counts_[lengths[symbol]];
    counts_[0] = 0;
    int firsts[kLongestCode + 2] = {}, codes[kLongestCode + 2] = {};
    for (int length = 1, free = 1; length <= kLongestCode; ++length) {
      free = 2 * free - counts_[length];
      if (free < 0) return false;
      firsts[length + 1] = firsts[length] + counts_[length];
      codes[length + 1] = (codes[length] + counts_[length]) << 1;
    }
    for (int symbol = 0; symbol < count; ++symbol) {
      const int length = lengths[symbol];
      if (!length) continue;
      symbols_[firsts[length]++] = static_cast<uint16_t>(symbol);
      const int code = codes[length]++;
      if (length > kQuick) continue;
      int first = 0;  // the code as it is read, its first bit the lowest
      for (int bit = 0; bit < length; ++bit) first |= (code >> bit & 1) << (length - 1 - bit);
      for (int at = first; at < 1 << kQuick; at += 1 << length) quick_[at] = static_cast<uint16_t>(symbol << 4 | length);
    }
    return true;
  }

  // The next symbol; -1: none.
  int next(Bits& bits) const {
    uint64_t ahead = bits.ahead();
    if (const int quick = quick_[ahead & ((1 << kQuick) - 1)]) {
      bits.skip(quick & 15);
      return bits.failed() ? -1 : quick >> 4;
    }
    int code = 0, first = 0, at = 0;
    for (int length = 1; length <= kLongestCode; ++length, ahead >>= 1) {
      code = code << 1 | static_cast<int>(ahead & 1);
      first <<= 1;
      if (code - first < counts_[length]) {
        bits.skip(length);
        return bits.failed() ? -1 : symbols_[at + code - first];
      }
      at += counts_[length];
      first += counts_[length];
    }
    return -1;
  }

 private:
  static constexpr int kQuick = 10;
  uint16_t counts_[kLongestCode + 1], symbols_[kLiterals], quick_[1 << kQuick];
};

class Unpacking {
 public:
  Unpacking(Bytes packed, char* out, size_t size) : bits_(packed), out_(out), size_(size) {}

  bool run() {
    for (bool last = false; !last;) {
      last = bits_.take(1);
      const uint32_t kind = bits_.take(2);
      if (bits_.failed() || !(kind == 0 ? stored() : kind == 1 ? fixed() && block() : kind == 2 && dynamic() && block())) return false;
    }
    return done_ == size_;
  }

 private:
  bool stored() {
    char sizes[4];
    if (!bits_.copy(sizes, 4)) return false;
    const auto number = [&](int at) { return static_cast<unsigned>(static_cast<unsigned char>(sizes[at]) | static_cast<unsigned char>(sizes[at + 1]) << 8); };
    const size_t size = number(0);
    if (number(2) != (~number(0) & 0xffff) || size > size_ - done_ || !bits_.copy(out_ + done_, size)) return false;
    done_ += size;
    return true;
  }

  bool fixed() {
    uint8_t lengths[kLiterals];
    for (int symbol = 0; symbol < kLiterals; ++symbol) lengths[symbol] = static_cast<uint8_t>(symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8);
    if (!literals_.build(lengths, kLiterals)) return false;
    std::fill_n(lengths, kDistances, uint8_t{5});
    return distances_.build(lengths, kDistances);
  }

  // The lengths of both codes, themselves in a code.
  bool dynamic() {
    constexpr uint8_t kOrder[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    const int literals = 257 + static_cast<int>(bits_.take(5)), distances = 1 + static_cast<int>(bits_.take(5));
    const int own = 4 + static_cast<int>(bits_.take(4)), all = literals + distances;
    if (literals > kLiterals - 2) return false;
    uint8_t lengths[kLiterals + kDistances] = {};
    for (int i = 0; i < own; ++i) lengths[kOrder[i]] = static_cast<uint8_t>(bits_.take(3));
    if (!literals_.build(lengths, 19)) return false;
    for (int at = 0; at < all;) {
      const int symbol = literals_.next(bits_);
      if (symbol < 0 || (symbol == 16 && at == 0)) return false;
      if (symbol < 16) {
        lengths[at++] = static_cast<uint8_t>(symbol);
        continue;
      }
      const uint8_t again = symbol == 16 ? lengths[at - 1] : uint8_t{0};
      const int times = symbol == 16 ? 3 + static_cast<int>(bits_.take(2)) : symbol == 17 ? 3 + static_cast<int>(bits_.take(3)) : 11 + static_cast<int>(bits_.take(7));
      if (times > all - at) return false;
      std::fill_n(lengths + at, times, again);
      at += times;
    }
    return !bits_.failed() && literals_.build(lengths, literals) && distances_.build(lengths + literals, distances);
  }

  bool block() {
    for (;;) {
      const int symbol = literals_.next(bits_);
      if (symbol < 0) return false;
      if (symbol == kEndOfBlock) return true;
      if (symbol < kEndOfBlock) {
        if (done_ == size_) return false;
        out_[done_++] = static_cast<char>(symbol);
      } else if (!again(symbol - kEndOfBlock - 1)) {
        return false;
      }
    }
  }

  // Bytes that were there before: as many as the code `length` says.
  bool again(int length) {
    constexpr int kWhole = 28;  // 258 bytes, without bits of its own
    if (length > kWhole) return false;
    const int extra = length < 8 || length == kWhole ? 0 : length / 4 - 1;
    const size_t bytes = length == kWhole ? 258 : static_cast<size_t>(length < 8 ? 3 + length : 3 + ((4 + length % 4) << extra)) + bits_.take(extra);
    const int code = distances_.next(bits_);
    if (code < 0 || code > 29) return false;
    const int more = code < 4 ? 0 : code / 2 - 1;
    const size_t back = static_cast<size_t>(code < 4 ? 1 + code : 1 + ((2 + code % 2) << more)) + bits_.take(more);
    if (bits_.failed() || back > done_ || bytes > size_ - done_) return false;
    char* to = out_ + done_;
    if (back == 1) {
      std::memset(to, to[-1], bytes);
    } else {
      for (size_t i = 0; i < bytes; ++i) to[i] = to[static_cast<ptrdiff_t>(i) - static_cast<ptrdiff_t>(back)];
    }
    done_ += bytes;
    return true;
  }

  Bits bits_;
  char* out_;
  const size_t size_;
  size_t done_ = 0;
  PrefixCode literals_, distances_;
};

}  // namespace

bool inflate(Bytes packed, char* out, size_t size) { return Unpacking(packed, out, size).run(); }

}  // namespace genmo
