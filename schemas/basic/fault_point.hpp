#pragma once

namespace muster {

/// A place where tests end or halt the process: MUSTER_TEST_FAULT or MUSTER_TEST_STOP names it,
/// with
/// ":N" for the N-th time. Costs two compares otherwise.
void fault_point(const char* name);

}  // namespace muster
