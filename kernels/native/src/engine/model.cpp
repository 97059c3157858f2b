#include "engine/model.h"

#include <cmath>
#include <cstdio>

#include "engine/sha256.h"
#include "error.h"
#include "network/network.h"

namespace genmo {
namespace {

constexpr int kFormat = 2, kTableFormat = 1, kMostTensors = 4096;
constexpr int64_t kLeastPiece = 1 << 10, kMostPiece = 1 << 20;
constexpr const char* kExport = "export the engine again with this genmo";

class Opening {
 public:
  Opening(Model& model, Files& files, const genmo_options& options, genmo_error* error)
      : model_(model), files_(files), options_(options), error_(error) {}

  // Hashes are computed on a thread of their own where the engine may have one.
  genmo_status run() {
    genmo_status status = describe();
    if (status == GENMO_OK) status = list_hashes();
    if (status != GENMO_OK) return status;
    pthread_t beside;
    const bool apart = digest_count_ && options_.threads > 1 && pthread_create(&beside, nullptr, compute_hashes, this) == 0;
    if (!apart) {
      compute_hashes(this);
      return compare_hashes() ? read() : GENMO_BAD_ENGINE;
    }
    status = read();
    pthread_join(beside, nullptr);
    return compare_hashes() ? status : GENMO_BAD_ENGINE;
  }

 private:
  genmo_status wrong(const char* what) { return fail(error_, GENMO_BAD_ENGINE, "engine.json: %s; %s", what, kExport); }

  genmo_status describe() {
    Bytes text;
    const genmo_status status = files_.get("engine.json", text, error_);
    if (status != GENMO_OK) return status;
    about_ = read_json(text.data, text.size, arena_);
    if (arena_.failed()) return fail(error_, GENMO_NO_MEMORY, "no memory for engine.json");
    if (!about_) return wrong("it is no JSON");
    const Json& about = *about_;
    if (about["format"].whole(0, 1000, -1) != kFormat) return wrong("format is not 2");
    model_.released = about["model"]["layout"].is("gem");
    if (model_.released) model_.features = kReleasedFeatures;
    if (!model_.released && !about["model"]["layout"].is("genmo")) return wrong("the motion's layout is neither \"genmo\" nor \"gem\"");
    if (!model_.released && !about["text_encoder"]["kind"].is("wordpiece-1")) return wrong("the text encoder is not \"wordpiece-1\"");
    const Json& table = about["native"];
    if (table["format"].whole(0, 1000, -1) != kTableFormat || !table["dtype"].is("float32"))
      return wrong("there is no table \"native\" of float32 weights, which python -m genmo.export.native_table adds to fp32 engines");
    return GENMO_OK;
  }

  genmo_status read() {
    genmo_status status = normalise();
    if (status == GENMO_OK && !model_.released) status = open_words();
    if (status == GENMO_OK && !model_.released && may_read("text_reader")) status = keep_actions();
    if (status == GENMO_OK) status = configure();
    return status == GENMO_OK ? open_weights() : status;
  }

  // Of the files that are read, or of their pieces where the table "native" has them, which takes half as long.  A folder holds other
  // files, of which the description says as much.
  genmo_status list_hashes() {
    if (options_.trusted) return GENMO_OK;
    const Json &listed = (*about_)["files"], &pieces = (*about_)["native"]["pieces"];
    if (pieces.kind != Json::kNull) {
      piece_ = pieces["bytes"].whole(kLeastPiece, kMostPiece, 0);
      if (piece_ <= 0 || piece_ % 64 || pieces["sha256"].kind != Json::kObject) return wrong("pieces are not of bytes and hashes");
    }
    digests_ = arena_.get<Digest>(listed.count);
    if (arena_.failed()) return fail(error_, GENMO_NO_MEMORY, "no memory for engine.json");
    for (const Json* file = listed.first; file; file = file->next) {
      if (!file->key || !is_plain_name(file->key) || file->kind != Json::kString) return wrong("files is no table of names and hashes");
      if (!is_read(file->key)) continue;
      Bytes content;
      const genmo_status status = files_.get(file->key, content, error_);
      if (status != GENMO_OK) return status;
      Digest& digest = digests_[digest_count_++] = {file->key, file, content, nullptr, ""};
      const Json& of_pieces = pieces["sha256"][file->key];
      if (!piece_ || of_pieces.kind == Json::kNull) continue;
      digest.wanted = &of_pieces;
      digest.pieces = arena_.get<unsigned char>(32 * static_cast<int64_t>(piece_count(content.size, static_cast<size_t>(piece_))));
      if (!digest.pieces) return fail(error_, GENMO_NO_MEMORY, "no memory for the hashes of %.100s", file->key);
    }
    return GENMO_OK;
  }

