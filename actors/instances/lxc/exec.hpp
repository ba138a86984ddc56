#pragma once
#include "actors/instances/lxc/lxc_driver.hpp"

namespace muster::instances {

/// A command in a container, and this side's ends of its descriptors; closed by the destructor.
class exec_process {
public:
  exec_process() = default;
  exec_process(exec_process&& other) noexcept { *this = std::move(other); }
  exec_process& operator=(exec_process&& other) noexcept;
  ~exec_process() { close_all(); }

  pid_t helper = 0;
  int in = -1;  ///< write end of 0; with a terminal the same as `out`
  int out = -1;
  int err = -1;     ///< -1 with a terminal
  int exited = -1;  ///< pidfd of the helper

  void close_in();
  void close_all();
  void resize(unsigned columns, unsigned rows) const;
  /// To the command, whatever number: the helper hears it by another one.
  void signal(int number) const;
};

/// Starts it with pipes, or with a terminal of that size; descriptors do not block.
result<exec_process> begin_exec(const lxc_driver& driver, const container& c, const exec_wish& what,
                                unsigned columns, unsigned rows);

}  // namespace muster::instances
