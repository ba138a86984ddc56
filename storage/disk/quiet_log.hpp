#pragma once
#include <rocksdb/env.h>

#include <memory>

namespace muster::storage {

/// RocksDB's own log goes nowhere: its file lies on the same disk, and once that is full the next
/// line ends the process by an assertion. What matters comes back as a status.
class quiet_log final : public rocksdb::Logger {
public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

}  // namespace muster::storage
