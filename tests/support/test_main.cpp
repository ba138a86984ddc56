#define BOOST_TEST_MODULE muster
#include <boost/test/included/unit_test.hpp>
