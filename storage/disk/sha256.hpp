#pragma once
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace muster {

/// 32 bytes.
std::string sha256(std::string_view bytes);
/// Lower case, two digits a byte.
std::string hex(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);

/// Of bytes that come part by part.
class running_sha256 {
public:
  running_sha256();
  void take(std::string_view part);
  /// 32 bytes; begins anew.
  std::string finish();

private:
  struct free_context {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, free_context> context_;
};

}  // namespace muster
