// A network from its tensors: every one checked for its shape, folded and packed.
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "error.h"
#include "isa.h"
#include "network/network.h"
#include "network/scratch.h"
#include "network/workspace.h"

namespace genmo {

namespace {

constexpr int kMostWidth = 1 << 14, kMostDepth = 1 << 8, kMostHidden = 1 << 16, kMostReach = 256;

// Finds tensors by role and remembers the first that is not as it should be.
class Reader {
 public:
  Reader(const genmo_tensor* tensors, int32_t count, genmo_error* error)
      : tensors_(tensors), count_(count), error_(error) {}

  // The tensor of a role; rows or columns of 0 are whatever it has.
  Stored read(int64_t rows, int64_t columns, const char* format, ...) GENMO_PRINTF(4, 5) {
    char role[96];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(role, sizeof role, format, arguments);
    va_end(arguments);
    if (status_ != GENMO_OK) return {};
    for (int32_t i = 0; i < count_; ++i)
      if (tensors_[i].role && std::strcmp(tensors_[i].role, role) == 0) return checked(tensors_[i], rows, columns);
    status_ = fail(error_, GENMO_BAD_ARGUMENT, "the network has no tensor %s", role);
    return {};
  }

  bool has(const char* role) const {
    for (int32_t i = 0; i < count_; ++i)
      if (tensors_[i].role && std::strcmp(tensors_[i].role, role) == 0) return true;
    return false;
  }

  genmo_status status() const { return status_; }
  bool good() const { return status_ == GENMO_OK; }

 private:
  Stored checked(const genmo_tensor& tensor, int64_t rows, int64_t columns) {
    const bool right = tensor.data && tensor.rows > 0 && tensor.columns > 0 && tensor.rows <= kMostHidden &&
                       tensor.columns <= 3 * kMostHidden && (rows == 0 || tensor.rows == rows) &&
                       (columns == 0 || tensor.columns == columns);
    if (!right) {
      status_ = fail(error_, GENMO_BAD_ARGUMENT, "tensor %s is %lld x %lld; wanted %lld x %lld (0: any)", tensor.role,
                     static_cast<long long>(tensor.rows), static_cast<long long>(tensor.columns),
                     static_cast<long long>(rows), static_cast<long long>(columns));
      return {};
    }
    return {static_cast<const unsigned char*>(tensor.data), tensor.rows, tensor.columns};
  }

  const genmo_tensor* tensors_;
  int32_t count_;
  genmo_error* error_;
  genmo_status status_ = GENMO_OK;
};

class Opener {
 public:
  Opener(Network& network, Reader& reader) : network_(network), reader_(reader) {}

  void read_all() {
    const genmo_network_options& options = network_.options;
    network_.released = reader_.has("step.heads.weak_perspective.first.weight");
    network_.reads_texts = !network_.released || reader_.has("texts.in.weight");
    const int width = options.width;
    network_.time = copy(reader_.read(kTimesteps, width, "step.time"));
    network_.motion_in = layer("step.motion_in", nullptr, options.features, width, false, false);
    network_.modules = network_.arena.get<Module>(options.depth);
    for (int i = 0; i < options.depth && reader_.good() && !network_.arena.failed(); ++i) read_module(i);
    network_.x_0 = head("step.heads.x_0", options.features);
    if (network_.released) {
      network_.weak_perspective = head("step.heads.weak_perspective", kWeakNumbers);
      network_.contact_logits = head("step.heads.contact_logits", kLogits);
    }
    if (options.turning_joints > 0) read_innovation();
    for (int i = 0; i < options.condition_count && reader_.good(); ++i) read_condition(i);
    if (!network_.released || reader_.has("conditions.in.weight"))
      network_.condition_in = layer("conditions.in", nullptr, width, width, false, !network_.released && options.fast != 0);
    if (!network_.released) network_.motion_bias = copy(reader_.read(1, width, "conditions.motion_bias"));
    if (network_.reads_texts) read_texts();
  }

