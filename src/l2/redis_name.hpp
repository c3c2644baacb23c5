#pragma once

// Names of what we keep in Redis: PREFIX:{TENANT/HASH}:e for an entry, :l for the lock of its fill, :w for "somebody waits for
// that lock"; and the channel PREFIX:wake. The braces are a cluster's hash tag: all that belongs to
// one key lies in one slot, and the keys of a tenant spread over all slots.

#include <string>
#include <string_view>

namespace tiercel::l2 {

// `key`: framed (append_key). The tenant is percent-escaped where it would end the tag, imitate another part, or be unreadable.
std::string entry_name(std::string_view prefix, std::string_view tenant, std::string_view key);
std::string lock_name(std::string_view prefix, std::string_view tenant, std::string_view key);
std::string waiters_name(std::string_view prefix, std::string_view tenant, std::string_view key);
std::string wake_channel(std::string_view prefix, unsigned database);

}  // namespace tiercel::l2
