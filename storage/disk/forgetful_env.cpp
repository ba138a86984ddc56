#include "storage/disk/forgetful_env.hpp"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <string>

namespace muster::storage {

namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

class forgetful_file final : public rocksdb::FSWritableFileOwnerWrapper {
public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;

  IOStatus Append(const rocksdb::Slice& data, const IOOptions&, IODebugContext*) override {
    unsynced_.append(data.data(), data.size());
    return IOStatus::OK();
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&, IODebugContext* context) override {
    return Append(data, options, context);
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus RangeSync(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* context) override {
    if (auto s = pass_on(options, context); !s.ok()) return s;
    return target()->Sync(options, context);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    if (auto s = pass_on(options, context); !s.ok()) return s;
    return target()->Fsync(options, context);
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options,
                    IODebugContext* context) override {
    if (auto s = pass_on(options, context); !s.ok()) return s;
    return target()->Truncate(size, options, context);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* context) override {
    if (auto s = pass_on(options, context); !s.ok()) return s;
    return target()->Close(options, context);
  }
  std::uint64_t GetFileSize(const IOOptions& options, IODebugContext* context) override {
    return target()->GetFileSize(options, context) + unsynced_.size();
  }

private:
  IOStatus pass_on(const IOOptions& options, IODebugContext* context) {
    if (unsynced_.empty()) return IOStatus::OK();
    auto s = target()->Append(unsynced_, options, context);
    unsynced_.clear();
    return s;
  }

  std::string unsynced_;
};

class forgetful_files final : public rocksdb::FileSystemWrapper {
public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "forgetful"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* context) override {
    std::unique_ptr<rocksdb::FSWritableFile> real;
    auto s = target()->NewWritableFile(name, options, &real, context);
    if (s.ok()) *file = std::make_unique<forgetful_file>(std::move(real));
    return s;
  }
};

}  // namespace

std::shared_ptr<rocksdb::Env> make_forgetful_env() {
  return rocksdb::NewCompositeEnv(
      std::make_shared<forgetful_files>(rocksdb::FileSystem::Default()));
}

}  // namespace muster::storage