 private:
  void read_module(int index) {
    Module& module = network_.modules[index];
    const int width = network_.options.width;
    char name[64];
    std::snprintf(name, sizeof name, "step.modules.%d.attention", index);
    read_attention(module.attention, name);
    std::snprintf(name, sizeof name, "step.modules.%d.attention_mlp", index);
    module.attention_mlp = mlp(name);
    if (!network_.reads_texts) return;
    std::snprintf(name, sizeof name, "step.modules.%d.text", index);
    module.text.query = layer(name, "q", width, width, true, network_.options.fast != 0);
    module.text.out = layer(name, "out", width, width, false, network_.options.fast != 0);
    if (!network_.released) read_null(module.text, name);
    std::snprintf(name, sizeof name, "step.modules.%d.text_mlp", index);
    module.text_mlp = mlp(name);
  }

  // `NAME.PART.weight` and its bias, with the norm `NAME.norm` folded in where it has one.
  LayerSource source(const char* name, const char* part, int depth, int columns, bool normed) {
    LayerSource from;
    const char* dot = part ? "." : "";
    if (!part) part = "";
    from.columns = columns;
    from.weight = reader_.read(depth, columns, "%s%s%s.weight", name, dot, part);
    char bias[96];
    std::snprintf(bias, sizeof bias, "%s%s%s.bias", name, dot, part);
    if (reader_.has(bias)) from.bias = reader_.read(1, columns, "%s", bias);
    if (normed) {
      from.norm_weight = reader_.read(1, depth, "%s.norm.weight", name);
      from.norm_bias = reader_.read(1, depth, "%s.norm.bias", name);
    }
    return from;
  }

  Layer packed(const LayerSource& from, bool fixed) {
    return reader_.good() ? pack(from, *network_.kernels, fixed, network_.arena, scratch_) : Layer{};
  }

  Layer layer(const char* name, const char* part, int depth, int columns, bool normed, bool fixed) {
    return packed(source(name, part, depth, columns, normed), fixed);
  }

  Mlp mlp(const char* name) {
    const int width = network_.options.width, hidden = network_.options.mlp_width;
    const bool fixed = network_.options.fast != 0;
    return {layer(name, "first", width, hidden, true, fixed), layer(name, "second", hidden, width, false, fixed)};
  }

  // A head reads what the last norm gives, which is folded into its first layer; released weights have none there.
  Head head(const char* name, int columns) {
    const int width = network_.options.width;
    LayerSource first = source(name, "first", width, width, false);
    if (!network_.released) {
      first.norm_weight = reader_.read(1, width, "step.norm.weight");
      first.norm_bias = reader_.read(1, width, "step.norm.bias");
    }
    return {packed(first, network_.options.fast != 0), layer(name, "second", width, columns, false, false)};
  }

  // The file has the first halves of all queries, of all keys, the second halves of both, the values.
  void read_attention(SelfAttention& attention, const char* name) {
    const int width = network_.options.width, half = network_.head_width() / 2;
    const bool fixed = network_.options.fast != 0;
    Arena scratch;
    int32_t* order = scratch.get<int32_t>(3 * width);
    LayerSource from = source(name, "qkv", width, 3 * width, true);
    if (scratch.failed()) network_.arena.get<char>(-1);
    if (!reader_.good() || scratch.failed()) return;
    for (int column = 0; column < 2 * width; ++column) {
      const int group = column / (2 * half), within = column % (2 * half);  // queries' heads, then keys'
      order[column] = (within < half ? 0 : width) + group * half + within % half;
    }
    for (int column = 2 * width; column < 3 * width; ++column) order[column] = column;
    from.order = order;
    from.run = half;
    from.columns = width;
    Layer* const parts[] = {&attention.query, &attention.key, &attention.value};
    for (Layer* part : parts) {
      *part = packed(from, fixed);
      from.order += width;
    }
    attention.out = layer(name, "out", width, width, false, fixed);
  }

