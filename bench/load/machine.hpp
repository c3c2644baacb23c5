#pragma once

#include <boost/json/object.hpp>

namespace tiercel::load {

// Processor, memory, kernel, load, and the programs under test with their versions.
boost::json::object describe_machine();

}  // namespace tiercel::load
