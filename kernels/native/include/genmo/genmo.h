/* libgenmo: genmo's numerical stages as a C interface (C99; no header but stdint and stddef).
 *
 * No exceptions, no output, no locale, no threads of its own; a caller's memory in and out. Arrays are dense, row-major,
 * little-endian float64 unless a comment says otherwise; shapes are in brackets; rotations are 3 x 3 matrices that act
 * on column vectors. Nothing is written when the result is not GENMO_OK. */
#ifndef GENMO_H
#define GENMO_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && defined(GENMO_BUILDING)
#define GENMO_API __declspec(dllexport)
#elif defined(_WIN32)
#define GENMO_API __declspec(dllimport)
#else
#define GENMO_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header; rises with every change that a caller compiled against an older one could not bear. */
#define GENMO_ABI 1

typedef enum genmo_status {
  GENMO_OK = 0,
  GENMO_BAD_ARGUMENT = 1,
  GENMO_NO_MEMORY = 2,
  GENMO_UNSUPPORTED = 3, /* by this processor or this build */
  GENMO_SINGULAR = 4     /* equations without a solution, such as a parameter that nothing measures or holds */
} genmo_status;

/* Caller's memory; `size` is sizeof(genmo_error). Functions take NULL where no message is wanted. */
typedef struct genmo_error {
  uint32_t size;
  int32_t status; /* a genmo_status */
  char message[240];
} genmo_error;

GENMO_API uint32_t genmo_abi(void);
GENMO_API const char* genmo_version(void);

/* Instruction sets that this build holds and this processor runs, best first: "avx512", "avx2", "portable", ...; NULL
 * beyond the last. The first is in use until genmo_isa_select names another; not while other calls run. */
GENMO_API const char* genmo_isa(int32_t index);
GENMO_API const char* genmo_isa_in_use(void);
GENMO_API genmo_status genmo_isa_select(const char* name, genmo_error* error);

#ifdef __cplusplus
}
#endif

#endif
