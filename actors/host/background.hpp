#pragma once
#include <sys/types.h>

namespace muster::host {

/// While it lives, the thread that made it leaves the processor to whoever else wants it: it moves
/// much, and the log must not wait for it. Without the right to come back nothing is changed.
class background {
public:
  background();
  ~background();
  background(const background&) = delete;
  background& operator=(const background&) = delete;

private:
  pid_t thread_ = 0;  ///< 0: it is as it was
};

}  // namespace muster::host
