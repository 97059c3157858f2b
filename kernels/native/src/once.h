// Values that a program needs one of, made when they are asked for first.
#pragma once

#include <pthread.h>

#include <new>

namespace genmo {

// The one T of the program; of several threads one makes it and the others wait.  A function's `static` would do the same, but brings the C++
// runtime's guards into the library and, behind them, its exceptions: 80 KB where the runtime is LLVM's.
template <typename T>
const T& made_once() {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  alignas(T) static unsigned char place[sizeof(T)];
  pthread_once(&once, [] { new (place) T; });
  return *std::launder(reinterpret_cast<const T*>(place));
}

}  // namespace genmo
