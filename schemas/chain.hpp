#pragma once
#include "schemas/records.hpp"

namespace muster {

/// The digest chain: after each entry, 64 bits over its index, the rows it put and erased, and the
/// digest before. Two members that have applied the same entry and agree on its digest have done
/// the same with all entries up to it; once they differ they never agree again. Finds faults, not
/// forgers. Made with XXH3.
class chain {
public:
  /// Goes on behind entry `at`, whose digest is known to be `so_far`. 0 behind a first entry: it is
  /// not known, and stays so.
  chain(log_index at, std::uint64_t so_far);

  void begin(log_index at);
  void put(const object& row);
  void erase(const row_key& key);
  /// Never 0, unless it is not known.
  [[nodiscard]] std::uint64_t value() const { return is_known_ ? value_of_known() : 0; }

  void add(std::uint64_t n);
  void add(std::uint64_t a, std::uint64_t b);
  void add(std::string_view text);

private:
  [[nodiscard]] std::uint64_t value_of_known() const { return digest_ == 0 ? 1 : digest_; }

  std::uint64_t digest_;
  bool is_known_;
};

}  // namespace muster
