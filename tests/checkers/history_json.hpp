#pragma once
#include "schemas/basic/result.hpp"
#include "tests/checkers/history.hpp"

#include <istream>

namespace muster::checkers {

/// One JSON object a line: {"client":int,"op":"write|read|append","key":str,"value":str,
/// "start_us":int,"end_us":int,"outcome":"ok|fail|unknown","result":str}. Without "end_us" the
/// operation is open. @errors errc::bad_request names the line.
result<history> read_history(std::istream& in);

}  // namespace muster::checkers
