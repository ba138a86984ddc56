#pragma once
#include <memory>

namespace rocksdb {
class Env;
}

namespace muster::storage {

/// A disk that keeps only what was synced: bytes of an open file stay in this process until it is
/// synced or closed, so that kill -9 loses them as a power cut would. For tests.
/// Not modelled: directory entries and closed files, which stay.
std::shared_ptr<rocksdb::Env> make_forgetful_env();

}  // namespace muster::storage