  static void* compute_hashes(void* opening) {
    const Opening& self = *static_cast<const Opening*>(opening);
    for (int64_t i = 0; i < self.digest_count_; ++i) {
      Digest& digest = self.digests_[i];
      if (digest.pieces) {
        sha256_of_pieces(digest.content.data, digest.content.size, static_cast<size_t>(self.piece_), digest.pieces, digest.hex);
      } else {
        sha256(digest.content.data, digest.content.size, digest.hex);
      }
    }
    return nullptr;
  }

  bool compare_hashes() {
    for (int64_t i = 0; i < digest_count_; ++i) {
      if (digests_[i].wanted->is(digests_[i].hex)) continue;
      fail(error_, GENMO_BAD_ENGINE, "%.100s: its SHA-256 is not the one in engine.json: damaged or altered; %s", digests_[i].name, kExport);
      return false;
    }
    return true;
  }

  bool is_read(const char* name) const {
    const Json& encoder = (*about_)["text_encoder"];
    if (!model_.released && (encoder["file"].is(name) || encoder["vocabulary"].is(name))) return true;
    if ((*about_)["text_reader"].is(name)) return !model_.released && may_read("text_reader");
    if ((*about_)["examples"].is(name)) return !model_.released && may_read("examples");
    for (const Json* tensor = (*about_)["native"]["tensors"].first; tensor; tensor = tensor->next)
      if (tensor->kind == Json::kArray && tensor->first && tensor->first->is(name)) return true;
    return false;
  }

  genmo_status normalise() {
    const char* const names[] = {"mean", "std"};
    float* const arrays[] = {model_.mean, model_.spread};
    for (int i = 0; i < 2; ++i) {
      const Json& values = (*about_)["normalisation"][names[i]];
      if (values.kind != Json::kArray || values.count != model_.features) return wrong("normalisation is not of the layout's features");
      float* out = arrays[i];
      for (const Json* value = values.first; value; value = value->next) {
        *out = static_cast<float>(value->number);
        if (value->kind != Json::kNumber || !std::isfinite(*out) || (i == 1 && !(*out > 0)))
          return wrong("normalisation is not of finite means and positive spreads");
        ++out;
      }
    }
    return GENMO_OK;
  }

  genmo_status listed(const Json& name, Bytes& content) {
    const bool known = name.kind == Json::kString && is_plain_name(name.text) &&
                       (*about_)["files"][name.text].kind == Json::kString;
    if (!known) return wrong("it names a file that is not among its files");
    return files_.get(name.text, content, error_);
  }

  genmo_status open_words() {
    const Json& encoder = (*about_)["text_encoder"];
    Bytes table, vocabulary;
    genmo_status status = listed(encoder["file"], table);
    if (status == GENMO_OK) status = listed(encoder["vocabulary"], vocabulary);
    return status == GENMO_OK ? model_.words.open(table, vocabulary, error_) : status;
  }

  // Whether an engine has this file beside its network; of files in memory it may be left out.
  bool may_read(const char* role) const {
    const Json& name = (*about_)[role];
    return name.kind != Json::kNull && (name.kind != Json::kString || files_.may_have(name.text));
  }

