#include "actors/host/background.hpp"

#include <cerrno>
#include <sys/resource.h>
#include <unistd.h>

namespace muster::host {

namespace {

constexpr int usual = 0;
constexpr int behind = 10;  ///< it goes on beside programs that use all of the processor

bool may_come_back() {
  rlimit limit{};
  return ::geteuid() == 0 || (::getrlimit(RLIMIT_NICE, &limit) == 0 && limit.rlim_cur >= 20);
}

}  // namespace

background::background() {
  const auto self = ::gettid();
  errno = 0;
  if (::getpriority(PRIO_PROCESS, static_cast<id_t>(self)) != usual || errno != 0 ||
      !may_come_back())
    return;
  if (::setpriority(PRIO_PROCESS, static_cast<id_t>(self), behind) == 0) thread_ = self;
}

background::~background() {
  if (thread_ != 0) (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(thread_), usual);
}

}  // namespace muster::host
