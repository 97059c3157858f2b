// Engines as files in memory: those of a folder, or one that is made up and small enough to be opened a hundred thousand times.
#pragma once

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "random_network.h"

struct EngineFiles {
  std::vector<std::string> names{"engine.json", "conditions.onnx", "texts.onnx", "step.onnx", "text_encoder.npz", "text_vocabulary.txt", "text_reader.npz", "examples.npz"};
  std::vector<std::string> contents;

  EngineFiles() = default;
  explicit EngineFiles(const std::string& folder) {
    for (const auto& name : names) {
      std::ifstream file(folder + "/" + name, std::ios::binary);
      contents.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  }

  genmo_status open(genmo_model** model, genmo_options options, genmo_error* error) const {
    std::vector<genmo_file> files;
    for (size_t i = 0; i < names.size(); ++i) files.push_back({names[i].c_str(), contents[i].data(), contents[i].size()});
    return genmo_open_memory(files.data(), static_cast<int32_t>(files.size()), &options, model, error);
  }
};

inline void add_number(std::string& bytes, uint64_t value, int size) {
  for (int k = 0; k < size; ++k) bytes += static_cast<char>(value >> (8 * k));
}

// An .npz as numpy.savez writes it: a ZIP of .npy, stored.
class Npz {
 public:
  void add(const std::string& name, const std::string& dtype, const std::string& shape, const std::string& data) {
    const std::string header = "{'descr': '" + dtype + "', 'fortran_order': False, 'shape': (" + shape + "), }\n", path = name + ".npy";
    std::string array("\x93NUMPY\x01\x00", 8);
    add_number(array, header.size(), 2);
    array += header + data;
    const size_t start = bytes_.size();
    bytes_ += "PK\x03\x04";
    std::string common;  // version, flags, stored, time and date, hash that is not read, sizes, length of the name, nothing extra
    for (const auto& [value, size] : {std::pair<uint64_t, int>{20, 2}, {0, 2}, {0, 2}, {0, 4}, {0, 4}, {array.size(), 4}, {array.size(), 4}, {path.size(), 2}, {0, 2}})
      add_number(common, value, size);
    bytes_ += common + path + array;
    directory_ += std::string("PK\x01\x02\x14\x00", 6) + common + std::string(10, 0);
    add_number(directory_, start, 4);
    directory_ += path;
    ++count_;
  }
  std::string bytes() const {
    std::string all = bytes_ + directory_ + std::string("PK\x05\x06\x00\x00\x00\x00", 8);
    add_number(all, count_, 2);
    add_number(all, count_, 2);
    add_number(all, directory_.size(), 4);
    add_number(all, bytes_.size(), 4);
    add_number(all, 0, 2);
    return all;
  }

 private:
  std::string bytes_, directory_;
  uint64_t count_ = 0;
};

// An engine of one narrow module with random weights and no hashes that are right: it is opened as trusted.  `released`: of layout "gem".
class TinyEngine : public EngineFiles {
 public:
  explicit TinyEngine(bool released = false) : released_(released), features_(released ? 151 : 181) {
    contents.resize(names.size());
    const std::string tensors = write_weights();
    write_words();
    write_reader();
    write_examples();
    const std::string layout = released ? "gem" : "genmo", own = released ? "false" : "true";
    contents[0] = R"({"format": 2, "model": {"layout": ")" + layout + R"(", "width": 16, "depth": 1, "heads": 2, "mlp_width": 24, "window": 120,)"
                  R"( "text_width": 192, "text_tokens": 8, "text_depth": 0, "block_order": "paper", "video_width": 0, "innovation": )" +
                  own + R"(, "music_width": 0, "keyframes": )" + own + R"(}, "text_encoder": {"kind": "wordpiece-1", "file": "text_encoder.npz",)"
                  R"( "vocabulary": "text_vocabulary.txt"}, "normalisation": {"mean": [)" +
                  mean() + "], \"std\": [" + repeated("0.02", features_) +
                  R"(]}, "text_reader": "text_reader.npz", "examples": "examples.npz", "files": {"conditions.onnx": "", "texts.onnx": "", "step.onnx": "",)"
                  R"( "text_encoder.npz": "", "text_vocabulary.txt": "", "text_reader.npz": "", "examples.npz": ""},)"
                  R"( "native": {"format": 1, "dtype": "float32", "norm_epsilon": 1e-05, "tensors": {)" +
                  tensors + "}}}";
  }

 private:
  static constexpr int kChannels = 104, kToken = kChannels + 64;
  static constexpr const char* kTraits = "speed>0.4\nturn_left>85\nturn_right>85";
  const bool released_;
  const int features_;

  static std::string repeated(const char* word, int count) {
    std::string all = word;
    for (int i = 1; i < count; ++i) all += std::string(", ") + word;
    return all;
  }

  // Somebody who stands upright, four metres in front of a camera.
  std::string mean() const {
    std::string all;
    for (int i = 0; i < features_; ++i) {
      const int of_released = i < 126 ? i % 6 : i >= 136 && i < 148 ? (i - 136) % 6 : 1, of_ours = i < 6 ? i : i >= 9 && i < 153 ? (i - 9) % 6 : 1;
      const int number = released_ ? of_released : of_ours;  // of a rotation's six
      all += std::string(i ? ", " : "") + (i == 165 && !released_ ? "4.0" : number == 0 || number == 4 ? "1.0" : "0.0");
    }
    return all;
  }

