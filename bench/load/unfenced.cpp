// Takes the place of src/flow/fence.cpp in tiercel-unfenced: an answer is stamped when it is stored. The invalidation that came while it
// was fetched is then older than the answer, and so of no concern to it.

#include "flow/fence.hpp"

namespace tiercel::flow {

sequence stamp_of(const storable&, const process_context& p) { return p.valid.applied(); }

}  // namespace tiercel::flow
