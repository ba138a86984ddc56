#pragma once
#include "http/message/message.hpp"

/// The answers of Incus's API, byte for byte.
namespace muster::http {

response sync(std::string_view metadata_json);
/// 200 with empty metadata.
response empty_sync();
/// 201 with where the new object is.
response created(const std::string& location);
/// 202; `operation_json` is the operation object.
response async(const std::string& uuid, std::string_view operation_json);
response error(const failure& why);
response error(int status, std::string_view text);
int status_of(errc code);

/// `"<sha256 of the writable part>"`.
std::string etag_of(std::string_view writable_json);
/// Asks for the writable part only if the request has If-Match. @errors errc::changed with Incus's
/// text.
status check_etag(const request& r, const std::function<std::string()>& writable_json);

}  // namespace muster::http
