// Streams of keypoints: the part of the C interface.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "error.h"
#include "motion/quaternions.h"
#include "sampling/conditioned.h"
#include "stream/person.h"

namespace genmo {
namespace {

constexpr int kMostPeople = 1024, kUsualLookAhead = 15, kUsualReach = 3, kMostReach = 9;
constexpr double kLevel[9] = {-1, 0, 0, 0, -1, 0, 0, 0, 1};

struct Stream {
  Model& model;
  StreamOptions options;
  Pool memory, scratch;
  Spaces spaces;
  StreamCamera camera;
  Keypoints lens;               // alone
  bool fixed = false;           // the camera stands at
  double place[16];             // this
  Person* people = nullptr;
  double *fresh = nullptr, *turns = nullptr;  // [people, 21, 3] points of the newest frame; [people, 24 + 1, 4] quaternions of the last answers
  bool* turned = nullptr;       // [people] whether there are any
  int64_t ticks = 0, waiting = -1, finished = 0;  // frames that wait for their look-ahead, while the stream is being finished

  explicit Stream(Model& opened) : model(opened) {}
  ~Stream() {
    for (int i = 0; people && i < options.people; ++i) people[i].~Person();
  }
};

Stream& of(genmo_stream* stream) { return *reinterpret_cast<Stream*>(stream); }

genmo_status check(const genmo_stream_options& o, int64_t window, genmo_error* error) {
  if (o.look_ahead < -1 || o.look_ahead > window / 2) return fail(error, GENMO_BAD_ARGUMENT, "look_ahead is %d; wanted -1 to %d", o.look_ahead, static_cast<int>(window / 2));
  if (o.people < 1 || o.people > kMostPeople) return fail(error, GENMO_BAD_ARGUMENT, "people is %d; wanted 1 to %d", o.people, kMostPeople);
  if (o.stride < 1 || o.stride > std::max(o.look_ahead, 0) + 1) return fail(error, GENMO_BAD_ARGUMENT, "stride is %d; wanted 1 to %d", o.stride, std::max(o.look_ahead, 0) + 1);
  if (o.fit_reach < -1 || o.fit_reach > kMostReach) return fail(error, GENMO_BAD_ARGUMENT, "fit_reach is %d; wanted -1 to %d", o.fit_reach, kMostReach);
  return GENMO_OK;
}

// The camera's pose [4, 4], checked.
genmo_status check_pose(const double* pose, genmo_error* error) {
  genmo_keypoints given{};
  Keypoints keypoints;
  Pool pool;
  given.frames = 1;
  keypoints.frames = 1;
  given.camera_to_world = pose;
  return pose ? read_camera(given, pool, keypoints, error) : GENMO_OK;
}

void clear_camera(Stream& s) {
  StreamCamera& c = s.camera;
  c.known = false;
  for (int64_t i = 0; i < 9 * s.options.window; ++i) c.rotation[i] = kLevel[i % 9];
  std::fill_n(c.position, 3 * s.options.window, 0.0);
  std::fill_n(c.condition, 12 * s.options.window, 0.0f);
  s.ticks = 0;
  s.waiting = -1;
}

bool get_memory(Stream& s) {
  const StreamOptions& o = s.options;
  const auto people = static_cast<size_t>(o.people), window = static_cast<size_t>(o.window);
  const size_t own = window * (12 * sizeof(double) + 12 * sizeof(float)) + people * (3 * kAllPoints + 100) * sizeof(double) + people * (sizeof(Person) + 8) + 16 * kAlignment;
  const size_t called = estimate_bytes(o.window, s.model.width, 2 * 256) + (size_t{1} << 20);
  if (!s.memory.reserve(own + people * Person::bytes(o)) || !s.scratch.reserve(called)) return false;
  s.camera.rotation = s.memory.get<double>(9 * o.window);
  s.camera.position = s.memory.get<double>(3 * o.window);
  s.camera.condition = s.memory.get<float>(12 * o.window);
  s.fresh = s.memory.get<double>(int64_t{o.people} * 3 * kAllPoints);
  s.turns = s.memory.get<double>(int64_t{o.people} * 100);
  s.turned = s.memory.get<bool>(o.people);
  s.people = s.memory.get<Person>(o.people);
  for (int i = 0; i < o.people; ++i) {
    (new (s.people + i) Person)->open(o, s.memory);
    s.turned[i] = false;
  }
  std::copy_n(s.lens.focal, 2, s.camera.focal);
  std::copy_n(s.lens.middle, 2, s.camera.middle);
  clear_camera(s);
  return s.spaces.open(*reinterpret_cast<Network*>(s.model.network), Conditioned::sizes(o.window, 0, 1));
}

void reset(Stream& s) {
  for (int i = 0; i < s.options.people; ++i) {
    s.people[i].reset();
    s.turned[i] = false;
  }
  clear_camera(s);
}

// The newest frame's camera behind those before it, which stays where it was without a pose.
void push_camera(Stream& s, const double* pose) {
  StreamCamera& c = s.camera;
  const int64_t last = s.options.window - 1;
  std::memmove(c.rotation, c.rotation + 9, static_cast<size_t>(9 * last) * sizeof(double));
  std::memmove(c.position, c.position + 3, static_cast<size_t>(3 * last) * sizeof(double));
  std::memmove(c.condition, c.condition + 12, static_cast<size_t>(12 * last) * sizeof(float));
  const bool first = s.ticks == 0;
  if (first) c.known = pose != nullptr;
  if (!c.known) return;
  for (int r = 0; r < 3 && pose; ++r) {
    std::copy_n(pose + 4 * r, 3, c.rotation + 9 * last + 3 * r);
    c.position[3 * last + r] = pose[4 * r + 3];
  }
  const int64_t frames = first ? 1 : 2;
  Keypoints two;
  two.frames = frames;
  two.rotation = c.rotation + 9 * (last + 1 - frames);
  two.position = c.position + 3 * (last + 1 - frames);
  camera_condition(two, c.condition + 12 * (last + 1 - frames));
}

// Answers of one person, NULL where they are not wanted.
void write(Stream& s, int person, const PersonPose& pose, const genmo_stream_pose& out) {
  const auto put = [&](const double* values, int count, float* to) {
    for (int i = 0; to && i < count; ++i) to[person * count + i] = static_cast<float>(values[i]);
  };
  double joints[3 * kJoints], *last = s.turns + 100 * person, fresh[100], xyzw[100], in_camera[7];
  const double* before = s.turned[person] ? last : nullptr;
  continuous_quaternions(pose.rotations, 1, kJoints, fresh, before);
  continuous_quaternions(pose.root_rotation, 1, 1, fresh + 96, before ? before + 96 : nullptr);
  std::copy_n(fresh, 100, last);
  s.turned[person] = true;
  for (int i = 0; i < 100; ++i) xyzw[i] = fresh[i / 4 * 4 + (i + 1) % 4];
  std::copy_n(xyzw + 96, 4, in_camera);
  std::copy_n(pose.root_translation, 3, in_camera + 4);
  if (out.frame) out.frame[person] = pose.frame;
  if (out.settled) out.settled[person] = pose.settled;
  put(xyzw, 4 * kJoints, out.rotations);
  put(pose.translation, 3, out.translation);
  put(pose.contacts, kContacts, out.contacts);
  put(pose.betas, kBetas, out.betas);
  put(in_camera, 7, out.root_in_camera);
  if (!out.joints) return;
  kinematics(1, pose.rotations, pose.translation, pose.offsets, nullptr, joints);
  put(joints, 3 * kJoints, out.joints);
}

void write_nobody(int person, const genmo_stream_pose& out) {
  const auto clear = [&](float* to, int count) {
    if (to) std::fill_n(to + person * count, count, 0.0f);
  };
  if (out.frame) out.frame[person] = -1;
  if (out.settled) out.settled[person] = 0;
  clear(out.rotations, 4 * kJoints);
  for (int i = 0; out.rotations && i < kJoints; ++i) out.rotations[(person * kJoints + i) * 4 + 3] = 1;
  clear(out.translation, 3);
  clear(out.contacts, kContacts);
  clear(out.betas, kBetas);
  clear(out.root_in_camera, 7);
  if (out.root_in_camera) out.root_in_camera[7 * person + 3] = 1;
  clear(out.joints, 3 * kJoints);
}

genmo_status estimate(Stream& s, bool all, genmo_error* error) {
  for (int i = 0; i < s.options.people; ++i) {
    Person& person = s.people[i];
    const bool due = all ? person.estimated() < person.age() : person.estimated() == 0 || (s.ticks + i) % s.options.stride == 0;
    if (!due || person.age() == 0) continue;
    const genmo_status status = person.estimate(s.model, s.camera, s.spaces, s.scratch, error);
    if (status != GENMO_OK) return status;
  }
  return GENMO_OK;
}

genmo_status answer(Stream& s, int person, int64_t frame, bool settled, const genmo_stream_pose& out, genmo_error* error) {
  PersonPose pose;
  const genmo_status status = s.people[person].answer(s.model, s.camera, frame, settled, s.scratch, pose, error);
  if (status == GENMO_OK) write(s, person, pose, out);
  return status;
}

genmo_status check(const Stream& s, const float* points, const double* pose, genmo_error* error) {
  if (!points) return fail(error, GENMO_BAD_ARGUMENT, "points is NULL; wanted [%d, 17, 3]", s.options.people);
  if (s.waiting >= 0) return fail(error, GENMO_BAD_ARGUMENT, "the stream is being finished; wanted genmo_stream_finish until nothing is left, or genmo_stream_reset");
  if (s.ticks && !s.camera.known && pose) return fail(error, GENMO_BAD_ARGUMENT, "camera_to_world is given but was not at first; wanted it from the first frame on");
  return check_pose(pose, error);
}

}  // namespace
}  // namespace genmo

