#pragma once

namespace muster {

/// A place where tests kill the process: MUSTER_TEST_FAULT names it. Costs a pointer compare
/// otherwise.
void fault_point(const char* name);

}  // namespace muster
