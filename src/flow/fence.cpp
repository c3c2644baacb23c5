#include "flow/fence.hpp"

namespace tiercel::flow {

sequence stamp_of(const storable& s, const process_context&) { return s.stamp; }

}  // namespace tiercel::flow
