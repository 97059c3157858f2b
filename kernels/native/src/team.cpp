#include "team.h"

#include <sched.h>

namespace genmo {

namespace {

constexpr int kSpins = 2000;  // a barrier inside a step is short, but a busy machine may have taken the other's core

void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void Barrier::wait() {
  if (count_ == 1) return;
  const unsigned round = round_.load(std::memory_order_acquire);
  if (waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_) {
    waiting_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
    return;
  }
  for (int spins = 0; round_.load(std::memory_order_acquire) == round; ++spins)
    if (spins < kSpins)
      pause_briefly();
    else
      sched_yield();
}

bool Team::start(int threads) {
  while (started_ < threads - 1 && started_ < kMost - 1) {
    Member& member = members_[started_];
    member.team = this;
    member.index = started_ + 1;
    if (pthread_create(&member.thread, nullptr, live, &member) != 0) return false;
    ++started_;
  }
  return true;
}

Team::~Team() {
  pthread_mutex_lock(&lock_);
  closing_ = true;
  pthread_cond_broadcast(&begin_);
  pthread_mutex_unlock(&lock_);
  for (int i = 0; i < started_; ++i) pthread_join(members_[i].thread, nullptr);
}

void* Team::live(void* member) {
  const Member& self = *static_cast<Member*>(member);
  self.team->work(self.index);
  return nullptr;
}

void Team::work(int index) {
  uint64_t round = 0;
  pthread_mutex_lock(&lock_);
  for (;;) {
    while (!closing_ && round_ == round) pthread_cond_wait(&begin_, &lock_);
    if (closing_) break;
    round = round_;
    if (index >= count_) continue;
    const Task task = task_;
    void* const context = context_;
    const int count = count_;
    Barrier& barrier = *barrier_;
    pthread_mutex_unlock(&lock_);
    task(context, index, count, barrier);
    pthread_mutex_lock(&lock_);
    if (--left_ == 0) pthread_cond_signal(&end_);
  }
  pthread_mutex_unlock(&lock_);
}

void Team::run(Task task, void* context, int most) {
  const int count = most < size() ? most : size();
  if (count <= 1 || pthread_mutex_trylock(&busy_) != 0) {
    Barrier alone(1);
    task(context, 0, 1, alone);
    return;
  }
  Barrier barrier(count);
  pthread_mutex_lock(&lock_);
  task_ = task;
  context_ = context;
  barrier_ = &barrier;
  count_ = count;
  left_ = count - 1;
  ++round_;
  pthread_cond_broadcast(&begin_);
  pthread_mutex_unlock(&lock_);
  task(context, 0, count, barrier);
  pthread_mutex_lock(&lock_);
  while (left_ > 0) pthread_cond_wait(&end_, &lock_);
  pthread_mutex_unlock(&lock_);
  pthread_mutex_unlock(&busy_);
}

}  // namespace genmo