  void read_null(TextAttention& text, const char* name) {
    const int width = network_.options.width;
    const Stored null = reader_.read(1, width, "%s.null", name);
    const LayerSource out = source(name, "out", width, width, false);
    text.null = copy(null);
    float* silent = network_.arena.get<float>(stride_of(width));
    Arena scratch;
    double* sums = scratch.get<double>(width);
    if (scratch.failed()) network_.arena.get<char>(-1);
    if (!reader_.good() || !silent || !sums) return;
    for (int column = 0; column < width; ++column) sums[column] = out.bias.data ? double{out.bias.at(0, column)} : 0.0;
    for (int k = 0; k < width; ++k)
      for (int column = 0; column < width; ++column) sums[column] += double{null.at(0, k)} * double{out.weight.at(k, column)};
    for (int column = 0; column < width; ++column) silent[column] = static_cast<float>(sums[column]);
    text.silent = silent;
  }

  void read_innovation() {
    network_.innovation = head("step.innovation", network_.options.turning_joints);
    const Stored smoothing = reader_.read(1, 0, "step.innovation.kernel");
    network_.reach = static_cast<int>(smoothing.columns / 2);
    network_.smoothing = copy(smoothing);
    network_.roots = copy(reader_.read(1, kTimesteps, "step.innovation.roots"));
    network_.trusts = copy(reader_.read(1, kTimesteps, "step.innovation.trusts"));
  }

  void read_condition(int index) {
    const genmo_condition_kind& described = network_.options.conditions[index];
    Condition& condition = network_.conditions[index];
    condition.kind = kind_of(described.name);
    condition.width = described.width;
    const int width = network_.options.width;
    char name[64];
    std::snprintf(name, sizeof name, "conditions.%.40s", described.name);
    if (network_.released) return read_released(condition, name);
    int depth = condition.kind == ConditionKind::kBox ? kBoxNumbers : described.width;
    if (condition.kind == ConditionKind::kKeypoints) depth = read_points(condition, name);
    const Stored first = reader_.read(depth, 0, "%s.first.weight", name);
    const int hidden = static_cast<int>(first.columns);
    // in fixed point where it is what a camera sees, of which every frame may be another; boxes and cameras are few numbers, but exact
    const bool fixed = network_.options.fast != 0 && condition.kind != ConditionKind::kFeatures;
    condition.mlp.first = layer(name, "first", depth, hidden, false, fixed && condition.kind == ConditionKind::kKeypoints);
    condition.mlp.second = layer(name, "second", hidden, width, false, fixed);
    condition.absent = copy(reader_.read(1, width, "%s.absent", name));
  }

  void read_released(Condition& condition, const char* name) {
    const int width = network_.options.width;
    int depth = condition.kind == ConditionKind::kCamera ? kTurnNumbers : condition.width;
    if (condition.kind == ConditionKind::kKeypoints) depth = read_points(condition, name);
    const bool gelu = condition.kind == ConditionKind::kKeypoints || !std::strcmp(name, "conditions.music");
    char part[96];
    std::snprintf(part, sizeof part, "%s.second.weight", name);
    condition.activation = !reader_.has(part) ? Activation::kNone : gelu ? Activation::kExactGelu : Activation::kSilu;
    const bool one = condition.activation == Activation::kNone;
    const int hidden = static_cast<int>(reader_.read(depth, one ? width : 0, "%s.first.weight", name).columns);
    condition.mlp.first = layer(name, "first", depth, hidden, one, false);
    if (!one) condition.mlp.second = layer(name, "second", hidden, width, false, false);
    std::snprintf(part, sizeof part, "%s.flagged.first.weight", name);
    if (!reader_.has(part)) return;
    std::snprintf(part, sizeof part, "%s.flagged", name);
    condition.flagged = {layer(part, "first", width + 1, width, false, false), layer(part, "second", width, width, false, false)};
  }

  // The width of all embedded keypoints together; released weights read no speed, and no place but through it.
  int read_points(Condition& condition, const char* name) {
    const Stored point = reader_.read(network_.released ? 2 : 4, 0, "%s.point.weight", name);
    condition.point_width = static_cast<int>(point.columns);
    condition.point = copy(point);
    condition.point_bias = copy(reader_.read(1, point.columns, "%s.point.bias", name));
    if (!network_.released) condition.place = copy(reader_.read(kKeypoints, point.columns, "%s.place", name));
    condition.unseen = copy(reader_.read(kKeypoints, point.columns, "%s.unseen", name));
    return kKeypoints * condition.point_width;
  }