  // Each into the graph that an exported engine has it in; the table of where they are.
  std::string write_weights() {
    RandomWeights random(3);
    std::string table;
    NetworkSizes sizes{16, 1, 24, features_, 192, 0, released_ ? 0 : 23, {{"keypoints", 51}, {"bounding_box", 3}, {"camera", 12}}, released_};
    if (!released_) sizes.conditions.push_back({"keyframes", 194});
    for (const auto& shape : NetworkShapes(sizes).all) {
      const size_t file = shape.role.compare(0, 5, "step.") == 0 ? 3 : shape.role.compare(0, 6, "texts.") == 0 ? 2 : 1;
      std::string& bytes = contents[file];
      table += (table.empty() ? "\"" : ", \"") + shape.role + "\": [\"" + names[file] + "\", " + std::to_string(bytes.size()) + ", [" +
               std::to_string(shape.rows) + ", " + std::to_string(shape.columns) + "]]";
      for (int64_t i = 0; i < shape.rows * shape.columns; ++i) {
        const float value = random.next(shape.rows);
        bytes.append(reinterpret_cast<const char*>(&value), 4);
      }
    }
    return table;
  }

  void write_words() {
    std::string& words = contents[5];
    int count = 0;
    for (const char* letter = "abcdefghijklmnopqrstuvwxyz0123456789"; *letter; ++letter, count += 2) words += std::string(1, *letter) + "\n##" + *letter + "\n";
    for (const char* word : {"person", "walks", "jumps", "the", "left"}) {
      words += std::string(word) + "\n";
      ++count;
    }
    RandomWeights random(4);
    std::string vectors, scales, weights;
    for (int i = 0; i < count * kChannels; ++i) vectors += static_cast<char>(static_cast<int>(100 * random.next()));
    for (int i = 0; i < kChannels; ++i) add_number(scales, 0x3c000000, 4);  // 2^-7
    for (int i = 0; i < count; ++i) add_number(weights, 0x3800, 2);         // a half
    const std::string rows = std::to_string(count);
    Npz npz;
    npz.add("vectors", "|i1", rows + ", " + std::to_string(kChannels), vectors);
    npz.add("scales", "<f4", std::to_string(kChannels) + ",", scales);
    npz.add("weights", "<f2", rows + ",", weights);
    contents[4] = npz.bytes();
  }

  static std::string random_bytes(int count, int most, RandomWeights& random) {
    std::string bytes;
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(static_cast<int>(static_cast<float>(most) * random.next()));
    return bytes;
  }

  // A reader to which every text says something.
  void write_reader() {
    const struct {
      const char* name;
      int rows, columns;
    } layers[] = {{"tokens", kToken, 4}, {"text", 2 * 4 + kChannels, 5}, {"traits", 5, 3}};
    RandomWeights random(5);
    const auto floats = [](int count, uint32_t bits) {
      std::string bytes;
      for (int i = 0; i < count; ++i) add_number(bytes, bits, 4);
      return bytes;
    };
    Npz npz;
    npz.add("names", "|u1", std::to_string(std::strlen(kTraits)) + ",", kTraits);
    for (const auto& layer : layers) {
      const std::string name = layer.name, columns = std::to_string(layer.columns);
      npz.add(name, "|i1", std::to_string(layer.rows) + ", " + columns, random_bytes(layer.rows * layer.columns, 100, random));
      npz.add(name + "_scales", "<f4", columns + ",", floats(layer.columns, 0x3c000000));  // 2^-7
      npz.add(name + "_bias", "<f4", columns + ",", floats(layer.columns, 0x3f800000));    // 1
    }
    npz.add("usual", "<f4", "3,", floats(3, 0xc0400000));  // -3
    npz.add("trust", "<f4", "3,", floats(3, 0x3f800000));
    contents[6] = npz.bytes();
  }

  // Two examples, each with a stretch of every length.
  void write_examples() {
    constexpr int kCoefficients = 60 * 76;
    RandomWeights random(6);
    Npz npz;
    std::string examples, coefficients;
    for (const int example : {0, 0, 0, 1, 1, 1}) add_number(examples, static_cast<uint64_t>(example), 2);
    for (int i = 0; i < 2 * kCoefficients; ++i) add_number(coefficients, static_cast<uint16_t>(static_cast<int16_t>(6 * random.next())), 2);
    npz.add("traits", "|u1", std::to_string(std::strlen(kTraits)) + ",", kTraits);
    npz.add("example", "<u2", "6,", examples);
    npz.add("start", "|u1", "6,", std::string("\x00\x1e\x00\x3c\x00\x00", 6));
    npz.add("length", "|u1", "6,", "\x3c\x5a\x78\x3c\x5a\x78");
    npz.add("does", "|u1", "6, 1", "\x80\x40\x20\xa0\xc0\xe0");
    npz.add("coefficients", "<i2", "60, 76, 2", coefficients);
    contents[7] = npz.bytes();
  }
};
