/* A motion from keypoints, in C: opens an engine, reads a person's keypoints, estimates the motion and writes it as .bvh.
 *
 *   motion_from_keypoints ENGINE KEYPOINTS.txt 1280 720 run.bvh
 *
 * KEYPOINTS.txt: a line a frame, 30 frames a second, of 51 numbers: x and y in pixels and confidence of COCO's 17 points, confidence
 * 0 where one is unseen. 1280 720 is the image's size. */
#include <stdio.h>
#include <stdlib.h>

#include "write_bvh.h"

enum { kNumbers = 51, kMostFrames = 65536, kLongestLine = 8192 };

/* The numbers of a line; 0 where it has not as many as it should. */
static int read_line(const char* line, float* numbers) {
  char* end;
  for (int i = 0; i < kNumbers; ++i, line = end) {
    numbers[i] = strtof(line, &end);
    if (end == line) return 0;
  }
  while (*line == ' ' || *line == '\t' || *line == '\r' || *line == '\n') ++line;
  return *line == 0;
}

/* Points [frames, 17, 3] to be freed; NULL after a message. */
static float* read_points(const char* program, const char* path, int* frames) {
  char line[kLongestLine];
  float* points = NULL;
  FILE* file = fopen(path, "r");
  *frames = 0;
  while (file && *frames < kMostFrames && fgets(line, sizeof line, file)) {
    float* more = realloc(points, ((size_t)*frames + 1) * kNumbers * sizeof(float));
    if (!more || !read_line(line, more + (size_t)*frames * kNumbers)) {
      fprintf(stderr, "%s: error: %s, line %d; wanted 51 numbers a line: x, y and confidence of 17 points\n", program, path, *frames + 1);
      free(more ? more : points);
      fclose(file);
      return NULL;
    }
    points = more;
    ++*frames;
  }
  if (!file || !*frames) fprintf(stderr, "%s: error: %s has no line that can be read; wanted 51 numbers a line\n", program, path);
  if (file) fclose(file);
  return points;
}

int main(int argc, char** argv) {
  genmo_model* model = NULL;
  genmo_error error = {0};
  genmo_keypoints keypoints = {0};
  genmo_motion motion = {0};
  genmo_status status;
  float* points;
  int frames;
  if (argc != 6) {
    fprintf(stderr, "usage: %s ENGINE KEYPOINTS.txt WIDTH HEIGHT OUT.bvh\n", argv[0]);
    return 2;
  }
  points = read_points(argv[0], argv[2], &frames);
  if (!points) return 2;
  keypoints.size = sizeof keypoints;
  keypoints.frames = frames;
  keypoints.points = points;
  keypoints.image_width = atof(argv[3]);
  keypoints.image_height = atof(argv[4]);
  error.size = sizeof error;
  motion.size = sizeof motion;
  motion.capacity = frames;
  motion.rotations = malloc((size_t)frames * GENMO_JOINTS * 4 * sizeof(float));
  motion.translation = malloc((size_t)frames * 3 * sizeof(float));
  motion.offsets = malloc(GENMO_JOINTS * 3 * sizeof(float));

  status = genmo_open(argv[1], NULL, &model, &error);
  if (status == GENMO_OK) status = genmo_estimate(model, &keypoints, NULL, &motion, &error);
  if (status != GENMO_OK) {
    fprintf(stderr, "%s: error: %s\n", argv[0], error.message);
  } else if (!write_bvh(argv[5], &motion)) {
    fprintf(stderr, "%s: error: cannot write %s\n", argv[0], argv[5]);
    status = GENMO_BAD_ARGUMENT;
  } else {
    const float* last = motion.translation + (motion.frames - 1) * 3;
    printf("%s: %d frames; %s ends at %.3f %.3f %.3f m\n", argv[5], motion.frames, genmo_joint_name(0), last[0], last[1], last[2]);
  }
  genmo_close(model);
  free(motion.rotations);
  free(motion.translation);
  free(motion.offsets);
  free(points);
  return status == GENMO_OK ? 0 : 2;
}
