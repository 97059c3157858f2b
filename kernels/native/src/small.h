// Vectors and 3 x 3 matrices of one frame: what stages without lanes share.
#pragma once

#include <cmath>

namespace genmo {

struct Vec3 {
  double x, y, z;
};

inline Vec3 at(const double* p) { return {p[0], p[1], p[2]}; }

inline void put(double* p, Vec3 v) {
  p[0] = v.x;
  p[1] = v.y;
  p[2] = v.z;
}

inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator*(double s, Vec3 a) { return {s * a.x, s * a.y, s * a.z}; }
inline double dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline double length(Vec3 a) { return std::sqrt(dot(a, a)); }
inline Vec3 cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }

// A unit vector; a zero vector stays near zero.
inline Vec3 unit(Vec3 a) {
  const double size = length(a);
  return (1 / (size > 1e-8 ? size : 1e-8)) * a;
}

struct Mat3 {
  Vec3 row[3];
};

inline Mat3 mat_at(const double* p) { return {{at(p), at(p + 3), at(p + 6)}}; }

inline void put(double* p, const Mat3& m) {
  for (int r = 0; r < 3; ++r) put(p + 3 * r, m.row[r]);
}

// A rotation in 6D: its first two rows.
inline void put_sixd(double* p, const Mat3& m) {
  put(p, m.row[0]);
  put(p + 3, m.row[1]);
}

inline Mat3 transposed(const Mat3& m) {
  return {{{m.row[0].x, m.row[1].x, m.row[2].x}, {m.row[0].y, m.row[1].y, m.row[2].y}, {m.row[0].z, m.row[1].z, m.row[2].z}}};
}

inline Vec3 operator*(const Mat3& m, Vec3 v) { return {dot(m.row[0], v), dot(m.row[1], v), dot(m.row[2], v)}; }

inline Mat3 operator*(const Mat3& a, const Mat3& b) {
  Mat3 out;
  for (int r = 0; r < 3; ++r) {
    out.row[r] = a.row[r].x * b.row[0] + a.row[r].y * b.row[1] + a.row[r].z * b.row[2];
  }
  return out;
}

// The rotation of a quaternion of any length but zero.
inline Mat3 matrix_from_quaternion(double w, Vec3 v) {
  const double size = std::sqrt(w * w + dot(v, v)), scale = 1 / (size > 1e-8 ? size : 1e-8);
  const double s = w * scale, x = v.x * scale, y = v.y * scale, z = v.z * scale;
  return {{{1 - 2 * (y * y + z * z), 2 * (x * y - s * z), 2 * (x * z + s * y)},
           {2 * (x * y + s * z), 1 - 2 * (x * x + z * z), 2 * (y * z - s * x)},
           {2 * (x * z - s * y), 2 * (y * z + s * x), 1 - 2 * (x * x + y * y)}}};
}

// The rotation by an angle in radians about a unit axis.
inline Mat3 matrix_from_turn(double angle, Vec3 axis) {
  return matrix_from_quaternion(std::cos(0.5 * angle), std::sin(0.5 * angle) * axis);
}

// The rotation by axis times angle in radians.
inline Mat3 matrix_from_axis_angle(Vec3 turn) {
  const double angle = length(turn);
  return angle > 0 ? matrix_from_turn(angle, (1 / angle) * turn) : matrix_from_quaternion(1, {0, 0, 0});
}

// The rotation about +y by an angle in radians; it takes +z to (sin, 0, cos).
inline Mat3 matrix_from_yaw(double yaw) {
  const double c = std::cos(yaw), s = std::sin(yaw);
  return {{{c, 0, s}, {0, 1, 0}, {-s, 0, c}}};
}

// The rotation of least angle between unit vectors that are not opposite.
inline Mat3 shortest_turn(Vec3 start, Vec3 end) { return matrix_from_quaternion(1 + dot(start, end), cross(start, end)); }

}  // namespace genmo
