// Threads that work on one call together.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

namespace genmo {

// Where all threads of a call wait for each other.
class Barrier {
 public:
  explicit Barrier(int count) : count_(count) {}
  void wait();

 private:
  const int count_;
  std::atomic<int> waiting_{0};
  std::atomic<unsigned> round_{0};
};

typedef void (*Task)(void* context, int index, int count, Barrier& barrier);

// The caller's thread and `threads` - 1 of its own, which sleep between calls.
class Team {
 public:
  static constexpr int kMost = 64;

  Team() = default;
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  ~Team();

  // False when the system gives no more threads; those that were started are kept.
  bool start(int threads);
  // Runs `task(context, index, count, barrier)` on `count` threads and returns when all are done.  `count` is the size
  // of the team, or `most` where that is less, or 1 while another call has the team.
  void run(Task task, void* context, int most);
  int size() const { return 1 + started_; }

 private:
  struct Member {
    Team* team;
    int index;
    pthread_t thread;
  };
  static void* live(void* member);
  void work(int index);

  Member members_[kMost];
  int started_ = 0;
  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER, busy_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t begin_ = PTHREAD_COND_INITIALIZER, end_ = PTHREAD_COND_INITIALIZER;
  uint64_t round_ = 0;
  int count_ = 0, left_ = 0;
  bool closing_ = false;
  Task task_ = nullptr;
  void* context_ = nullptr;
  Barrier* barrier_ = nullptr;
};

}  // namespace genmo
