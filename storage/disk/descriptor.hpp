#pragma once
#include <fcntl.h>
#include <unistd.h>

namespace muster::storage {

struct descriptor {
  int fd = -1;
  explicit descriptor(int opened) : fd(opened) {}
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
};

}  // namespace muster::storage