extern "C" {

genmo_status genmo_stream_open(genmo_model* model, const genmo_stream_options* given, genmo_stream** stream, genmo_error* error) {
  using namespace genmo;
  if (!model || !stream || !given || given->size != sizeof *given)
    return fail(error, GENMO_BAD_ARGUMENT, "model, options or stream is NULL, or options.size is not %u", static_cast<unsigned>(sizeof *given));
  Model& opened = *reinterpret_cast<Model*>(model);
  genmo_stream_options o = *given;
  if (!o.look_ahead) o.look_ahead = kUsualLookAhead;
  if (!o.people) o.people = 1;
  if (!o.stride) o.stride = 1;
  if (!o.fit_reach) o.fit_reach = kUsualReach;
  genmo_status status = refuse_released(opened, "a stream", error);
  if (status == GENMO_OK) status = check(o, opened.window, error);
  if (status == GENMO_OK) status = check_pose(o.camera_to_world, error);
  if (status != GENMO_OK) return status;
  auto* s = make<Stream>(opened);
  if (!s) return fail(error, GENMO_NO_MEMORY, "no memory for a stream");
  genmo_keypoints lens{};
  lens.intrinsics = o.intrinsics;
  lens.image_width = o.image_width;
  lens.image_height = o.image_height;
  status = read_lens(lens, s->lens, error);
  s->options = {opened.window, std::max(o.look_ahead, 0), o.people, o.stride, o.unfitted ? -1 : std::max(o.fit_reach, 0), o.loose_feet == 0, o.raw_keypoints == 0};
  s->fixed = o.camera_to_world != nullptr;
  if (s->fixed) std::copy_n(o.camera_to_world, 16, s->place);
  if (status == GENMO_OK && !get_memory(*s)) status = fail(error, GENMO_NO_MEMORY, "no memory for a stream of %d people", o.people);
  if (status != GENMO_OK) {
    unmake(s);
    return status;
  }
  *stream = reinterpret_cast<genmo_stream*>(s);
  return GENMO_OK;
}

void genmo_stream_close(genmo_stream* stream) { genmo::unmake(reinterpret_cast<genmo::Stream*>(stream)); }

genmo_status genmo_stream_reset(genmo_stream* stream, int32_t person, genmo_error* error) {
  using namespace genmo;
  if (!stream || person < -1 || person >= of(stream).options.people)
    return fail(error, GENMO_BAD_ARGUMENT, "stream is NULL, or person is %d; wanted -1 to %d", person, stream ? of(stream).options.people - 1 : 0);
  Stream& s = of(stream);
  if (person < 0) {
    reset(s);
  } else {
    s.people[person].reset();
    s.turned[person] = false;
  }
  return GENMO_OK;
}

genmo_status genmo_stream_step(genmo_stream* stream, const float* points, const float* feet, const double* camera_to_world, const genmo_stream_pose* pose,
                               genmo_error* error) {
  using namespace genmo;
  if (!stream || !pose || pose->size != sizeof *pose) return fail(error, GENMO_BAD_ARGUMENT, "stream or pose is NULL, or pose.size is not %u", static_cast<unsigned>(sizeof *pose));
  Stream& s = of(stream);
  genmo_status status = check(s, points, camera_to_world, error);
  if (status != GENMO_OK) return status;
  for (int i = 0; i < s.options.people; ++i) {
    double* row = s.fresh + i * 3 * kAllPoints;
    std::fill_n(row + 3 * kPoints, 3 * kFootPoints, 0.0);
    if (!read_points(points + i * 3 * kPoints, kPoints, row) || (feet && !read_points(feet + i * 3 * kFootPoints, kFootPoints, row + 3 * kPoints)))
      return fail(error, GENMO_BAD_ARGUMENT, "points of person %d hold infinity or huge numbers; wanted finite pixels (confidence 0 where unseen)", i);
  }
  push_camera(s, camera_to_world ? camera_to_world : s.ticks == 0 && s.fixed ? s.place : nullptr);
  for (int i = 0; i < s.options.people; ++i) {
    if (s.ticks == 0) s.people[i].begin_path(s.camera.known, !s.lens.guessed);
    s.people[i].push(s.fresh + i * 3 * kAllPoints);
  }
  status = estimate(s, false, error);
  if (status != GENMO_OK) return status;
  ++s.ticks;
  for (int i = 0; i < s.options.people; ++i) {
    const int64_t newest = s.people[i].age() - 1;
    if (newest < 0) {
      write_nobody(i, *pose);
      continue;
    }
    status = answer(s, i, std::max<int64_t>(newest - s.options.look_ahead, 0), newest >= s.options.look_ahead, *pose, error);
    if (status != GENMO_OK) return status;
  }
  return GENMO_OK;
}

genmo_status genmo_stream_finish(genmo_stream* stream, const genmo_stream_pose* pose, int32_t* left, genmo_error* error) {
  using namespace genmo;
  if (!stream || !pose || pose->size != sizeof *pose || !left)
    return fail(error, GENMO_BAD_ARGUMENT, "stream, pose or left is NULL, or pose.size is not %u", static_cast<unsigned>(sizeof *pose));
  Stream& s = of(stream);
  const auto waits = [&](int i) { return std::min(s.people[i].age(), s.options.look_ahead); };
  if (s.waiting < 0) {
    const genmo_status status = estimate(s, true, error);
    if (status != GENMO_OK) return status;
    s.finished = s.waiting = 0;
    for (int i = 0; i < s.options.people; ++i) s.waiting = std::max(s.waiting, waits(i));
  }
  for (int i = 0; i < s.options.people; ++i) {
    write_nobody(i, *pose);
    if (waits(i) <= s.finished) continue;
    const genmo_status status = answer(s, i, s.people[i].age() - waits(i) + s.finished, true, *pose, error);
    if (status != GENMO_OK) return status;
  }
  ++s.finished;
  *left = static_cast<int32_t>(std::max<int64_t>(s.waiting - s.finished, 0));
  if (!*left) reset(s);
  return GENMO_OK;
}
}