  static ConditionKind kind_of(const char* name) {
    if (std::strcmp(name, "keypoints") == 0) return ConditionKind::kKeypoints;
    if (std::strcmp(name, "bounding_box") == 0) return ConditionKind::kBox;
    if (std::strcmp(name, "camera") == 0) return ConditionKind::kCamera;
    return ConditionKind::kFeatures;
  }

  void read_texts() {
    const genmo_network_options& options = network_.options;
    network_.word_blocks = network_.arena.get<WordBlock>(options.text_depth);
    for (int i = 0; i < options.text_depth && reader_.good() && !network_.arena.failed(); ++i)
      read_words(network_.word_blocks[i], i);
    if (network_.released) network_.text_places = copy(reader_.read(kTimesteps, options.width, "texts.places"));
    network_.text_in = layer("texts.in", nullptr, options.text_width, options.width, false, false);
    network_.text_keys_values = network_.arena.get<Layer>(options.depth);
    for (int i = 0; i < options.depth && reader_.good() && !network_.arena.failed(); ++i) {
      char name[64];
      std::snprintf(name, sizeof name, "texts.modules.%d.key_value", i);
      network_.text_keys_values[i] = layer(name, nullptr, options.width, 2 * options.width, false, false);
    }
  }

  void read_words(WordBlock& block, int index) {
    const int width = network_.options.text_width;
    char name[64];
    std::snprintf(name, sizeof name, "texts.words.%d.attention", index);
    block.query_key_value = layer(name, "qkv", width, 3 * width, true, false);
    block.out = layer(name, "out", width, width, false, false);
    std::snprintf(name, sizeof name, "texts.words.%d.mlp", index);
    const int hidden = static_cast<int>(reader_.read(width, 0, "%s.first.weight", name).columns);
    block.mlp = {layer(name, "first", width, hidden, true, false), layer(name, "second", hidden, width, false, false)};
  }

  const float* copy(const Stored& from) {
    float* to = network_.arena.get<float>(from.rows * from.columns);
    if (to && from.data) std::memcpy(to, from.data, static_cast<size_t>(from.rows * from.columns) * sizeof(float));
    return to;
  }

