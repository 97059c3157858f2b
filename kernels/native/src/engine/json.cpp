#include "engine/json.h"

#include <cmath>

namespace genmo {
namespace {

constexpr int kDeepest = 64;
const Json kAbsent;

class Reader {
 public:
  Reader(const char* text, size_t bytes, Arena& arena) : at_(text), end_(text + bytes), arena_(arena) {}

  const Json* whole() {
    Json* value = read(0);
    space();
    return value && at_ == end_ ? value : nullptr;
  }

 private:
  void space() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
  }
  bool take(char c) {
    space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool word(const char* text) {
    const size_t bytes = std::strlen(text);
    if (static_cast<size_t>(end_ - at_) < bytes || std::memcmp(at_, text, bytes) != 0) return false;
    at_ += bytes;
    return true;
  }

  // nullptr from here up when anything is wrong.
  Json* read(int depth) {
    space();
    if (at_ == end_ || depth > kDeepest) return nullptr;
    Json* value = arena_.get<Json>(1);
    if (!value) return nullptr;
    *value = Json();
    bool good = false;
    switch (*at_) {
      case '{': good = object(*value, depth); break;
      case '[': good = array(*value, depth); break;
      case '"':
        value->kind = Json::kString;
        value->text = string(value->count);
        good = value->text != nullptr;
        break;
      case 't': value->kind = Json::kTrue, good = word("true"); break;
      case 'f': value->kind = Json::kFalse, good = word("false"); break;
      case 'n': value->kind = Json::kNull, good = word("null"); break;
      default: value->kind = Json::kNumber, good = number(value->number);
    }
    return good ? value : nullptr;
  }

  bool array(Json& array, int depth) {
    ++at_;
    array.kind = Json::kArray;
    if (take(']')) return true;
    const Json** last = &array.first;
    do {
      Json* element = read(depth + 1);
      if (!element) return false;
      *last = element;
      last = &element->next;
      ++array.count;
    } while (take(','));
    return take(']');
  }

  bool object(Json& object, int depth) {
    ++at_;
    object.kind = Json::kObject;
    if (take('}')) return true;
    const Json** last = &object.first;
    do {
      space();
      if (at_ == end_ || *at_ != '"') return false;
      int64_t bytes;
      const char* key = string(bytes);
      if (!key || !take(':')) return false;
      Json* member = read(depth + 1);
      if (!member) return false;
      member->key = key;
      *last = member;
      last = &member->next;
      ++object.count;
    } while (take(','));
    return take('}');
  }

  // The string that begins here, escapes resolved; a lone surrogate is refused, and so is a 0.
  const char* string(int64_t& bytes) {
    const char* stop = ++at_;
    while (stop < end_ && *stop != '"') stop += *stop == '\\' ? 2 : 1;
    if (stop >= end_) return nullptr;
    char* text = arena_.get<char>(stop - at_ + 1);
    if (!text) return nullptr;
    char* out = text;
    while (at_ < stop) {
      const char c = *at_++;
      if (static_cast<unsigned char>(c) < 0x20) return nullptr;
      if (c != '\\') {
        *out++ = c;
      } else if (!escape(out)) {
        return nullptr;
      }
    }
    ++at_;
    bytes = out - text;
    *out = 0;
    return text;
  }

  bool escape(char*& out) {
    switch (const char c = *at_++) {
      case '"': case '\\': case '/': *out++ = c; return true;
      case 'b': *out++ = '\b'; return true;
      case 'f': *out++ = '\f'; return true;
      case 'n': *out++ = '\n'; return true;
      case 'r': *out++ = '\r'; return true;
      case 't': *out++ = '\t'; return true;
      case 'u': break;
      default: return false;
    }
    uint32_t code = 0, low = 0;
    if (!hex(code) || code == 0) return false;
    if (code >= 0xd800 && code < 0xe000) {
      if (code >= 0xdc00 || !word("\\u") || !hex(low) || low < 0xdc00 || low >= 0xe000) return false;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static constexpr uint8_t kLead[] = {0, 0xc0, 0xe0, 0xf0};
    *out++ = static_cast<char>(kLead[more] | (code >> (6 * more)));
    for (int k = more - 1; k >= 0; --k) *out++ = static_cast<char>(0x80 | ((code >> (6 * k)) & 0x3f));
    return true;
  }

  bool hex(uint32_t& code) {
    code = 0;
    if (end_ - at_ < 4) return false;
    for (int k = 0; k < 4; ++k) {
      const char c = *at_++;
      const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
      if (digit < 0) return false;
      code = code * 16 + static_cast<uint32_t>(digit);
    }
    return true;
  }

  // Nearest to within an ulp or two of the decimal number: the first 19 digits and a power of ten.
  bool number(double& value) {
    const bool negative = at_ < end_ && *at_ == '-';
    at_ += negative;
    uint64_t digits = 0;
    int64_t exponent = 0;
    int kept = 0;
    const char* start = at_;
    for (; at_ < end_ && is_digit(*at_); ++at_) keep(*at_, digits, kept, exponent);
    if (at_ == start || (*start == '0' && at_ - start > 1)) return false;
    if (at_ < end_ && *at_ == '.') {
      const char* point = ++at_;
      for (; at_ < end_ && is_digit(*at_); ++at_) {
        keep(*at_, digits, kept, exponent);
        --exponent;
      }
      if (at_ == point) return false;
    }
    if (at_ < end_ && (*at_ | 32) == 'e' && !power(exponent)) return false;
    const long double scale = std::pow(10.0L, static_cast<long double>(exponent < 0 ? -exponent : exponent));
    const long double size = exponent < 0 ? static_cast<long double>(digits) / scale : static_cast<long double>(digits) * scale;
    value = static_cast<double>(negative ? -size : size);
    return std::isfinite(value);
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static void keep(char c, uint64_t& digits, int& kept, int64_t& exponent) {
    if (kept == 19) {
      ++exponent;
      return;
    }
    digits = digits * 10 + static_cast<uint64_t>(c - '0');
    kept += digits != 0;
  }
  bool power(int64_t& exponent) {
    ++at_;
    const bool negative = at_ < end_ && *at_ == '-';
    at_ += at_ < end_ && (*at_ == '-' || *at_ == '+');
    const char* start = at_;
    int64_t size = 0;
    for (; at_ < end_ && is_digit(*at_); ++at_) size = size < 10000 ? size * 10 + (*at_ - '0') : size;
    exponent += negative ? -size : size;
    return at_ > start;
  }

  const char *at_, *end_;
  Arena& arena_;
};

}  // namespace

const Json& Json::operator[](const char* name) const {
  for (const Json* member = kind == kObject ? first : nullptr; member; member = member->next)
    if (std::strcmp(member->key, name) == 0) return *member;
  return kAbsent;
}

bool Json::is(const char* expected) const { return kind == kString && std::strcmp(text, expected) == 0; }

int64_t Json::whole(int64_t low, int64_t high, int64_t otherwise) const {
  const bool right = kind == kNumber && number == std::floor(number) && number >= static_cast<double>(low) &&
                     number <= static_cast<double>(high);
  return right ? static_cast<int64_t>(number) : otherwise;
}

const Json* read_json(const char* text, size_t bytes, Arena& arena) { return Reader(text, bytes, arena).whole(); }

}  // namespace genmo