  // The reader of texts, and the examples that are found by what it reads.
  genmo_status keep_actions() {
    Bytes reader, examples;
    genmo_status status = listed((*about_)["text_reader"], reader);
    if (status == GENMO_OK && may_read("examples")) status = listed((*about_)["examples"], examples);
    if (status != GENMO_OK || model_.actions.keep(reader, examples)) return status;
    return fail(error_, GENMO_NO_MEMORY, "no memory for a reader of texts and examples");
  }

  // The network's sizes, within those of runtime/denoiser/config.py; a bool that is not there is false.
  genmo_status configure() {
    const Json& model = (*about_)["model"];
    const struct {
      const char* name;
      int32_t* value;
      int64_t low, high;
    } sizes[] = {
        {"width", &o_.width, 1, 1 << 14},          {"depth", &o_.depth, 1, 1 << 8},
        {"heads", &o_.heads, 1, 1 << 8},           {"mlp_width", &o_.mlp_width, 1, 1 << 16},
        {"window", &o_.window, 1, 1 << 16},        {"text_width", &o_.text_width, model_.released ? 1 : kTextWidth, model_.released ? 1 << 16 : kTextWidth},
        {"text_tokens", &o_.text_tokens, 2, 4096}, {"text_depth", &o_.text_depth, 0, 1 << 8},
    };
    for (const auto& size : sizes) {
      *size.value = static_cast<int32_t>(model[size.name].whole(size.low, size.high, -1));
      if (*size.value < 0) return wrong("a size of the model is not one that this libgenmo takes");
    }
    if (o_.width % (2 * o_.heads) || o_.window % 2) return wrong("width is no multiple of 2 x heads, or window is odd");
    if (!model["block_order"].is("paper") && !model["block_order"].is("public")) return wrong("block_order is unknown");
    o_.size = sizeof o_;
    o_.features = model_.features;
    o_.text_first = model["block_order"].is("public");
    if (model["innovation"].kind == Json::kTrue) {
      o_.first_turn = 9 + 6;  // the joints' turns but the root's
      o_.turning_joints = kJoints - 1;
    }
    o_.norm_epsilon = static_cast<float>((*about_)["native"]["norm_epsilon"].number);
    if (!(o_.norm_epsilon > 0 && o_.norm_epsilon < 1)) return wrong("norm_epsilon is out of bounds");
    o_.fast = options_.fast != 0;
    o_.threads = options_.threads ? options_.threads : 1;
    return conditions(model);
  }

  genmo_status conditions(const Json& model) {
    constexpr int kGroups = 9, kLine = 4;  // of the keyframes' condition: runtime/denoiser/known_frames.py
    const auto video = static_cast<int32_t>(model["video_width"].whole(0, 1 << 16, -1));
    const auto music = static_cast<int32_t>(model["music_width"].whole(0, 1 << 16, -1));
    if (video < 0 || music < 0) return wrong("video_width or music_width is out of bounds");
    const int32_t keyframes = model["keyframes"].kind == Json::kTrue ? kFeatures + kGroups + kLine : 0;
    const genmo_condition_kind kinds[] = {{"keypoints", 17 * 3}, {"bounding_box", 3}, {"camera", 12},
                                          {"video", video},      {"music", music},    {"keyframes", keyframes}};
    for (const auto& kind : kinds)
      if (kind.width) model_.conditions[model_.condition_count++] = kind;
    o_.condition_count = model_.condition_count;
    o_.conditions = model_.conditions;
    model_.width = o_.width;
    model_.depth = o_.depth;
    model_.heads = o_.heads;
    model_.window = o_.window;
    model_.text_tokens = o_.text_tokens;
    return GENMO_OK;
  }

