/* A motion from a text, in C: opens an engine, makes the motion and writes it as .bvh.
 *
 *   motion_from_text ENGINE "a person walks and waves" 120 walk.bvh
 */
#include <stdio.h>
#include <stdlib.h>

#include "write_bvh.h"

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