  Network& network_;
  Reader& reader_;
  PackScratch scratch_;
};

// The null text of released weights as the steps read it: it depends on the weights alone.
genmo_status read_silence(Network& network, genmo_error* error) {
  const genmo_network_options& o = network.options;
  const int64_t words = o.text_tokens, numbers = words * o.width;
  auto** arrays = network.arena.get<float*>(2 * o.depth);
  float *all = network.arena.get<float>(2 * o.depth * numbers), *bias = network.arena.get<float>(words);
  auto* reach = network.arena.get<int64_t>(2);
  if (network.arena.failed()) return fail(error, GENMO_NO_MEMORY, "no memory for the null text");
  for (int i = 0; i < 2 * o.depth; ++i) arrays[i] = all + i * numbers;
  genmo_step& step = network.silence;
  step.size = sizeof step;
  step.prompted = step.texts = 1;
  step.text_bias = bias;
  step.text_reach = reach;
  step.text_keys = arrays;
  step.text_values = arrays + o.depth;
  genmo_texts texts{};
  texts.size = sizeof texts;
  texts.batch = 1;
  texts.bias = bias;
  texts.reach = reach;
  texts.keys = arrays;
  texts.values = arrays + o.depth;
  return run_texts(network, texts, error);
}

// About what the packed weights take: whole panels, half of it where they become int16.
size_t packed_bytes(const genmo_tensor* tensors, int32_t count, bool fast) {
  constexpr int64_t kMost = int64_t{1} << 30;
  int64_t bytes = 0;
  for (int32_t i = 0; i < count && bytes < kMost; ++i) {
    const genmo_tensor& tensor = tensors[i];
    if (!tensor.role || tensor.rows <= 0 || tensor.columns <= 0 || tensor.rows > kMostHidden || tensor.columns > 3 * kMostHidden) continue;
    const bool halved = fast && tensor.rows > 1 && std::strncmp(tensor.role, "step.modules.", 13) == 0;
    bytes += tensor.rows * round_up(static_cast<int>(tensor.columns), kMaxPanel) * (halved ? 2 : 4) + kAlignment;
  }
  return static_cast<size_t>(bytes < kMost ? bytes : kMost);
}

bool known(const genmo_condition_kind& condition) {
  if (!condition.name) return false;
  if (std::strcmp(condition.name, "keypoints") == 0) return condition.width == 3 * kKeypoints;
  if (std::strcmp(condition.name, "bounding_box") == 0) return condition.width == 3;
  if (std::strcmp(condition.name, "camera") == 0) return condition.width == kCameraNumbers;
  return condition.width > 0 && condition.width <= kMostHidden;
}

genmo_status check(const genmo_network_options& o, genmo_error* error) {
  bool conditions = o.condition_count > 0 && o.condition_count <= kMostConditions && o.conditions;
  for (int i = 0; conditions && i < o.condition_count; ++i) conditions = known(o.conditions[i]);
  const bool sizes = o.width > 0 && o.width <= kMostWidth && o.depth > 0 && o.depth <= kMostDepth && o.heads > 0 &&
                     o.heads <= o.width && o.width % (2 * o.heads) == 0 && o.mlp_width > 0 &&
                     o.mlp_width <= kMostHidden && o.window >= 2 && o.window <= (1 << 16) && o.window % 2 == 0 &&
                     o.features > 0 && o.features <= kMostHidden && o.text_tokens > 0 && o.text_tokens <= 4096 && o.text_width > 0 &&
                     o.text_width <= kMostHidden && o.text_depth >= 0 && o.text_depth <= kMostDepth &&
                     (o.text_depth == 0 || o.text_width % kWordHeads == 0);
  const bool turns = o.turning_joints >= 0 && o.first_turn >= 0 && o.turning_joints <= 1024 && o.first_turn <= kMostHidden &&
                     o.first_turn + 6 * o.turning_joints <= o.features;
  const bool rest = o.norm_epsilon > 0 && (o.fast == 0 || o.fast == 1) && o.threads >= 1 && o.threads <= Team::kMost &&
                    (o.text_first == 0 || o.text_first == 1);
  if (sizes && turns && rest && conditions) return GENMO_OK;
  const char* wrong = !sizes ? "sizes" : !turns ? "turning joints" : !rest ? "epsilon, fast, threads or text_first" : "conditions";
  return fail(error, GENMO_BAD_ARGUMENT, "options of the network are out of bounds (%s)", wrong);
}

}  // namespace

genmo_status open_network(Network& network, const genmo_tensor* tensors, int32_t count, genmo_error* error) {
  genmo_status status = check(network.options, error);
  if (status != GENMO_OK) return status;
  network.kernels = isa().network;
  network.arena.reserve(packed_bytes(tensors, count, network.options.fast != 0));
  Reader reader(tensors, count, error);
  Opener(network, reader).read_all();
  if (network.released && (network.options.features != kReleasedFeatures || network.options.turning_joints || network.options.text_depth || network.options.text_tokens > kTimesteps))
    return fail(error, GENMO_BAD_ARGUMENT, "weights of a released network have options of another: %d features, wanted %d", network.options.features, kReleasedFeatures);
  if (reader.status() != GENMO_OK) return reader.status();
  if (network.arena.failed()) return fail(error, GENMO_NO_MEMORY, "no memory for the network's weights");
  if (network.reach > kMostReach) return fail(error, GENMO_BAD_ARGUMENT, "step.innovation.kernel is too long");
  if (!network.team.start(network.options.threads))
    return fail(error, GENMO_NO_MEMORY, "the system gives no %d threads; wanted fewer", network.options.threads);
  return network.null_first() ? read_silence(network, error) : GENMO_OK;
}

Network::~Network() {
  while (idle) {
    Workspace* next = idle->next;
    unmake(idle);
    idle = next;
  }
  while (idle_scratch) {
    Scratch* next = idle_scratch->next;
    unmake(idle_scratch);
    idle_scratch = next;
  }
}

}  // namespace genmo
