/* Endless motion in C: prompts follow each other, each for so many frames, and what came out is written as .bvh. A game would take the
 * frames one by one, on a thread of its own, and ask for as many as it shows; here all are kept.
 *
 *   motion_without_end ENGINE OUT.bvh "a person walks" 90 "a person jumps" 60
 */
#include <stdio.h>
#include <stdlib.h>

#include "write_bvh.h"

/* The next frames into the rest of a motion's arrays. */
static genmo_status next_frames(genmo_generator* generator, int frames, genmo_motion* motion, genmo_error* error) {
  genmo_motion rest = *motion;
  genmo_status status;
  rest.capacity = motion->capacity - motion->frames;
  rest.rotations += motion->frames * GENMO_JOINTS * 4;
  rest.translation += motion->frames * 3;
  status = genmo_generator_next(generator, frames, &rest, error);
  motion->frames += rest.frames;
  return status;
}

int main(int argc, char** argv) {
  genmo_model* model = NULL;
  genmo_generator* generator = NULL;
  genmo_error error = {0};
  genmo_motion motion = {0};
  genmo_status status;
  int i;
  for (i = 4; i < argc && atoi(argv[i]) > 0; i += 2) motion.capacity += atoi(argv[i]);
  if (argc < 5 || argc % 2 == 0 || i < argc) {
    fprintf(stderr, "usage: %s ENGINE OUT.bvh TEXT FRAMES [TEXT FRAMES]...\n", argv[0]);
    return 2;
  }
  error.size = sizeof error;
  motion.size = sizeof motion;
  motion.rotations = malloc((size_t)motion.capacity * GENMO_JOINTS * 4 * sizeof(float));
  motion.translation = malloc((size_t)motion.capacity * 3 * sizeof(float));
  motion.offsets = malloc(GENMO_JOINTS * 3 * sizeof(float));

  status = genmo_open(argv[1], NULL, &model, &error);
  if (status == GENMO_OK) status = genmo_generator_open(model, NULL, &generator, &error);
  for (i = 3; i < argc && status == GENMO_OK; i += 2) {
    status = genmo_generator_prompt(generator, argv[i], &error);
    if (status == GENMO_OK) status = next_frames(generator, atoi(argv[i + 1]), &motion, &error);
  }
  if (status != GENMO_OK) {
    fprintf(stderr, "%s: error: %s\n", argv[0], error.message);
  } else if (!write_bvh(argv[2], &motion)) {
    fprintf(stderr, "%s: error: cannot write %s\n", argv[0], argv[2]);
    status = GENMO_BAD_ARGUMENT;
  } else {
    printf("%s: %d frames; %d more are ready\n", argv[2], motion.frames, genmo_generator_ready(generator));
  }
  genmo_generator_close(generator);
  genmo_close(model);
  free(motion.rotations);
  free(motion.translation);
  free(motion.offsets);
  return status == GENMO_OK ? 0 : 2;
}
