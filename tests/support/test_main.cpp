#define BOOST_TEST_MODULE muster
#include <boost/test/included/unit_test.hpp>

#include <csignal>

/// As musterd: a peer that is gone is an error of the write, not the end of the process.
struct without_sigpipe {
  without_sigpipe() { std::signal(SIGPIPE, SIG_IGN); }
};
BOOST_TEST_GLOBAL_CONFIGURATION(without_sigpipe);
