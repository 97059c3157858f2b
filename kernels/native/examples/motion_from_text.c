/* A motion from a text, in C: opens an engine, makes the motion and writes it as .bvh.
 *
 *   motion_from_text ENGINE "a person walks and waves" 120 walk.bvh
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int32_t show(void* user, float share) {
  fprintf(stderr, "\r%s %3.0f %%%s", (const char*)user, 100 * share, share < 1 ? "" : "\n");
  return 0; /* anything else cancels */
}

int main(int argc, char** argv) {
  genmo_model* model = NULL;
  genmo_error error = {0};
  genmo_generation wanted = {0};
  genmo_motion motion = {0};
  genmo_text text = {0};
  genmo_status status;
  int frames;
  if (argc != 5 || (frames = atoi(argv[3])) < 1) {
    fprintf(stderr, "usage: %s ENGINE TEXT FRAMES OUT.bvh\n", argv[0]);
    return 2;
  }
  error.size = sizeof error;
  motion.size = sizeof motion;
  motion.capacity = frames;
  motion.rotations = malloc((size_t)frames * GENMO_JOINTS * 4 * sizeof(float));
  motion.translation = malloc((size_t)frames * 3 * sizeof(float));
  motion.joints = malloc((size_t)frames * GENMO_JOINTS * 3 * sizeof(float));
  motion.offsets = malloc(GENMO_JOINTS * 3 * sizeof(float));
  text.prompt = argv[2];
  wanted.size = sizeof wanted;
  wanted.frames = frames;
  wanted.texts = &text;
  wanted.text_count = 1;
  wanted.progress = show;
  wanted.user = "making the motion";

  status = genmo_open(argv[1], NULL, &model, &error);
  if (status == GENMO_OK) status = genmo_generate(model, &wanted, &motion, &error);
  if (status != GENMO_OK) {
    fprintf(stderr, "%s: error: %s\n", argv[0], error.message);
  } else if (!write_bvh(argv[4], &motion)) {
    fprintf(stderr, "%s: error: cannot write %s\n", argv[0], argv[4]);
    status = GENMO_BAD_ARGUMENT;
  } else {
    const float* last = motion.joints + (motion.frames - 1) * GENMO_JOINTS * 3;
    printf("%s: %d frames; %s ends at %.3f %.3f %.3f m\n", argv[4], motion.frames, genmo_joint_name(0), last[0], last[1], last[2]);
  }
  genmo_close(model);
  free(motion.rotations);
  free(motion.translation);
  free(motion.joints);
  free(motion.offsets);
  return status == GENMO_OK ? 0 : 2;
}
