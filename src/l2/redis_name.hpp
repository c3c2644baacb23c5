#pragma once

// Names of what we keep in Redis: PREFIX:{TENANT/HASH}:e for an entry. The braces are a cluster's hash tag: all that belongs to
// one key lies in one slot, and the keys of a tenant spread over all slots.

#include <string>
#include <string_view>

namespace tiercel::l2 {

// `key`: framed (append_key). The tenant is percent-escaped where it would end the tag, imitate another part, or be unreadable.
std::string entry_name(std::string_view prefix, std::string_view tenant, std::string_view key);

}  // namespace tiercel::l2
