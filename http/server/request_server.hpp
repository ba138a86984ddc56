#pragma once
#include "http/server/connection.hpp"
#include "http/server/front.hpp"

#include <memory>

namespace muster::http {

/// Answers single requests on a worker, with cpp-httplib's parser and writer. The only file pair
/// that knows it.
class request_server {
public:
  explicit request_server(const front_settings& with);
  ~request_server();
  /// The request at the front of `c.in`. False: the connection must be closed.
  bool serve(connection& c);

  static bool asks_for_upgrade(std::string_view head);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace muster::http