  genmo_status open_weights() {
    const Json& stored = (*about_)["native"]["tensors"];
    if (stored.kind != Json::kObject || stored.count > kMostTensors) return wrong("the table \"native\" has no tensors");
    auto* tensors = arena_.get<genmo_tensor>(stored.count);
    if (!tensors) return fail(error_, GENMO_NO_MEMORY, "no memory for a table of weights");
    int32_t count = 0;
    for (const Json* entry = stored.first; entry; entry = entry->next) {
      const genmo_status status = tensor(*entry, tensors[count++]);
      if (status != GENMO_OK) return status;
    }
    const genmo_status status = genmo_network_open(&o_, tensors, count, &model_.network, error_);
    if (status == GENMO_OK && reinterpret_cast<const Network*>(model_.network)->released != model_.released) return wrong("the weights are of another layout");
    return status == GENMO_BAD_ARGUMENT ? GENMO_BAD_ENGINE : status;
  }

  // [file, offset, [n] or [rows, columns]]
  genmo_status tensor(const Json& entry, genmo_tensor& tensor) {
    const Json* file = entry.kind == Json::kArray && entry.count == 3 ? entry.first : nullptr;
    const Json* shape = file ? file->next->next : nullptr;
    if (!shape || shape->kind != Json::kArray || shape->count < 1 || shape->count > 2) return wrong("a tensor is no [file, offset, shape]");
    Bytes content;
    const genmo_status status = listed(*file, content);
    if (status != GENMO_OK) return status;
    const int64_t offset = file->next->whole(0, int64_t{1} << 40, -1);
    const int64_t last = (shape->count == 2 ? shape->first->next : shape->first)->whole(1, 1 << 28, -1);
    const int64_t rows = shape->count == 2 ? shape->first->whole(1, 1 << 28, -1) : 1;
    const auto size = static_cast<int64_t>(content.size);
    if (offset < 0 || rows < 0 || last < 0 || offset > size || rows * last > (size - offset) / 4)
      return fail(error_, GENMO_BAD_ENGINE, "engine.json: %.80s is not inside %.80s; %s", entry.key, file->text, kExport);
    tensor = {entry.key, content.data + offset, rows, last};
    return GENMO_OK;
  }

  Model& model_;
  Files& files_;
  const genmo_options& options_;
  genmo_error* error_;
  Arena arena_;
  const Json* about_ = nullptr;
  struct Digest {
    const char* name;
    const Json* wanted;  // of engine.json: what it should be
    Bytes content;
    unsigned char* pieces;  // those of its pieces, where that is their digest; else nullptr
    char hex[65];
  };
  int64_t piece_ = 0;  // bytes of one; 0: whole files have digests alone
  Digest* digests_ = nullptr;
  int64_t digest_count_ = 0;
  genmo_network_options o_{};
};

}  // namespace

Model::~Model() {
  genmo_network_close(network);
  while (idle) {
    Pool* pool = idle;
    idle = pool->next;
    unmake(pool);
  }
}

Pool* Model::take_pool(size_t bytes) {
  pthread_mutex_lock(&lock);
  Pool* pool = idle;
  if (pool) idle = pool->next;
  pthread_mutex_unlock(&lock);
  if (!pool) pool = make<Pool>();
  if (pool && pool->reserve(bytes)) return pool;
  unmake(pool);
  return nullptr;
}

void Model::give_pool(Pool* pool) {
  pthread_mutex_lock(&lock);
  pool->next = idle;
  idle = pool;
  pthread_mutex_unlock(&lock);
}

genmo_status refuse_released(const Model& model, const char* what, genmo_error* error) {
  if (!model.released) return GENMO_OK;
  return fail(error, GENMO_UNSUPPORTED, "%s of released weights (layout \"gem\") is not in libgenmo, genmo_estimate is; wanted genmo-run --engine, or an engine of layout \"genmo\"", what);
}

genmo_status open_model(Model& model, Files& files, const genmo_options& options, genmo_error* error) {
  return Opening(model, files, options, error).run();
}

}  // namespace genmo
