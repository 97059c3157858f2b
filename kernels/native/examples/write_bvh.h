/* A motion as .bvh, as both examples write it. */
#ifndef GENMO_EXAMPLES_WRITE_BVH_H
#define GENMO_EXAMPLES_WRITE_BVH_H

#include <math.h>
#include <stdio.h>

#include "genmo/genmo.h"

static const float kDegrees = 57.29577951f;
static const float kCentimetres = 100.0f;

/* Angles about z, x and y, in degrees, of a quaternion x, y, z, w: R = Z X Y. */
static void euler_of(const float* q, float angles[3]) {
  const float x = q[0], y = q[1], z = q[2], w = q[3];
  float sine = 2 * (y * z + w * x);
  if (sine > 1) sine = 1;
  if (sine < -1) sine = -1;
  angles[0] = kDegrees * atan2f(-2 * (x * y - w * z), 1 - 2 * (x * x + z * z));
  angles[1] = kDegrees * asinf(sine);
  angles[2] = kDegrees * atan2f(-2 * (x * z - w * y), 1 - 2 * (x * x + y * y));
}

static int has_children(int joint) {
  for (int child = joint + 1; child < GENMO_JOINTS; ++child)
    if (genmo_joint_parent(child) == joint) return 1;
  return 0;
}

/* A joint and what hangs on it; notes in `order` how the channels of a frame follow each other. */
static void write_joint(FILE* file, const float* offsets, int joint, int depth, int* order, int* count) {
  const float* at = offsets + 3 * joint;
  const int indent = 2 * depth;
  order[(*count)++] = joint;
  fprintf(file, "%*s%s %s\n%*s{\n", indent, "", joint ? "JOINT" : "ROOT", genmo_joint_name(joint), indent, "");
  fprintf(file, "%*s  OFFSET %.6f %.6f %.6f\n", indent, "", kCentimetres * at[0], kCentimetres * at[1], kCentimetres * at[2]);
  fprintf(file, "%*s  CHANNELS %s Zrotation Xrotation Yrotation\n", indent, "", joint ? "3" : "6 Xposition Yposition Zposition");
  for (int child = joint + 1; child < GENMO_JOINTS; ++child)
    if (genmo_joint_parent(child) == joint) write_joint(file, offsets, child, depth + 1, order, count);
  if (!has_children(joint)) fprintf(file, "%*s  End Site\n%*s  {\n%*s    OFFSET 0 0 0\n%*s  }\n", indent, "", indent, "", indent, "", indent, "");
  fprintf(file, "%*s}\n", indent, "");
}

static int write_bvh(const char* path, const genmo_motion* motion) {
  int order[GENMO_JOINTS], count = 0;
  FILE* file = fopen(path, "w");
  if (!file) return 0;
  fprintf(file, "HIERARCHY\n");
  write_joint(file, motion->offsets, 0, 0, order, &count);
  fprintf(file, "MOTION\nFrames: %d\nFrame Time: %.8f\n", motion->frames, 1.0 / GENMO_FPS);
  for (int frame = 0; frame < motion->frames; ++frame) {
    const float* root = motion->translation + 3 * frame;
    fprintf(file, "%.6f %.6f %.6f", kCentimetres * root[0], kCentimetres * root[1], kCentimetres * root[2]);
    for (int i = 0; i < count; ++i) {
      float angles[3];
      euler_of(motion->rotations + (frame * GENMO_JOINTS + order[i]) * 4, angles);
      fprintf(file, " %.5f %.5f %.5f", angles[0], angles[1], angles[2]);
    }
    fprintf(file, "\n");
  }
  return fclose(file) == 0;
}

#endif
